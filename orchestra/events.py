"""What happened to sessions, as it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestra.model import State


class Outcome(StrEnum):
    """What an agent tells of one call of a tool.

    BEGUN: it has begun. OK: it succeeded. FAILED: it did not; of a command, that its exit status was not 0. UNKNOWN: it
    is over, or goes on in the background, and nothing was told of its result.
    """

    BEGUN = "begun"
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of an agent's tool, at its beginning or its end.

    ``tool`` is Bash, Edit, Write or Read for every agent, else the agent's own name. ``subject`` is the command, or the
    paths of the files, one a line. ``key`` is the agent's id of the call. ``code`` is the exit status of a command;
    ``passed`` and ``failed`` are the tests that its output counts. None and empty is what the agent does not tell.
    """

    tool: str
    outcome: Outcome
    subject: str = ""
    key: str = ""
    code: int | None = None
    passed: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a session, in the order of recording.

    ``state`` is the session's state from then on; None if the event tells nothing about it.
    """

    id: int
    session: str
    at: datetime
    kind: str
    text: str
    state: State | None = None
    call: ToolCall | None = None
