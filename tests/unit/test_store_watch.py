"""When the control pane notices that the store has changed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from inotify_simple import INotify

from orchestra.control import store_watch
from orchestra.control.store_watch import StoreWatch
from orchestra.drivers import file_events
from orchestra.errors import StoreError
from orchestra.store import Store
from tests.support.stores import add
from tests.support.tmux import until

LATE = 600.0


class Pump:
    """Calls at once what an app would call later."""

    def call_later(self, callback: Callable[[], None]) -> None:
        """Call it."""
        callback()


class Watched:
    """A store that another process changes, and how often that was noticed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen = 0
        self.other = Store.open(path)
        self.records = Store.open(path)
        self.watch = StoreWatch(cast("Any", Pump()), self.records, self._count)

    def _count(self) -> None:
        self.seen += 1

    def is_changed(self) -> None:
        """Change the store, and wait until that is noticed."""
        before = self.seen
        add(self.other, f"one-{before}")
        until(lambda: self.seen > before, "the change")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "state.db")
    yield made
    made.watch.end()
    made.watch.join(timeout=60)
    assert not made.watch.is_alive()
    for store in (made.other, made.records):
        store.close()


def begin(watched: Watched) -> None:
    watched.watch.start()
    until(lambda: watched.seen, "what was there before")


def test_the_kernel_tells_of_every_change(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_watch, "_CHECK", LATE)
    begin(watched)
    for _ in range(5):
        watched.is_changed()


@pytest.fixture
def no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(**_: object) -> INotify:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(file_events, "INotify", refuses)


@pytest.mark.usefixtures("no_events")
def test_changes_are_noticed_where_the_system_gives_no_events(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_watch, "_CHECK", LATE)
    begin(watched)
    for _ in range(3):
        watched.is_changed()


def test_an_event_that_got_lost_is_made_good_by_a_look(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "log_file", watched.path.with_name("another"))
    begin(watched)
    watched.is_changed()


def test_a_store_that_cannot_be_read_counts_as_changed(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Store) -> int:
        raise StoreError("broken")

    begin(watched)
    before = watched.seen
    monkeypatch.setattr(Store, "data_version", broken)
    add(watched.other, "one")
    until(lambda: watched.seen > before, "the trouble")
