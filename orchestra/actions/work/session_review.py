"""Read the changes of one session: the list of files first, then each file's text on its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestra.actions.permissions import permit_process
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.work import comments
from orchestra.actions.work.comment_places import CommentPlaces, note_answers
from orchestra.actions.work.looked_at import LookedAt
from orchestra.actions.work.review import base_of
from orchestra.comments import lines_of, quoted_in
from orchestra.drivers.git import looked_tree, tree_diff, worktree_diff, worktree_snapshot
from orchestra.drivers.git.command import Git
from orchestra.errors import NotFound, OrchestraError, UsageError
from orchestra.model import (
    ChangedFile,
    Changes,
    Comment,
    CommentState,
    Placed,
    Role,
    Scope,
    Session,
    Side,
    Target,
    with_whom,
)

if TYPE_CHECKING:
    from orchestra.project import Project

_CACHE = "review"
"""The directory of a review's own look, so that the service's looks do not wait for it."""


class SessionReview(LookedAt):
    """The changes of one session, from one look at its worktree until the next; any thread may use it.

    ``cache`` names the directory that makes the next look fast; only one review at a time can have it.
    """

    def __init__(self, project: Project, name: str, *, cache: str = _CACHE) -> None:
        super().__init__(f"orchestra review {name}")
        self._project = project
        self._cache = cache
        self._session = project.store.sessions.get(name)
        self._seen = self._tip = ""
        self._places = CommentPlaces(project)

    @property
    def name(self) -> str:
        """The session's name."""
        return self._session.name

    @property
    def sides(self) -> None:
        """Nothing: these are the changes of one session."""

    def turn(self, by: int) -> None:
        """Do nothing: there is no other session."""

    def prepare(self, scope: Scope) -> None:
        """Bring in the commits that the last commit is looked for in; what cannot be brought in is left out."""
        # The container may not answer, and what was imported before can be read all the same.
        if scope is Scope.COMMIT:
            with suppress(OrchestraError):
                import_commits(self._project, self._session)

    def changes(self, scope: Scope) -> Changes:
        """Look at the worktree again, and return the files that changed; raises the errors of a look."""
        with self._looking:
            session = self._session = self._project.store.sessions.get(self.name)
            notes = self._look_again(session)
            old, new = self._ends(session, scope)
            files, more = self._listed(old, new)
        return Changes(scope, old, new, files, (*notes, *more), self._warnings())

    def _warnings(self) -> tuple[str, ...]:
        whom = with_whom(self._project.store.forecasts.all().get(self.name, ()))
        return (f"will conflict with {whom}",) if whom else ()

    def patch_to_apply(self, take: Callable[[bytes], bool]) -> bool:
        """Pass on the whole branch as `worktree_diff.patch` does, for ``git apply``."""
        base = base_of(self._project, self._session)
        return worktree_diff.patch(self._project.repository, self._session.worktree, base, take)

    def viewed(self) -> dict[str, str]:
        """Return the marks of the files that were viewed, by path."""
        return self._project.store.viewed.marks(self._session.id)

    def set_viewed(self, file: ChangedFile, *, viewed: bool) -> None:
        """Remember that a file, as it is now, was viewed, or forget it."""
        if viewed:
            self._project.store.viewed.add(self._session.id, file.path, file.mark)
        else:
            self._project.store.viewed.discard(self._session.id, file.path)

    def comments(self, changes: Changes) -> Sequence[Placed]:
        """Return all comments on the session's work, and where their lines are now."""
        session = self._project.store.sessions.get(self.name)
        # Without an answer of git, what is known of the comments is shown all the same.
        with suppress(OrchestraError):
            note_answers(self._project, session)
        return self.place(changes, self._project.store.comments.of(session.id))

    def place(self, changes: Changes, found: Sequence[Comment]) -> list[Placed]:
        """Return where the lines of comments are."""
        return self._places.placed(self._running, changes, found)

    def target(self, changes: Changes, path: str, side: Side, first: int, last: int) -> Target:
        """Return what a comment is about; raises NotFound without such a file, UsageError without such lines."""
        if not path:
            return Target()
        file = next((one for one in changes.files if one.path == path), None)
        if file is not None:
            blob = file.old_id if side is Side.OLD else file.new_id
        else:
            blob = tree_diff.blob_at(self._running, changes.old if side is Side.OLD else changes.new, path)
        if not blob.strip("0") and (first or file is None):
            raise NotFound(f"{self.name} has no file {path!r}", hint=f"see: orchestra diff {self.name}")
        count = len(lines_of(tree_diff.file_lines(self._running, blob) or b"")) if first else 0
        if first and not 0 < first <= last <= count:
            raise UsageError(f"{path!r} has {count:,} lines of text", hint="name lines that it has, as FILE:10-12")
        return Target(path, side, first, last if first else 0, blob)

    def draft(self, target: Target, text: str) -> Comment:
        """Store the draft of a comment, with the lines that it is about; the same draft is stored once."""
        content = tree_diff.file_lines(self._running, target.blob) if target.first else None
        quoted = quoted_in(content, target) if content is not None else ""
        store, session = self._project.store, self._session.id
        with store.together():
            drafts = (one for one in store.comments.of(session) if one.state is CommentState.DRAFT)
            known = next((one for one in drafts if (one.target, one.text) == (target, text)), None)
            return known or store.comments.add(session, target, text, quoted=quoted, content=content)

    def save_comment(self, changes: Changes, about: Target, text: str, number: int) -> int:
        """Store the text of draft ``number``, or without a number a new draft; return the draft's number.

        Raises what `orchestra.actions.work.comments` does, as the next three do too.
        """
        permit_process(os.getpid(), "comment")
        if number:
            comments.edit_comment(self._project, self.name, number, text)
            return number
        target = self.target(changes, about.path, about.side, about.first, about.last)
        return self.draft(target, comments.checked(text)).number

    def delete_comment(self, number: int) -> None:
        """Throw a draft away."""
        permit_process(os.getpid(), "delete_comment")
        comments.delete_comment(self._project, self.name, number)

    def send_comments(self) -> str:
        """Send all drafts, and return what to tell the person."""
        permit_process(os.getpid(), "send_comments")
        sent = comments.send_comments(self._project, self.name)
        return f"round {sent['round']} is sent, with {sent['comments']} of your comments"

    def settle_comment(self, number: int, *, settled: bool) -> None:
        """Settle a comment that was sent, or open it again."""
        permit_process(os.getpid(), "settle_comment")
        change = comments.settle_comment if settled else comments.reopen_comment
        change(self._project, self.name, number)

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

    def _keep(self, git: Git) -> None:
        repository = self._project.repository
        looked_tree.keep(repository, git, self._session.id, self._seen, self._tip)
        looked_tree.drop_others(repository, [session.id for session in self._project.store.sessions.all()])

    def _look_again(self, session: Session) -> tuple[str, ...]:
        self._look.close()
        cache = self._project.session_paths(session).root / self._cache
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
        repository = self._project.repository
        executor = session.role is Role.EXECUTOR
        head = (session.head or session.base) if executor else repository.head()[0]
        if executor and head == session.base:
            return head, head
        try:
            return repository.resolve(f"{head}^"), head
        except NotFound:
            return head, head
