"""Find the lines of comments in the files as they are now, and what a session has committed since."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from orchestra.comments import find, follow, lines_of
from orchestra.drivers.git import tree_diff
from orchestra.errors import CommandFailed
from orchestra.model import ChangedFile, Changes, Comment, CommentState, Place, Placed, Session, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestra.comments import Followed
    from orchestra.drivers.git.command import Git
    from orchestra.project import Project


class CommentPlaces:
    """Follows the lines of comments; what was followed once is remembered."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[tuple[str, str, int, int], Followed] = {}

    def placed(self, git: Git, changes: Changes, comments: Sequence[Comment]) -> list[Placed]:
        """Return where each comment's lines are between the two trees of ``changes``, which ``git`` has."""
        by_path = {path: file for file in changes.files for path in (file.old_path, file.path) if path}
        return [Placed(one, self._place(git, changes, one, by_path.get(one.target.path))) for one in comments]

    def follow(self, git: Git, comment: Comment, blob: str) -> Followed:
        """Return where a comment's lines are in the text ``blob``, which ``git`` has."""
        target = comment.target
        key = (target.blob, blob, target.first, target.last)
        if key not in self._known:
            after = lines_of(tree_diff.file_lines(git, blob) or b"")
            before = self._project.store.comments.content(target.blob)
            quoted = comment.quoted.encode("utf-8", "surrogateescape").split(b"\n")
            self._known[key] = (
                find(quoted, after, target.first)
                if before is None
                else follow(lines_of(before), after, target.first, target.last)
            )
        return self._known[key]

    def _place(self, git: Git, changes: Changes, comment: Comment, file: ChangedFile | None) -> Place:
        target = comment.target
        if not target.path:
            return Place()
        path, blob = target.path, ""
        if file is not None:
            path, blob = file.path, _blob(file, target.side)
        else:
            blob = tree_diff.blob_at(git, changes.new if target.side is Side.NEW else changes.old, path)
        if not blob:
            return Place(path if file is not None else "", outdated=True)
        if not target.first or blob == target.blob:
            return Place(path, target.first, target.last)
        now = self.follow(git, comment, blob)
        return Place(path, now.first, now.last, now.outdated)


def _blob(file: ChangedFile, side: Side) -> str:
    name = file.old_id if side is Side.OLD else file.new_id
    return name if name.strip("0") else ""


def note_answers(project: Project, session: Session) -> None:
    """Record which open comments the commits have answered that a session has made since they were sent."""
    known = project.store.comments.of(session.id)
    waiting = [one for one in known if one.state is CommentState.OPEN and one.head != session.head]
    if not waiting or not session.head:
        return
    git, places = project.repository.git(), CommentPlaces(project)
    # A commit may be gone after the branch was rewritten; what came before then counts for nothing.
    answers = {one.number: _answer(places, git, one, session) for one in waiting}
    with project.store.together():
        for number, commit in answers.items():
            if commit and project.store.comments.get(session.id, number).state is CommentState.OPEN:
                project.store.comments.update(session.id, number, state=CommentState.ANSWERED, commit_id=commit)
                project.store.events.log(session.name, "answered", f"comment {number}, by {commit[:10]}")
        project.store.comments.looked(session.id, answers, session.head)


def _answer(places: CommentPlaces, git: Git, comment: Comment, session: Session) -> str:
    """Return the first commit since ``comment.head`` that changed what a comment is about; empty if none did."""
    target = comment.target
    with suppress(CommandFailed):
        commits = tree_diff.first_commits(git, comment.head or session.base, session.head, target.path)
        if not target.path or target.side is Side.OLD:
            return next(iter(commits), "")
        blobs = [(commit, tree_diff.blob_at(git, commit, target.path)) for commit in commits]
        # What was committed before the comment was written is no answer to it.
        same = max((at for at, (_, blob) in enumerate(blobs) if blob == target.blob), default=-1)
        later = blobs[same + 1 :]
        touched = (
            commit for commit, blob in later if not blob or not target.first or _changes(places, git, comment, blob)
        )
        return next(touched, "")
    return ""


def _changes(places: CommentPlaces, git: Git, comment: Comment, blob: str) -> bool:
    return not blob or not comment.target.first or places.follow(git, comment, blob).changed
