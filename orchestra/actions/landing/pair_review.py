"""Review two sessions against each other: what one would have to change to become the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NoReturn

from orchestra.actions.work.looked_at import LookedAt
from orchestra.actions.work.review import base_of, require_executor
from orchestra.drivers.git import isolated, worktree_diff, worktree_snapshot
from orchestra.drivers.git.worktree_snapshot import Frozen
from orchestra.errors import NotFound, OrchestraError, Refused, UsageError
from orchestra.model import ChangedFile, Changes, Placed, Scope, Session, Sides, Target

if TYPE_CHECKING:
    from orchestra.project import Project

_CACHE = "review"
"""The directory of a look, the same as that of a review of one session."""


class PairReview(LookedAt):
    """The differences from one session's present files to those of each other one, one after the other.

    Any thread may use it. It only reads: nothing in the database or the repository changes.
    """

    def __init__(self, project: Project, *names: str) -> None:
        super().__init__(f"orchestra review {' '.join(names)}")
        self._project = project
        self._one, *self._others = dict.fromkeys(names)
        if not self._others:
            raise UsageError(f"{self._one} has nothing to be compared with", hint="name another session")
        for name in (self._one, *self._others):
            require_executor(project.store.sessions.get(name))
        self._at = 0

    @property
    def name(self) -> str:
        """Both names, in the direction of the differences."""
        return f"{self.sides.old} → {self.sides.new}"

    @property
    def sides(self) -> Sides:
        """The two sessions that the next look compares."""
        return Sides(self._one, self._others[self._at], self._at + 1, len(self._others))

    def turn(self, by: int) -> None:
        """Compare with another one from the next look on; after the last comes the first."""
        self._at = (self._at + by) % len(self._others)

    def prepare(self, scope: Scope) -> None:
        """Do nothing: all is in the worktrees."""

    def changes(self, scope: Scope = Scope.BRANCH) -> Changes:
        """Look at both worktrees again, and return the files that differ; raises the errors of a look."""
        with self._looking:
            sides = self.sides
            one, other = (self._project.store.sessions.get(name) for name in (sides.old, sides.new))
            self._look.close()
            looks = {session.name: self._see(session) for session in (one, other)}
            self._git = isolated.reading(looks[other.name].git, looks[one.name].git)
            old, new = (worktree_diff.write_tree(look) for look in looks.values())
            files, more = self._listed(old, new)
        notes = (*self._bases(one, other), *_left_out(looks), *more)
        return Changes(scope, old, new, files, notes, sides=sides)

    def _see(self, session: Session) -> Frozen:
        if not session.worktree.is_dir():
            raise NotFound(f"the worktree of {session.name} is gone", hint=f"see: orchestra show {session.name}")
        cache = self._project.session_paths(session).root / _CACHE
        try:
            return self._look.enter_context(worktree_snapshot.look(self._project.repository, session.worktree, cache))
        except OrchestraError as error:
            raise Refused(f"{session.name} cannot be compared: {error.message}", hint=error.hint) from error

    def _bases(self, one: Session, other: Session) -> Iterator[str]:
        if base_of(self._project, one) != base_of(self._project, other):
            yield "they began at different commits: what was committed in between differs too"

    def comments(self, changes: Changes) -> tuple[Placed, ...]:  # noqa: ARG002 -- as of any other source
        """Return nothing: comments are on the work of one session."""
        return ()

    def viewed(self) -> Mapping[str, str]:
        """Return nothing: files are marked as viewed in the review of one session."""
        return {}

    def leave(self) -> None:
        """Do nothing: no session was reviewed."""

    def set_viewed(self, file: ChangedFile, *, viewed: bool) -> NoReturn:  # noqa: ARG002 -- as of any other source
        """Raise Refused, as all that follow do."""
        self._refuse()

    def save_comment(self, changes: Changes, about: Target, text: str, number: int) -> NoReturn:  # noqa: ARG002 -- as above
        """Raise Refused."""
        self._refuse()

    def delete_comment(self, number: int) -> NoReturn:  # noqa: ARG002 -- as above
        """Raise Refused."""
        self._refuse()

    def send_comments(self) -> NoReturn:
        """Raise Refused."""
        self._refuse()

    def settle_comment(self, number: int, *, settled: bool) -> NoReturn:  # noqa: ARG002 -- as above
        """Raise Refused."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        hint = f"type: orchestra review {self.sides.new}"
        raise Refused("files are viewed, and comments written, in the review of one session", hint=hint)


def _left_out(looks: Mapping[str, Frozen]) -> Iterator[str]:
    """Say of each session what its look left out."""
    for name, look in looks.items():
        yield from (f"{name}: {note}" for note in worktree_diff.left_out(look))
