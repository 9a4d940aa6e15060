"""Say how much several sessions did the same: which files they changed, and how many lines in the same way; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

LINES = 200_000
"""The most changed lines of one session that are compared."""
_HEADS = (b"+++ ", b"--- ")


@dataclass(slots=True)
class ChangedLines:
    """The lines that a unified diff adds and removes, however they are indented; `take` gets it block by block."""

    lines: Counter[bytes] = field(default_factory=Counter)
    _rest: bytes = b""

    def take(self, block: bytes) -> bool:
        """Take the next part of a diff; returns False once there are enough lines."""
        *whole, self._rest = (self._rest + block).split(b"\n")
        for line in whole:
            words = line[1:].strip()
            if line[:1] in {b"+", b"-"} and words and not line.startswith(_HEADS):
                self.lines[line[:1] + words] += 1
        return self.lines.total() < LINES


@dataclass(frozen=True, slots=True)
class Likeness:
    """The share of the changed lines, from 0 to 1, that two sessions have in common."""

    names: tuple[str, str]
    share: float


def alike(changed: Mapping[str, Counter[bytes]]) -> list[Likeness]:
    """Return how alike the changes of each two sessions are; those that both changed nothing are the same."""
    return [Likeness((one, other), _share(changed[one], changed[other])) for one, other in combinations(changed, 2)]


def _share(one: Counter[bytes], other: Counter[bytes]) -> float:
    """Return twice the common lines over all lines of both (the index of Dice)."""
    every = one.total() + other.total()
    return 2 * (one & other).total() / every if every else 1.0


def shared(files: Mapping[str, Iterable[str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each changed file with the sessions that changed it, those changed by most first."""
    by_path: dict[str, list[str]] = {}
    for name, paths in files.items():
        for path in paths:
            by_path.setdefault(path, []).append(name)
    found: Sequence[tuple[str, list[str]]] = sorted(by_path.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(path, tuple(names)) for path, names in found]
