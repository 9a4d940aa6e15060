"""What each session would bring to which branch, as the forecast compares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra.drivers.git.trial_merges import Work
from orchestra.drivers.git.worktree_snapshot import objects_of
from orchestra.merge_queue import WAITING
from orchestra.model import Entry, Role, Session

if TYPE_CHECKING:
    from orchestra.project import Project

_LANDED = 1000


@dataclass(frozen=True, slots=True)
class Side:
    """What one session would bring to the branch ``target``; empty if it has no branch to be merged into.

    Of a ``group`` only one will be merged.
    """

    session: int
    target: str
    work: Work
    group: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of all sides.

    ``heads`` are the commits of the person's checkout, and ``landed`` is the last landing: with another one, branches
    may have moved.
    """

    sides: tuple[Side, ...]
    heads: tuple[str, ...]
    landed: int


class Sides:
    """Reads the sides of one project; for one thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._trees: dict[str, str] = {}

    def read(self) -> Facts:
        """Return what each executor has to be merged; what has landed already is left out."""
        store = self._project.store
        sessions, landed = store.sessions.all(), store.queue.landed(_LANDED)
        done = {(entry.session_id, entry.head) for entry in landed}
        sides = tuple(side for side in self._sides(sessions) if not self._has_landed(side, done))
        heads = tuple(session.head for session in sessions if session.role is Role.DESIGNER)
        return Facts(sides, heads, max((entry.id for entry in landed), default=0))

    def _sides(self, sessions: list[Session]) -> Iterator[Side]:
        seen = self._project.store.notes.seen_trees()
        entries = {entry.session_id: entry for entry in self._project.store.queue.open()}
        for session in sessions:
            entry = entries.get(session.id)
            work = _work(session, seen, entry)
            if session.role is Role.EXECUTOR and work is not None:
                yield Side(session.id, entry.target if entry else session.base_branch, work, session.group_name)

    def _has_landed(self, side: Side, landed: set[tuple[int, str]]) -> bool:
        """Return whether all of a session's work has landed: after a squash, git does not know that."""
        work = side.work
        if (side.session, work.tip) not in landed:
            return False
        if work.tip not in self._trees:
            self._trees[work.tip] = self._project.repository.tree(work.tip)
        return work.tree in {"", self._trees[work.tip]}


def _work(session: Session, seen: Mapping[int, tuple[str, str]], entry: Entry | None) -> Work | None:
    """Return the commit that a session waits with in the queue, else its worktree, else its last commit."""
    if entry is not None and entry.state in WAITING and entry.head:
        return Work(entry.head)
    if session.id in seen:
        tree, tip = seen[session.id]
        return Work(tip, tree)
    return None if session.head in {"", session.base} else Work(session.head)


def branches(project: Project, sides: tuple[Side, ...]) -> dict[str, str]:
    """Return the commits of the branches that the sides are to be merged into; those that are gone are left out."""
    names = {f"refs/heads/{side.target}": side.target for side in sides if side.target}
    found = project.repository.refs(*names) if names else {}
    return {names[ref]: tip for ref, tip in found.items() if ref in names}


def objects(project: Project) -> list[Path]:
    """Return where the objects of what was seen in worktrees are."""
    return [objects_of(project.session_paths(session).root) for session in project.store.sessions.all()]
