"""The queue of landings: who waits to be merged into which branch, and what the checks said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EntryState(StrEnum):
    """The progress of an entry in the queue.

    PROPOSED: the designer asked, or the work changed in a way that needs the person's approval again. RETURNED: it was
    sent back to its author after a conflict or a failed check, and is queued again when that reports COMPLETE.
    UNDONE: it had landed, and was taken back. WITHDRAWN: it left the queue without landing; its reason says why.
    """

    PROPOSED = "proposed"
    QUEUED = "queued"
    CHECKING = "checking"
    RETURNED = "returned"
    LANDED = "landed"
    UNDONE = "undone"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Entry:
    """One session's place in the queue of the branch ``target``; the smallest ``position`` comes first.

    ``check`` is a command to run instead of the checks in the settings; None for those. ``head`` is the commit to land;
    empty for the one that the session has by then. ``approved`` is the commit that the person approved. ``most`` limits
    how many are checked together with it. ``reason`` is why it was returned or withdrawn, or why
    nothing lands there at present; ``error`` the same as JSON, for what was returned or withdrawn.
    ``commit`` is where its landing moved the branch to, ``before`` where that was, and
    ``undo`` where the branch was moved to in order to take it back. ``instead_of`` are the ids of the sessions that are
    deleted once it has landed.
    ``proof`` says how many items of its spec were proved when it was last checked; empty if it has none.
    """

    id: int
    session_id: int
    session: str
    target: str
    strategy: str
    check: str | None
    state: EntryState
    asked_by: str
    added_at: datetime
    changed_at: datetime
    position: float
    head: str = ""
    approved: str = ""
    most: int = 0
    reason: str = ""
    error: str = ""
    commit: str = ""
    before: str = ""
    undo: str = ""
    instead_of: tuple[int, ...] = ()
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A command that must succeed on the merged files within ``timeout`` seconds.

    ``script`` is what runs instead, for a check whose command only says what it is.
    """

    name: str
    command: str
    timeout: float
    script: str = ""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One run of a check: on which tree, how it ended, and the last of its output.

    ``code`` is None if it did not end in time. ``seconds`` is how long it took.
    """

    entry: int
    tree: str
    name: str
    command: str
    code: int | None
    output: str
    seconds: float
    at: datetime

    @property
    def passed(self) -> bool:
        """Whether the command succeeded."""
        return self.code == 0

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        return "no end in time" if self.code is None else f"exit code {self.code}"
