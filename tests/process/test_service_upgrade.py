"""Messages under way when Orchestra is upgraded to the one that keeps deliveries in a table: none lost, none twice."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestra.actions.messaging import messages
from orchestra.model import Channel, Intent, MessageState, Sign, State
from orchestra.project import Project
from orchestra.service.delivery import in_flight
from orchestra.service.delivery.hook_reply import take_hook
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.wake import wake
from orchestra.store.migrations import MIGRATIONS
from tests.support.services import make_project

LISTENER = 7


@pytest.fixture
def upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Project]]:
    """Make a project whose alpha, a Claude Code at rest, has a message waiting; reopen it as upgraded from 0013."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    session = made.store.sessions.update("alpha", agent="claude", intent=Intent.RUN, state=State.IDLE)
    made.store.sessions.record_sign("alpha", Sign.TURN_ENDED, "")
    number = messages.send(made, sender="main", recipient="alpha", text="PURPLE").id
    opened: list[Project] = [made]

    def upgraded(*, woken: bool = False, left: bool = False, typed: int | None = None) -> Project:
        made.store.close()
        notes = {f"offered.{session.id}": [[number], left]} if typed is None else {}
        if woken:
            notes[f"woken.{session.id}"] = [LISTENER, time.monotonic(), [number], []]
        with closing(sqlite3.connect(made.paths.database)) as database:
            for statement in (
                "DROP TABLE deliveries",
                "DROP TABLE prompts",
                *MIGRATIONS["0005-notes"],
                *MIGRATIONS["0009-typed"][:2],
            ):
                database.execute(statement)
            database.execute("DELETE FROM migrations WHERE name = '0014-deliveries'")
            database.executemany("INSERT INTO notes VALUES (?, ?)", [(key, json.dumps(notes[key])) for key in notes])
            if typed is not None:
                database.execute(
                    "INSERT INTO typed VALUES (?, ?, 0, 'an earlier service', ?)", (number, session.id, typed)
                )
            database.commit()
        opened.append(Project(made.paths))
        return opened[-1]

    yield upgraded
    opened[-1].store.close()


def hook(project: Project, event: str, **payload: str) -> str:
    session = project.store.sessions.get("alpha")
    reply = take_hook(project, session, event, dict(payload), presence=Presence(since=0.0))
    if reply:
        in_flight.answer_left(project, session)
    return str(reply)


def state(project: Project) -> MessageState:
    (found,) = project.store.messages.select(recipient="alpha")
    return found.state


def test_what_a_listener_took_is_given_to_no_other_and_confirmed_by_the_next_hook(
    upgrade: Callable[..., Project],
) -> None:
    project = upgrade(woken=True, left=True)
    session = project.store.sessions.get("alpha")
    assert not wake(project, session, LISTENER + 1, Presence())
    assert in_flight.waiting(project, session, Channel.TYPED) == []
    assert "PURPLE" not in hook(project, "UserPromptSubmit", prompt="<task-notification>")
    assert state(project) is MessageState.DELIVERED


def test_a_listener_that_had_no_answer_before_the_upgrade_gets_it_after(upgrade: Callable[..., Project]) -> None:
    project = upgrade(woken=True, left=True)
    assert "PURPLE" in wake(project, project.store.sessions.get("alpha"), LISTENER, Presence())


def test_a_reply_that_was_sent_is_confirmed_by_the_next_hook(upgrade: Callable[..., Project]) -> None:
    project = upgrade(left=True)
    assert "PURPLE" not in hook(project, "PostToolUse", tool_name="Bash")
    assert state(project) is MessageState.DELIVERED


def test_a_reply_that_was_not_sent_is_given_once_more(upgrade: Callable[..., Project]) -> None:
    project = upgrade(left=False)
    assert "PURPLE" in hook(project, "PostToolUse", tool_name="Bash")
    assert "PURPLE" not in hook(project, "PostToolUse", tool_name="Bash")
    assert state(project) is MessageState.DELIVERED


def test_what_was_just_typed_is_brought_by_nothing_else(upgrade: Callable[..., Project]) -> None:
    project = upgrade(typed=0)
    session = project.store.sessions.get("alpha")
    assert not wake(project, session, LISTENER, Presence())
    assert in_flight.waiting(project, session, Channel.TYPED) == []
    (waits,) = project.store.messages.select(recipient="alpha")
    assert "PURPLE" not in hook(project, "UserPromptSubmit", prompt="my own words")
    hook(project, "UserPromptSubmit", prompt=messages.quoted([waits]))
    assert state(project) is MessageState.DELIVERED
