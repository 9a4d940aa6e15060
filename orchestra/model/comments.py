"""Comments of the person on a session's work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CommentState(StrEnum):
    """The progress of a comment.

    DRAFT: not sent yet. OPEN: sent. ANSWERED: the session has committed a change of what it is about, or replied.
    SETTLED: the person needs nothing more.
    """

    DRAFT = "draft"
    OPEN = "open"
    ANSWERED = "answered"
    SETTLED = "settled"


class Side(StrEnum):
    """Which text of a changed file a comment is about: that before the change, or that after it."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Target:
    """What a comment is about: lines, counted from 1, of a file; a file if ``first`` is 0; all if there is no path.

    ``blob`` is the git id of the text that was commented on.
    """

    path: str = ""
    side: Side = Side.NEW
    first: int = 0
    last: int = 0
    blob: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; ``number`` counts a session's comments, ``round`` what was sent together, 0 for a draft.

    ``quoted`` are the lines as they were. ``head`` is the session's last commit in which an answer was looked for,
    ``commit`` the one that answered it, ``reply`` what the session says to it, ``message`` the message it was sent in.
    """

    session_id: int
    number: int
    round: int
    state: CommentState
    target: Target
    quoted: str
    text: str
    made_at: datetime
    changed_at: datetime
    head: str = ""
    message: int | None = None
    commit: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lines of a comment are now; ``outdated`` if none is left, and then ``last`` is what is there instead.

    ``path`` is empty if the file is gone too.
    """

    path: str = ""
    first: int = 0
    last: int = 0
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A comment, and where its lines are now."""

    comment: Comment
    place: Place


@dataclass(frozen=True, slots=True)
class RoundProgress:
    """How far a session is with what was sent to it: of its last round, and the open and answered ones of all."""

    total: int = 0
    answered: int = 0
    open: int = 0
    unsettled: int = 0
