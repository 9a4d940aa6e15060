"""What the sandbox and tmux show: containers and windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BoxState(StrEnum):
    """The state of a session's box, from the engine or the process table."""

    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class BoxSight:
    """The observed state of a box; ``code`` is the exit code if it has exited.

    ``mounts`` are the paths inside it that show something of the host; None if unknown.
    """

    state: BoxState
    code: int | None = None
    started_at: str = ""
    mounts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class BoxEnd:
    """What an engine tells of a box that has ended by itself; ``at`` is the engine's time."""

    name: str
    code: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """One tmux window that shows a session; ``pane`` is where the agent is shown.

    ``shared`` says that it is a grid, which shows other sessions too.
    """

    id: str
    session: str
    project: str
    pane: str
    dead: bool
    active: bool
    shared: bool = False
