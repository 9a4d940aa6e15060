"""What a review needs of the rest: the changed files, their texts, and what was viewed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from orchestra.model import ChangedFile, Changes, LineCounts, Scope


class ReviewSource(Protocol):
    """The changes of one session; every call may take a while and raise an OrchestraError, and any thread may make it.

    `orchestra.actions.work.session_review.SessionReview` is one.
    """

    @property
    def name(self) -> str:
        """The session's name."""

    def changes(self, scope: Scope) -> Changes:
        """Look at the files again, and return those that changed."""

    def counts(self, changes: Changes) -> Mapping[str, LineCounts]:
        """Return the line counts of each file, by path."""

    def patch(self, changes: Changes, file: ChangedFile) -> str:
        """Return one file's changes as a unified diff."""

    def sizes(self, file: ChangedFile) -> tuple[int | None, int | None]:
        """Return the bytes of a file before and after; None where there is none."""

    def viewed(self) -> Mapping[str, str]:
        """Return the marks (`ChangedFile.mark`) of the viewed files, by path."""

    def set_viewed(self, file: ChangedFile, *, viewed: bool) -> None:
        """Remember that a file was viewed, or forget it."""

    def leave(self) -> None:
        """Remember what was seen as what the person last looked at."""

    def close(self) -> None:
        """Give back what the review holds."""
