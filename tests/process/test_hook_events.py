"""What hooks lead to, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.actions.messaging.messages import send
from orchestra.model import Sign, State
from orchestra.project import Project
from orchestra.service.delivery.hook_reply import take_hook
from orchestra.service.delivery.presence import Presence
from tests.support.services import make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


def restarts(project: Project) -> State:
    """Start alpha's agent again, as a resumed container does, and return the state it is in once it is ready."""
    project.store.sessions.record_sign("alpha", Sign.LAUNCHED, "starts")
    take_hook(project, project.store.sessions.get("alpha"), "Ready", {}, presence=Presence())
    return project.store.sessions.get("alpha").state


def test_what_was_done_is_done_after_a_restart(project: Project) -> None:
    send(project, sender="alpha", recipient="main", text="COMPLETE: all of it")
    assert restarts(project) is State.DONE


def test_a_message_since_the_report_makes_it_idle(project: Project) -> None:
    send(project, sender="alpha", recipient="main", text="COMPLETE: all of it")
    send(project, sender="main", recipient="alpha", text="One more thing.")
    assert restarts(project) is State.IDLE


def test_what_never_reported_is_idle(project: Project) -> None:
    assert restarts(project) is State.IDLE


def test_only_an_answer_answers_a_question(project: Project) -> None:
    """A notice of Orchestra's own, or a changed spec, leaves the question open."""
    send(project, sender="alpha", recipient="main", text="QUESTION: which one?")
    send(project, sender="orchestra", recipient="alpha", text="The branch moved.", kind="notice")
    send(project, sender="user", recipient="alpha", text="The spec changed.", kind="spec")
    assert project.store.sessions.get("alpha").waits_for is not None
    send(project, sender="main", recipient="alpha", text="The second.")
    assert project.store.sessions.get("alpha").waits_for is None
