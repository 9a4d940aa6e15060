"""One file's unified diff as numbered rows, and as pairs of rows for showing both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

ROWS = 1_000_000
"""The most rows of one file."""
HUNK, SAME, ADDED, REMOVED, NOTE = "@", " ", "+", "-", "!"
CODE = frozenset({SAME, ADDED, REMOVED})
COMMENT = "#"
"""What the kind of a comment's row begins with; its state follows, and after the first row a colon."""
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)", re.DOTALL)
_NO_NEWLINE = "\\"
_TOP = (-1, -1)


class Row(NamedTuple):
    """One row of a file; the numbers are those of its line before and after, 0 where there is none."""

    kind: str
    old: int
    new: int
    text: str


class Patch:
    """The rows of one file's changes; ``origin`` has, for each, its index before comments were added.

    A comment has that of the row above it, -1 where there is none.
    """

    def __init__(self, rows: Sequence[Row], origin: Sequence[int] | None = None) -> None:
        self.rows = rows
        self.origin = range(len(rows)) if origin is None else origin

    @classmethod
    def parse(cls, text: str) -> Patch:
        """Read a unified diff of one file."""
        return cls(list(_rows(text)))

    @classmethod
    def of_note(cls, note: str) -> Patch:
        """Return what stands for a file that has no lines to show."""
        return cls([Row(NOTE, 0, 0, note)])

    def annotated(self, comments: Mapping[int, Sequence[Row]]) -> Patch:
        """Return the same with rows of comments below some rows; those at -1 come first."""
        rows, origin = [*comments.get(-1, ())], [-1] * len(comments.get(-1, ()))
        for index, row in enumerate(self.rows):
            below = comments.get(index, ())
            rows += [row, *below]
            origin += [index] * (1 + len(below))
        return Patch(rows, origin)

    @property
    def has_lines(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.rows)

    def prepare(self) -> None:
        """Compute what showing it needs, so that this need not be done while a key waits."""
        _ = self.hunks, self.pairs, self.pair_hunks, self.partners, self.digits

    @cached_property
    def hunks(self) -> list[int]:
        """The rows that head a hunk."""
        return [index for index, row in enumerate(self.rows) if row.kind == HUNK]

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The rows side by side: the index before and after, -1 for none; the same where nothing differs."""
        below: dict[int, list[int]] = {}
        shown: list[int] = []
        for index, row in enumerate(self.rows):
            if row.kind[:1] == COMMENT:
                below.setdefault(shown[-1] if shown else -1, []).append(index)
            else:
                shown.append(index)
        if not below:
            return list(_pairs(self.rows))
        # The last is what index -1, no row, stands for.
        shown.append(-1)
        code = _pairs([self.rows[index] for index in shown[:-1]])
        pairs = [_TOP, *((shown[left], shown[right]) for left, right in code)]
        return [one for pair in pairs for one in _with_comments(pair, below)]

    @cached_property
    def pair_hunks(self) -> list[int]:
        """The pairs that head a hunk."""
        return [index for index, (left, _) in enumerate(self.pairs) if left >= 0 and self.rows[left].kind == HUNK]

    @cached_property
    def partners(self) -> dict[int, int]:
        """For each changed row, the row on the other side that it replaces or is replaced by."""
        pairs = [pair for pair in self.pairs if pair[0] != pair[1] and -1 not in pair]
        return {one: other for left, right in pairs for one, other in ((left, right), (right, left))}

    @cached_property
    def places(self) -> dict[int, int]:
        """The pair that each row is in."""
        return {index: number for number, pair in enumerate(self.pairs) for index in pair if index >= 0}

    @cached_property
    def digits(self) -> int:
        """How many digits the largest line number has."""
        return max(2, len(str(max((max(row.old, row.new) for row in self.rows), default=0))))


def _rows(text: str) -> Iterator[Row]:
    """Yield the rows; the counts in a hunk's heading tell content from headings."""
    old = new = old_left = new_left = shown = 0
    # A form feed or a carriage return is part of a line, so str.splitlines would be wrong.
    for line in text.split("\n"):
        mark = line[:1]
        if shown >= ROWS:
            yield Row(NOTE, 0, 0, f"only the first {ROWS:,} rows are shown")
            return
        if old_left > 0 or new_left > 0:
            if mark == ADDED:
                yield Row(ADDED, 0, new, line[1:])
                new, new_left = new + 1, new_left - 1
            elif mark == REMOVED:
                yield Row(REMOVED, old, 0, line[1:])
                old, old_left = old + 1, old_left - 1
            elif mark == _NO_NEWLINE:
                yield Row(NOTE, 0, 0, "no newline at the end")
            else:
                yield Row(SAME, old, new, line[1:])
                old, new, old_left, new_left = old + 1, new + 1, old_left - 1, new_left - 1
            shown += 1
        elif match := _HUNK.match(line):
            old, new = int(match[1]), int(match[3])
            old_left, new_left = int(match[2] or 1), int(match[4] or 1)
            yield Row(HUNK, old, new, match[5])
            shown += 1
        elif mark == _NO_NEWLINE:
            yield Row(NOTE, 0, 0, "no newline at the end")
        elif mark == "[" and line.endswith("]"):
            yield Row(NOTE, 0, 0, line[1:-1])


def _pairs(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    for removed, added in _runs(rows):
        count = max(len(removed), len(added))
        left = [*removed, *([-1] * (count - len(removed)))]
        right = [*added, *([-1] * (count - len(added)))]
        yield from zip(left, right, strict=True)


def _with_comments(pair: tuple[int, int], below: Mapping[int, list[int]]) -> Iterator[tuple[int, int]]:
    """Yield a pair of rows, and the comments on both; what stands for the beginning is no pair of its own."""
    if pair != _TOP:
        yield pair
    for index in dict.fromkeys(pair if pair == _TOP else (one for one in pair if one >= 0)):
        yield from ((comment, comment) for comment in below.get(index, ()))


def _runs(rows: Sequence[Row]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield what stands beside each other: removed rows and the added ones after them, or one row with itself."""
    removed: list[int] = []
    added: list[int] = []
    for index, row in enumerate(rows):
        if row.kind == REMOVED:
            if added:
                yield removed, added
                removed, added = [], []
            removed.append(index)
        elif row.kind == ADDED:
            added.append(index)
        elif row.kind != NOTE or index + 1 == len(rows) or rows[index + 1].kind not in {ADDED, REMOVED}:
            yield removed, added
            removed, added = [], []
            yield [index], [index]
    yield removed, added
