"""Model values that the tests of views and of the control pane share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestra.events import Event
from orchestra.model import (
    DiffStat,
    Evidence,
    Intent,
    Message,
    MessageKind,
    MessageState,
    Role,
    SandboxKind,
    Session,
    Sign,
    State,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOSTILE = "\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\u202ed[red]x[/red]\udcff\r\n\x00"
"""Clears the screen, writes the clipboard, colours, turns the direction round, and is markup to rich."""


def session(name: str, state: State = State.WORKING, **values: object) -> Session:
    usual: dict[str, object] = {
        "id": 1,
        "name": name,
        "title": name,
        "role": Role.EXECUTOR,
        "agent": "claude",
        "sandbox": SandboxKind.DOCKER,
        "branch": f"orchestra/{name}",
        "base": "a" * 40,
        "base_branch": "trunk",
        "worktree": Path("/w") / name,
        "parent": "main",
        "intent": Intent.RUN,
        "state": state,
        "state_since": NOW - timedelta(minutes=3),
        "evidence": Evidence(Sign.TOOL_USED, "edits app.py"),
        "created_at": NOW - timedelta(hours=1),
        "conversation": "",
        "diff": DiffStat(3, 120, 4),
        "commits": 2,
    }
    return Session(**(usual | values))  # type: ignore[arg-type]  # the fields' types are the dataclass's own


def designer() -> Session:
    return session(
        "main", State.IDLE, role=Role.DESIGNER, parent=None, diff=DiffStat(), evidence=Evidence(Sign.READY, "ready")
    )


def event(kind: str, text: str, seconds: int = 5, number: int = 1) -> Event:
    return Event(number, "a", NOW - timedelta(seconds=seconds), kind, text)


def message(text: str, *, sender: str = "a", recipient: str = "main", number: int = 1) -> Message:
    return Message(number, sender, recipient, MessageKind.QUESTION, text, NOW, MessageState.QUEUED, NOW)
