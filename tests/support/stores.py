"""What the tests of the store share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestra.model import Role, SandboxKind, Session
from orchestra.store import Store

START = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time


def add(store: Store, name: str, **values: object) -> Session:
    usual: dict[str, object] = {
        "name": name,
        "title": name,
        "role": Role.EXECUTOR,
        "agent": "plain",
        "sandbox": SandboxKind.HOST,
        "branch": f"orchestra/{name}",
        "base": "a" * 40,
        "base_branch": "trunk",
        "worktree": Path("/w") / name,
        "parent": "main",
    }
    return store.sessions.add(**(usual | values))
