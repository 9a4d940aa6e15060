"""A session, and what is known about its agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from orchestra.model.changes import DiffStat


class Role(StrEnum):
    """The role of a session, which decides what its agent may do."""

    DESIGNER = "designer"
    EXECUTOR = "executor"


class State(StrEnum):
    """What a session's agent is doing, according to the evidence."""

    STARTING = "starting"
    WORKING = "working"
    WAITING = "waiting"
    IDLE = "idle"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Sign(StrEnum):
    """One kind of evidence about what an agent does."""

    LAUNCHED = "launched"
    READY = "ready"
    TURN_STARTED = "turn-started"
    TOOL_USED = "tool-used"
    PROMPTED = "prompted"
    TURN_ENDED = "turn-ended"
    TURN_FAILED = "turn-failed"
    ENDED = "ended"
    ASKED = "asked"
    ANSWERED = "answered"
    COMPLETED = "completed"
    REPORTED_ERROR = "reported-error"
    EXITED = "exited"
    VANISHED = "vanished"
    STOPPED = "stopped"
    PANE_ACTIVE = "pane-active"
    PANE_QUIET = "pane-quiet"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sign behind a session's state, and its text; there is none at first.

    As text, as in JSON, it is ``sign: text``, or only one of the two.
    """

    sign: Sign | None = None
    text: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.sign, self.text) if part)

    @classmethod
    def parse(cls, shown: str) -> Evidence:
        """Turn a text back into evidence."""
        sign, _, text = shown.partition(": ")
        return cls(Sign(sign), text) if sign in _SIGNS else cls(None, shown)


_SIGNS = frozenset(Sign)


class Intent(StrEnum):
    """What the person or the designer wants a session to be."""

    RUN = "run"
    STOP = "stop"
    DELETE = "delete"


class SandboxKind(StrEnum):
    """Where an agent runs: in its own container, or on the host."""

    DOCKER = "docker"
    HOST = "host"


LIVE = "live"
"""What `Session.tried` says while the person's checkout follows the session."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session as it is recorded; ``state`` is the last one seen, with its time and evidence.

    ``trouble`` is what keeps its worktree from showing its branch, with what to type after an arrow.

    ``base`` is a commit id, ``base_branch`` the branch it was taken from (empty for a detached
    one). ``head`` is the last commit imported, ``imported`` says when. ``waits_for`` is the id of
    a question that has no answer yet. ``conversation`` is the agent's own id for its conversation.
    ``image`` is what its container was made from. ``private_branch`` is what its branch is called in its
    private git until that can follow a renaming; empty where it is called the same.
    ``forced`` and ``remove_worktree`` say how it was asked to be deleted. ``anchor`` is the ref that
    holds its worktree as it was, ``git_anchor`` what the refs begin with that hold all else its own
    git had. ``restoring`` is true while its files are being put back.
    ``cost`` (US dollars), ``tokens_in`` and ``tokens_out`` are what it has used since it was created, ``context`` how
    full its model's window is (percent), ``used_model`` that model; None where its agent does not tell.
    ``limited_until`` is when a limit of the model's service ends. ``stuck`` is why it seems to make no progress;
    empty while it does. ``allowance`` is the cost up to which its budget does not count.
    ``counting`` is how its changes are counted if not at once, and why. ``tried`` is how the person's checkout shows
    its files: `LIVE`, or why it shows no later ones; empty if it does not.
    ``group_name`` is that of the group with the same task, empty without one. ``handover`` is what its agent is told of
    those that worked before it. ``home_name`` is the directory of its agent's home; empty for the first agent's.
    """

    id: int
    name: str
    title: str
    role: Role
    agent: str
    sandbox: SandboxKind
    branch: str
    base: str
    base_branch: str
    worktree: Path
    parent: str | None
    intent: Intent
    state: State
    state_since: datetime
    evidence: Evidence
    created_at: datetime
    conversation: str
    model: str = ""
    head: str = ""
    commits: int = 0
    diff: DiffStat = field(default_factory=DiffStat)
    summary: str = ""
    window: str | None = None
    paired: bool = False
    waits_for: int | None = None
    token_hash: str = ""
    trouble: str = ""
    image: str = ""
    private_branch: str = ""
    forced: bool = False
    remove_worktree: bool = False
    anchor: str = ""
    git_anchor: str = ""
    restoring: bool = False
    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    context: float | None = None
    used_model: str | None = None
    limited_until: datetime | None = None
    stuck: str = ""
    counting: str = ""
    tried: str = ""
    allowance: float = 0.0
    group_name: str = ""
    handover: str = ""
    home_name: str = ""
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """One version of a session's spec, counted from 1."""

    session: str
    version: int
    text: str
    author: str
    at: datetime
