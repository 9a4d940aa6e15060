"""What a session changed: files, lines, commits and landings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class DiffStat:
    """How much a session changed since its base, uncommitted and untracked files included.

    ``uncounted`` is the number of files whose lines are not counted, because there are too many.
    """

    files: int = 0
    insertions: int = 0
    deletions: int = 0
    uncounted: int = 0


class FileStatus(StrEnum):
    """How a file differs between two trees; the values are git's letters (git-diff(1), --raw)."""

    ADDED = "A"
    DELETED = "D"
    MODIFIED = "M"
    RENAMED = "R"
    RETYPED = "T"


class Scope(StrEnum):
    """Which changes of a session are reviewed.

    BRANCH: all since its base, uncommitted ones included. COMMIT: those of its last commit. LOOKED: those since the
    person's last review.
    """

    BRANCH = "branch"
    COMMIT = "commit"
    LOOKED = "looked"


_LINK, _MODULE = "120000", "160000"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file that differs between two trees, with its modes and object ids as git writes them.

    ``old_path`` is empty unless it was renamed.
    """

    path: str
    status: FileStatus
    old_mode: str
    new_mode: str
    old_id: str
    new_id: str
    old_path: str = ""

    @property
    def mark(self) -> str:
        """What differs once the file's content or mode has changed."""
        return f"{self.new_mode} {self.new_id}"

    @property
    def is_link(self) -> bool:
        """Whether it is or was a symlink."""
        return _LINK in {self.old_mode, self.new_mode}

    @property
    def is_module(self) -> bool:
        """Whether it is or was another repository."""
        return _MODULE in {self.old_mode, self.new_mode}

    @property
    def changes_mode(self) -> bool:
        """Whether it became executable, or no longer is."""
        return self.status in {FileStatus.MODIFIED, FileStatus.RENAMED} and self.old_mode != self.new_mode


@dataclass(frozen=True, slots=True)
class LineCounts:
    """How many lines of a file were added and removed; ``binary`` if git does not count them."""

    insertions: int = 0
    deletions: int = 0
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Sides:
    """Two sessions whose files are compared, by name: removed lines are of ``old``, added ones of ``new``.

    ``new`` is number ``number`` of the ``others`` sessions that ``old`` is compared with, one after the other.
    """

    old: str
    new: str
    number: int = 1
    others: int = 1


@dataclass(frozen=True, slots=True)
class Changes:
    """The files that differ between two trees, in the order of their paths; ``notes`` say what is left out.

    ``warnings`` are what the person should know before they read them. ``old`` and ``new`` are the ids of the trees, or
    of commits. ``sides`` are the sessions if two are compared, None for the changes of one.
    """

    scope: Scope
    old: str
    new: str
    files: tuple[ChangedFile, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sides: Sides | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a session's branch."""

    id: str
    subject: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Landing:
    """A merge of a session's work that is about to move a branch from the commit ``old`` to ``new``."""

    session: str
    branch: str
    new: str
    old: str


WHAT_WAS = ""
"""Wanted when a try is to end. A tree would not say so: a session's files may become equal to what was there."""


@dataclass(frozen=True, slots=True)
class Tryout:
    """A session's files, shown in the person's checkout.

    The commit ``anchor``, kept by ``ref``, holds what was there. The checkout shows the tree ``shown``, and is to show
    ``wanted``, or `WHAT_WAS`; they differ while it is being changed. ``mark`` is that of the session's changes that are
    shown. ``stopped`` is why later changes are not; empty while they are. ``with_index`` says that the index is to be
    put back, too.
    """

    session: str
    ref: str
    anchor: str
    shown: str
    wanted: str
    mark: str
    since: datetime
    stopped: str = ""
    with_index: bool = False
