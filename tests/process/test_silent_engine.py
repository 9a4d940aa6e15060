"""An engine that takes calls and never answers: what needs it says so soon, and nothing else waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from orchestra.actions.landing.merge import merge
from orchestra.actions.messaging import messages
from orchestra.actions.session import manage, pair
from orchestra.actions.session.spawn import spawn
from orchestra.actions.work import review
from orchestra.actions.workspace import recover, up
from orchestra.drivers.sandbox import docker, docker_client
from orchestra.errors import EngineDown, EngineSilent
from orchestra.model import SandboxKind
from orchestra.names import PERSON
from orchestra.project import Project
from orchestra.service.watch.jobs import ENGINE_REST, Jobs
from tests.support.projects import HostProject
from tests.support.services import eventually
from tests.support.silent_engine import SilentEngine, silent_engine

MANY = 3


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentEngine]:
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    for module, name in ((docker_client, "_ASK_DEADLINE"), (docker, "LOOK_DEADLINE"), (docker, "CALL_DEADLINE")):
        monkeypatch.setattr(module, name, 1)
    monkeypatch.setattr(docker_client.connect, "__defaults__", (1,))
    monkeypatch.setattr(docker_client, "SPARED", 3600.0)
    with silent_engine() as made:
        monkeypatch.setenv("DOCKER_HOST", made.address)
        yield made


@pytest.fixture
def contained(host: HostProject, silent: SilentEngine) -> Iterator[Project]:
    """A project with several sessions that are recorded to run in containers."""
    for number in range(MANY):
        host.spawn(f"one-{number}")
    store = host.project.store
    for session in store.sessions.all():
        store.sessions.update(session.name, sandbox=SandboxKind.DOCKER)
    assert silent.calls == 0
    yield host.project
    for session in store.sessions.all():
        store.sessions.update(session.name, sandbox=SandboxKind.HOST)


def test_it_is_told_what_to_look_at(silent: SilentEngine) -> None:
    with pytest.raises(EngineSilent) as caught:
        docker_client.require_engine()
    assert silent.address in caught.value.message
    assert "did not answer in time" in caught.value.message
    assert "docker info" in caught.value.hint


def test_it_is_asked_once_by_many(silent: SilentEngine) -> None:
    with pytest.raises(EngineSilent):
        docker_client.require_engine()
    before = silent.calls
    for _ in range(MANY):
        with pytest.raises(EngineSilent):
            docker_client.connect()
    assert silent.calls == before


def test_it_is_asked_again_after_a_while(silent: SilentEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_client, "SPARED", 0.0)
    with pytest.raises(EngineSilent):
        docker_client.require_engine()
    before = silent.calls
    with pytest.raises(EngineSilent):
        docker_client.connect()
    assert silent.calls > before
    silent.answers = True

    def is_answered() -> bool:
        with suppress(EngineSilent):
            return docker_client.connect() is not None
        return False

    assert eventually(is_answered)


def test_one_call_that_took_long_makes_nobody_else_wait_in_vain(silent: SilentEngine) -> None:
    silent.answers = True
    docker_client.require_engine()
    silent.answers = False
    with pytest.raises(EngineSilent), docker_client.translated("wait"):
        docker_client.connect().ping()
    silent.answers = True
    assert docker_client.connect() is not None


def test_those_who_ask_first_do_not_wait_for_each_other(silent: SilentEngine) -> None:
    gate = threading.Barrier(MANY)

    def ask() -> None:
        gate.wait(60)
        with suppress(EngineDown):
            docker_client.connect()

    with ThreadPoolExecutor(MANY) as pool:
        for _ in range(MANY):
            pool.submit(ask)
        eventually(lambda: silent.most >= MANY - 1)


LOOKS: dict[str, Callable[[Project], object]] = {
    "list": manage.list_sessions,
    "show": lambda project: manage.show(project, "one-1"),
    "log": lambda project: manage.log(project, "one-1"),
    "diff": lambda project: review.diff(project, "one-1"),
    "inbox": lambda project: messages.inbox(project, "one-1"),
    "send": lambda project: messages.send(project, sender=PERSON, recipient="one-1", text="hello"),
    "down": up.down,
}


NEEDS: dict[str, Callable[[Project], object]] = {
    "up": lambda project: up.up(project, tmux_socket="unused", tmux_session="unused", sandbox="docker"),
    "new": lambda project: spawn(project, title="more", sandbox="docker"),
    "stop": lambda project: manage.stop(project, "one-1"),
    "resume": lambda project: manage.resume(project, "one-1"),
    "merge": lambda project: merge(project, "one-1"),
    "review": lambda project: review.review(project, "one-1"),
    "delete": lambda project: manage.delete(project, "one-1"),
    "delete --force": lambda project: manage.delete(project, "one-1", force=True),
    "pair": lambda project: pair.pair(project, "one-1"),
}


def test_what_needs_no_engine_does_not_ask_it_and_the_rest_says_so_soon(
    contained: Project, silent: SilentEngine
) -> None:
    """The first who asks waits for it, and one more; the others are told at once, however many they are."""
    for look in LOOKS.values():
        look(contained)
    assert silent.calls == 0
    for need in NEEDS.values():
        with pytest.raises(EngineSilent):
            need(contained)
    assert silent.calls <= 2
    assert not contained.store.sessions.get("one-1").paired
    assert contained.store.sessions.find("more") is None
    troubles = recover.reconcile(contained)
    stopped = up.down(contained, stop=True)
    assert len(troubles) == len(stopped["troubled"]) == MANY
    assert ["did not answer in time" in str(trouble) for trouble in troubles] == [True] * MANY
    assert silent.calls <= 2


def test_what_only_a_silent_engine_kept_from_being_done_is_tried_again_soon() -> None:
    now, ended = [0.0], threading.Event()
    jobs = Jobs(clock=lambda: now[0], ended=ended.set)

    def job() -> None:
        now[0] += 60.0
        raise EngineSilent("nothing")

    for _ in range(MANY):
        assert jobs.offer("commits", job, pause=0.3)
        assert ended.wait(60)
        ended.clear()
        now[0] += ENGINE_REST
