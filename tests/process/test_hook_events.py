"""What hooks lead to, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestra.actions.messaging.messages import send
from orchestra.actions.work.accounts import Accounts
from orchestra.events import Outcome
from orchestra.model import ItemState, Sign, State
from orchestra.project import Project
from orchestra.service.delivery.hook_reply import take_hook
from orchestra.service.delivery.presence import Presence
from orchestra.service.oversight import Oversight
from tests.support.services import make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


def hears(project: Project, agent: str, event: str, **payload: Any) -> None:  # noqa: ANN401 -- JSON
    """Take a hook of alpha's agent, which is of a kind."""
    session = project.store.sessions.update("alpha", agent=agent)
    take_hook(project, session, event, payload, presence=Presence())


def test_the_account_tells_how_commands_ended_also_where_that_is_told_later(project: Project) -> None:
    accounts = Accounts(project.store)
    given = {"tool_name": "Bash", "tool_input": {"command": "pytest -q"}, "tool_use_id": "call_1"}
    hears(project, "codex", "UserPromptSubmit", prompt="Test it.")
    hears(project, "codex", "PreToolUse", **given)
    running = accounts.of(project.store.sessions.get("alpha")).now.running
    assert running is not None
    assert running.command == "pytest -q"
    hears(project, "codex", "PostToolUse", **given, tool_response="1 failed in 0.1s")
    hears(project, "codex", "Stop", last_assistant_message="It fails.")
    (test,) = accounts.of(project.store.sessions.get("alpha")).so_far.tests
    assert (test.outcome, test.tests_passed) == (Outcome.UNKNOWN, None)
    hears(project, "codex", "CommandEnded", **given, exit_code=1, output="1 failed, 2 passed in 0.1s")
    told = accounts.of(project.store.sessions.get("alpha"))
    (test,) = told.so_far.tests
    assert (test.outcome, test.code, test.tests_passed, test.failed) == (Outcome.FAILED, 1, False, 1)
    assert told.now.state is State.IDLE
    assert told == replace(Accounts(project.store).of(project.store.sessions.get("alpha")), at=told.at)
    assert [event.kind for event in project.store.events.since("alpha")][-1] == "tool-result"


def test_a_command_that_fails_again_and_again_is_noticed_where_its_result_is_told_late(project: Project) -> None:
    for number in range(3):
        given = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": f"call_{number}"}
        hears(project, "codex", "PreToolUse", **given)
        hears(project, "codex", "PostToolUse", **given, tool_response="no rule")
        hears(project, "codex", "CommandEnded", **given, exit_code=2, output="no rule")
    Oversight(project).look()
    assert project.store.sessions.get("alpha").stuck == "failed 3 times in a row: runs make"


def test_the_account_has_the_messages_the_question_and_the_spec(project: Project) -> None:
    send(project, sender="alpha", recipient="main", text="Begun.")
    send(project, sender="main", recipient="alpha", text="Good.")
    send(project, sender="alpha", recipient="main", text="QUESTION: which one?")
    project.store.specs.save("alpha", "- [ ] the first\n- [x] the second\n", "user")
    told = Accounts(project.store).of(project.store.sessions.get("alpha"))
    assert (told.so_far.sent, told.so_far.received) == (2, 1)
    assert (told.now.state, told.now.asks) == (State.WAITING, "asks main: which one?")
    assert told.next.waits_for == "an answer from main"
    assert [(one.text, one.state) for one in told.next.items] == [
        ("the first", ItemState.OPEN),
        ("the second", ItemState.CLAIMED),
    ]


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
