"""The service's thread that works through the queues, on real git, without an engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestra.actions.landing.merge import merge
from orchestra.actions.landing.process import process
from orchestra.errors import EngineDown, Refused
from orchestra.model import EntryState
from orchestra.project import Project
from orchestra.service import lander
from orchestra.service.lander import Lander
from tests.support.local_sandbox import World
from tests.support.services import eventually


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World.make(tmp_path / "w", monkeypatch)
    for name in ("alpha", "beta"):
        made.spawn(name)
        made.works(name)
    return made


@contextmanager
def landing(project: Project) -> Iterator[Lander]:
    """Let the thread run, quick to look again."""
    started = Lander(project, beat=0.05, retry=0.05)
    started.start()
    try:
        yield started
    finally:
        started.stop()


def landed(project: Project) -> set[str]:
    """Return the names of the sessions that have landed."""
    return {entry.session for entry in project.store.queue.landed()}


def test_what_is_queued_lands_without_anybody_waiting(world: World) -> None:
    project = world.project
    for name in ("alpha", "beta"):
        merge(world.project, name, wait=False)
    with landing(project):
        eventually(lambda: landed(project) == {"alpha", "beta"})
        world.works("alpha")
        assert merge(world.project, "alpha")["into"] == "main"


@pytest.mark.parametrize("error", [RecursionError("a bug"), EngineDown("no engine answers")])
def test_neither_a_bug_nor_a_silent_engine_ends_the_thread(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    project = world.project
    merge(world.project, "alpha", wait=False)
    left = [error, error]
    look = Lander.look

    def stumbles(started: Lander) -> None:
        if len(left) == 2:
            raise left.pop()
        look(started)

    def fails(*args: object, **settings: object) -> None:
        if left:
            raise left.pop()
        process(*args, **settings)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(Lander, "look", stumbles)
    monkeypatch.setattr(lander, "process", fails)
    with landing(project):
        eventually(lambda: landed(project) == {"alpha"})
    assert left == []


def test_what_cannot_be_signed_leaves_the_queue_and_says_why(world: World) -> None:
    """Also of a batch; what is queued once the key is there lands."""
    project = world.project
    world.git("config", "--global", "commit.gpgsign", "true")
    world.git("config", "--global", "gpg.program", "/bin/false")
    for name in ("alpha", "beta"):
        merge(project, name, wait=False)
    with landing(project):
        eventually(lambda: not project.store.queue.open())
        with pytest.raises(Refused, match="could not sign"):
            merge(project, "alpha")
        world.git("config", "--global", "commit.gpgsign", "false")
        merge(project, "alpha")
        assert landed(project) == {"alpha"}


@pytest.mark.parametrize(
    ("error", "why"), [(EngineDown("no engine answers"), "no engine answers"), (RecursionError("a bug"), "a fault of")]
)
def test_what_holds_a_queue_up_is_said_until_it_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    project, ready = world.project, threading.Event()

    def fails(*args: object, **settings: object) -> None:
        if not ready.is_set():
            raise error
        process(*args, **settings)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(lander, "process", fails)
    entry = merge(project, "alpha", wait=False)
    said: list[str] = []
    with landing(project), ThreadPoolExecutor(1) as pool:
        eventually(lambda: why in project.store.queue.waiting("main")[0].reason)
        done = pool.submit(merge, project, "alpha", progress=said.append)
        eventually(lambda: any(why in line for line in said))
        ready.set()
        done.result(timeout=60)
    assert entry["state"] == "queued"
    (now,) = project.store.queue.landed()
    assert (now.state, now.reason) == (EntryState.LANDED, "")
