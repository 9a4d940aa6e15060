"""Write a comment on a session's work as it is now, and list all comments with the places of their lines."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from orchestra.actions.work.comments import checked, placed_as_data
from orchestra.actions.work.session_review import SessionReview
from orchestra.model import Scope, Side

if TYPE_CHECKING:
    from orchestra.project import Project


def comment(
    project: Project, name: str, text: str, *, path: str = "", first: int = 0, last: int = 0, old: bool = False
) -> dict[str, Any]:
    """Write a draft on lines of a file, on a file, or on all of a session's changes.

    ``old`` means the text before the change. Raises NotFound for a file that the session does not have, UsageError for
    lines that the file does not have, and for an empty or too long text.
    """
    words = checked(text)
    with closing(SessionReview(project, name)) as review:
        changes = review.changes(Scope.BRANCH)
        target = review.target(changes, path, Side.OLD if old else Side.NEW, first, last)
        return placed_as_data(review.place(changes, [review.draft(target, words)])[0], name)


def comments(project: Project, name: str) -> list[dict[str, Any]]:
    """Return all comments on a session's work, and where their lines are now."""
    with closing(SessionReview(project, name)) as review:
        return [placed_as_data(one, name) for one in review.comments(review.changes(Scope.BRANCH))]
