"""Read the changes of one session: the list of files first, then each file's text on its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.work.review import base_of
from orchestra.drivers.git import looked_tree, tree_diff, worktree_diff, worktree_snapshot
from orchestra.drivers.git.command import Git
from orchestra.errors import NotFound, OrchestraError, Refused
from orchestra.model import ChangedFile, Changes, LineCounts, Role, Scope, Session

if TYPE_CHECKING:
    from orchestra.project import Project

_CACHE = "review"
"""The directory of a review's own look, so that the service's looks do not wait for it."""


class SessionReview:
    """The changes of one session, from one look at its worktree until the next; any thread may use it."""

    def __init__(self, project: Project, name: str) -> None:
        self._project = project
        self._session = project.store.sessions.get(name)
        self._look = ExitStack()
        self._git: Git | None = None
        self._seen = self._tip = ""
        self._looking = threading.Lock()
        self._closed = False

    @property
    def name(self) -> str:
        """The session's name."""
        return self._session.name

    def changes(self, scope: Scope) -> Changes:
        """Look at the worktree again, and return the files that changed; raises the errors of a look."""
        with self._looking:
            session = self._session = self._project.store.sessions.get(self.name)
            notes = self._look_again(session)
            old, new = self._ends(session, scope)
            if self._closed:
                self._give_back()
            files, whole = tree_diff.changed_files(self._running, old, new)
        if not whole:
            notes += (f"only the first {len(files):,} changed files are listed",)
        return Changes(scope, old, new, tuple(files), notes)

    def counts(self, changes: Changes) -> dict[str, LineCounts]:
        """Return how many lines of each file were added and removed."""
        return tree_diff.line_counts(self._running, changes.old, changes.new)

    def patch(self, changes: Changes, file: ChangedFile) -> str:
        """Return one file's changes as a unified diff."""
        return tree_diff.file_patch(self._running, changes.old, changes.new, file)

    def text(self, changes: Changes, take: Callable[[bytes], bool]) -> bool:
        """Pass on the changes of all files as one unified diff; returns False once ``take`` does."""
        return tree_diff.whole_patch(self._running, changes.old, changes.new, take)

    def patch_to_apply(self, take: Callable[[bytes], bool]) -> bool:
        """Pass on the whole branch as `worktree_diff.patch` does, for ``git apply``."""
        base = base_of(self._project, self._session)
        return worktree_diff.patch(self._project.repository, self._session.worktree, base, take)

    def sizes(self, file: ChangedFile) -> tuple[int | None, int | None]:
        """Return the bytes of a file before and after."""
        return tree_diff.file_sizes(self._running, file)

    def viewed(self) -> dict[str, str]:
        """Return the marks of the files that were viewed, by path."""
        return self._project.store.viewed.marks(self._session.id)

    def set_viewed(self, file: ChangedFile, *, viewed: bool) -> None:
        """Remember that a file, as it is now, was viewed, or forget it."""
        if viewed:
            self._project.store.viewed.add(self._session.id, file.path, file.mark)
        else:
            self._project.store.viewed.discard(self._session.id, file.path)

    def leave(self) -> None:
        """Remember what was seen as what the person last looked at."""
        # During another look, what was seen before it may be gone already.
        if not self._looking.acquire(blocking=False):
            return
        try:
            if self._git is not None:
                self._keep(self._git)
        finally:
            self._looking.release()

    def close(self) -> None:
        """Give back what the look holds, at once or, during a look, at its end."""
        self._closed = True
        if self._looking.acquire(blocking=False):
            self._give_back()
            self._looking.release()

    def _keep(self, git: Git) -> None:
        repository = self._project.repository
        looked_tree.keep(repository, git, self._session.id, self._seen, self._tip)
        looked_tree.drop_others(repository, [session.id for session in self._project.store.sessions.all()])

    def _give_back(self) -> None:
        self._git = None
        self._look.close()

    @property
    def _running(self) -> Git:
        if self._git is None:
            raise Refused("the review is closed", hint=f"type: orchestra review {self.name}")
        return self._git

    def _look_again(self, session: Session) -> tuple[str, ...]:
        self._look.close()
        cache = self._project.session_paths(session).root / _CACHE
        frozen = self._look.enter_context(worktree_snapshot.look(self._project.repository, session.worktree, cache))
        self._git, self._tip = frozen.git, frozen.tip
        self._seen = worktree_diff.write_tree(frozen)
        return worktree_diff.left_out(frozen)

    def _ends(self, session: Session, scope: Scope) -> tuple[str, str]:
        if scope is Scope.LOOKED:
            looked = looked_tree.last(self._project.repository, session.id)
            return looked or base_of(self._project, session), self._seen
        if scope is Scope.COMMIT:
            return self._last_commit(session)
        return base_of(self._project, session), self._seen

    def _last_commit(self, session: Session) -> tuple[str, str]:
        """Return the branch's last commit and the one before it; nothing differs without a commit of its own."""
        # The container may not answer; what was imported before can be read all the same.
        with suppress(OrchestraError):
            import_commits(self._project, session)
        session = self._project.store.sessions.get(session.name)
        repository = self._project.repository
        executor = session.role is Role.EXECUTOR
        head = (session.head or session.base) if executor else repository.head()[0]
        if executor and head == session.base:
            return head, head
        try:
            return repository.resolve(f"{head}^"), head
        except NotFound:
            return head, head
