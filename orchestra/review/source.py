"""What a review needs of the rest: the changed files, their texts, and what was viewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from orchestra.model import ChangedFile, Changes, LineCounts, Placed, Scope, Sides, Target


class ReadSource(Protocol):
    """Changes that can be read; every call may take a while and raise an OrchestraError, and any thread may make it."""

    @property
    def name(self) -> str:
        """What the changes are of."""

    def counts(self, changes: Changes) -> Mapping[str, LineCounts]:
        """Return the line counts of each file, by path."""

    def patch(self, changes: Changes, file: ChangedFile) -> str:
        """Return one file's changes as a unified diff."""

    def sizes(self, file: ChangedFile) -> tuple[int | None, int | None]:
        """Return the bytes of a file before and after; None where there is none."""

    def viewed(self) -> Mapping[str, str]:
        """Return the marks (`ChangedFile.mark`) of the viewed files, by path."""

    def comments(self, changes: Changes) -> Sequence[Placed]:
        """Return all comments on the session's work, and where their lines are in these changes."""


class ReviewSource(ReadSource, Protocol):
    """The changes of one session, or the differences of two, which can only be read.

    Every call may take a while and raise an OrchestraError, and any thread may make it. Those of
    `orchestra.actions` are `work.session_review.SessionReview` and `landing.pair_review.PairReview`.
    """

    @property
    def sides(self) -> Sides | None:
        """The two sessions that the next look compares; None for the changes of one session."""

    def turn(self, by: int) -> None:
        """Compare with the session that comes ``by`` after this one, from the next look on."""

    def prepare(self, scope: Scope) -> None:
        """Bring in what a look needs from elsewhere; other calls do not wait for it."""

    def changes(self, scope: Scope) -> Changes:
        """Look at the files again, and return those that changed."""

    def set_viewed(self, file: ChangedFile, *, viewed: bool) -> None:
        """Remember that a file was viewed, or forget it."""

    def save_comment(self, changes: Changes, about: Target, text: str, number: int) -> int:
        """Store the text of draft ``number``, or without a number a new draft; return the draft's number."""

    def delete_comment(self, number: int) -> None:
        """Throw a draft away."""

    def send_comments(self) -> str:
        """Send all drafts, and return what to tell the person."""

    def settle_comment(self, number: int, *, settled: bool) -> None:
        """Settle a comment that was sent, or open it again."""

    def leave(self) -> None:
        """Remember what was seen as what the person last looked at."""

    def close(self) -> None:
        """Give back what the review holds."""


def legend(changes: Changes) -> tuple[str, ...]:
    """Return, if two sessions are compared, whose lines are which."""
    sides = changes.sides
    return (f"lines with − are of {sides.old}, lines with + of {sides.new}",) if sides is not None else ()
