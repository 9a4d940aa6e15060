"""What is expected of merges that nobody has asked for yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

_NAMED = 2


class Opponent(StrEnum):
    """What a session's work conflicts with: another SESSION's work, or the BRANCH that it is to be merged into."""

    SESSION = "session"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True)
class Expected:
    """A conflict that merging a session's work will meet: with what, and in which files.

    ``more`` is how many files are not named. Without any path it is unknown whether there is one, because git could not
    merge the two.
    """

    name: str
    kind: Opponent
    paths: tuple[str, ...]
    more: int = 0

    def __str__(self) -> str:
        """Return the name and the first files."""
        left = len(self.paths) + self.more - _NAMED
        more = f" and {left} more" if left > 0 else ""
        return f"{self.name} in {', '.join(self.paths[:_NAMED])}{more}"


Forecast = Mapping[str, tuple[Expected, ...]]
"""Each session's expected conflicts by its name; those with its target branch come first."""


def with_whom(expected: Iterable[Expected]) -> str:
    """Say with whom a session will conflict and in which files; empty without conflicts."""
    return ", ".join(str(one) for one in expected if one.paths)
