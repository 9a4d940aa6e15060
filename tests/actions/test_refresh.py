"""Keeping the record true, in this process."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestra.actions.work.refresh import note_end, refresh_diff
from orchestra.model import BoxEnd, Sign, State
from tests.support.projects import HostProject
from tests.support.services import eventually


def test_what_others_need_to_know_of_a_diff_is_noted_when_it_changes(host: HostProject) -> None:
    one, store = host.spawn("one"), host.project.store

    def changes_nothing() -> bool:
        version = store.data_version()
        refresh_diff(host.project, one)
        return store.data_version() == version

    # A file as young as git's index is looked at once more: it may have changed since, within the same tick.
    eventually(changes_nothing)
    before = store.notes.diff_mark(one.id)
    host.write(one, "made.txt", "made\n")
    refresh_diff(host.project, one)
    assert before
    assert store.notes.diff_mark(one.id) != before


def tell(host: HostProject, at: datetime | None = None) -> State:
    """Tell that the agent of the session ``one`` ended, by default just now; return its state then."""
    box = host.project.box_name(host.session("one"))
    note_end(host.project, BoxEnd(box, 3, at or host.project.store.now()))
    return host.session("one").state


def test_an_end_that_was_told_is_recorded_once_with_its_code(host: HostProject) -> None:
    host.spawn("one")
    store = host.project.store
    store.sessions.record_sign("one", Sign.TURN_STARTED, "works")
    assert tell(host) is State.FAILED
    assert host.session("one").evidence.text.startswith("helper exited with code 3")
    assert tell(host) is State.FAILED
    ends = [event for event in store.events.select("one") if event.kind == Sign.EXITED]
    assert [event.text for event in ends] == [host.session("one").evidence.text]


def test_what_an_agent_did_since_its_told_end_counts(host: HostProject) -> None:
    host.spawn("one")
    ended = host.project.store.now()
    host.project.store.sessions.record_sign("one", Sign.TURN_STARTED, "works")
    assert tell(host, ended) is State.WORKING


def test_old_news_of_an_end_is_left_to_the_next_look(host: HostProject) -> None:
    host.spawn("one")
    long_ago = host.project.store.now() - timedelta(hours=1)
    host.project.store.sessions.record_sign("one", Sign.TURN_STARTED, "works")
    host.project.store.sessions.update("one", state_since=long_ago)
    assert tell(host, host.project.store.now() - timedelta(seconds=2)) is State.WORKING
    assert tell(host) is State.FAILED


def test_nobody_is_told_ended_while_somebody_changes_the_session(host: HostProject) -> None:
    host.spawn("one")
    host.project.store.sessions.record_sign("one", Sign.TURN_STARTED, "works")
    with host.project.lock("one"):
        assert tell(host) is State.WORKING
