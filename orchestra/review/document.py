"""The changed files in the order of reading, and what is known of each: line counts and, once read, its patch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestra import risk
from orchestra.model import ChangedFile, Changes, LineCounts, Placed
from orchestra.review.annotate import annotated
from orchestra.views.patch import Patch, Row

ROWS_KEPT = 400_000
"""The rows of all patches that are kept; those farthest away are read again when they are needed."""


class Position(NamedTuple):
    """A line of the document: the file's number, and the line in it, whose first is the heading."""

    file: int
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One changed file, and why it is risky; the reason is empty if it is not."""

    file: ChangedFile
    reason: str


@dataclass(slots=True)
class Document:
    """One scope of a session's changes; only patches and line counts are added while it is read.

    ``risky`` is the number of risky files, ``total`` the line counts of all, None until they are known. ``patches`` are
    the ``plain`` ones with the ``comments`` below their lines, wrapped for ``width`` columns.
    """

    changes: Changes
    entries: tuple[Entry, ...]
    risky: int = 0
    total: LineCounts | None = None
    counts: Mapping[str, LineCounts] = field(default_factory=dict)
    patches: dict[int, Patch] = field(default_factory=dict)
    plain: dict[int, Patch] = field(default_factory=dict)
    comments: tuple[Placed, ...] = ()
    width: int = 80

    @classmethod
    def of(cls, changes: Changes) -> Document:
        """Put the risky files first."""
        entries = [Entry(file, risk.of_file(file)) for file in changes.files]
        risky = sum(bool(entry.reason) for entry in entries)
        return cls(changes, tuple(sorted(entries, key=lambda entry: not entry.reason)), risky)

    def __len__(self) -> int:
        return len(self.entries)

    def number(self, path: str) -> int | None:
        """Return the number of the file with a path, None if there is none."""
        return next((number for number, entry in enumerate(self.entries) if entry.file.path == path), None)

    def take_over(self, before: Document) -> None:
        """Keep the patches of another look's files that are the same now, but no notes: they may tell of an error."""
        known = {before.entries[number].file: patch for number, patch in before.plain.items() if patch.hunks}
        self.width = before.width
        for number, entry in enumerate(self.entries):
            if (patch := known.get(entry.file)) is not None:
                self.keep(number, patch)

    def count(self, counts: Mapping[str, LineCounts]) -> None:
        """Take the line counts of all files."""
        self.counts = counts
        pairs = [(one.insertions, one.deletions) for one in counts.values()]
        self.total = LineCounts(sum(added for added, _ in pairs), sum(removed for _, removed in pairs))

    def viewed(self, marks: Mapping[str, str]) -> frozenset[int]:
        """Return the files that were viewed as they are now."""
        files = ((number, entry.file) for number, entry in enumerate(self.entries))
        return frozenset(number for number, file in files if marks.get(file.path) == file.mark)

    def comment(self, comments: Sequence[Placed], width: int) -> None:
        """Show these comments from now on, wrapped for a width."""
        self.comments, self.width = tuple(comments), width
        for number, patch in self.plain.items():
            self.keep(number, patch)

    def comments_on(self, number: int) -> tuple[Placed, ...]:
        """Return the comments on one file."""
        path = self.entries[number].file.path
        return tuple(one for one in self.comments if one.place.path == path)

    def keep(self, number: int, patch: Patch) -> None:
        """Keep a file's patch, and show it with its comments."""
        self.plain[number] = patch
        self.patches[number] = annotated(patch, self.comments_on(number), self.width)
        self.patches[number].prepare()

    def add(self, number: int, patch: Patch, near: int) -> None:
        """Keep a file's patch, and forget those farthest from the file ``near`` if there are too many."""
        self.keep(number, patch)
        rows = sum(len(known.rows) for known in self.patches.values())
        for far in sorted(self.patches, key=lambda known: -abs(known - near)):
            if rows <= ROWS_KEPT or far in {number, near}:
                break
            rows -= len(self.patches.pop(far).rows)
            del self.plain[far]


@dataclass(frozen=True, slots=True)
class Lines:
    """The document as lines, with some files folded, unified or side by side."""

    document: Document
    folded: frozenset[int] = frozenset()
    split: bool = False

    def body(self, number: int) -> int:
        """Return the number of rows below a file's heading; a file that is not read yet has one."""
        if number in self.folded:
            return 0
        patch = self.document.patches.get(number)
        if patch is None:
            return 1
        return len(patch.pairs if self.split else patch.rows)

    def height(self, number: int) -> int:
        """Return the number of a file's lines; the last is blank unless it is folded."""
        body = self.body(number)
        return body + 2 if body else 1

    def valid(self, at: Position) -> Position:
        """Return the nearest position that there is."""
        if not len(self.document):
            return Position(0, 0)
        number = min(max(at.file, 0), len(self.document) - 1)
        return Position(number, min(max(at.line, 0), self.height(number) - 1))

    def moved(self, at: Position, by: int) -> Position:
        """Return the position so many lines further down, or up if negative."""
        number, line = at.file, at.line + by
        while line < 0 and number > 0:
            number -= 1
            line += self.height(number)
        while number < len(self.document) - 1 and line >= (height := self.height(number)):
            line -= height
            number += 1
        return self.valid(Position(number, line))

    def last_top(self, rows: int) -> Position:
        """Return the last position at the top of ``rows`` lines: the end is in sight, or the last file's heading."""
        last = len(self.document) - 1
        if last < 0:
            return Position(0, 0)
        return max(self.moved(Position(last, self.height(last) - 1), 1 - rows), Position(last, 0))

    def shown(self, top: Position, rows: int) -> list[Position]:
        """Return the positions of up to ``rows`` lines from ``top`` on."""
        positions: list[Position] = []
        number, line = top
        while len(positions) < rows and number < len(self.document):
            height = self.height(number)
            end = min(height, line + rows - len(positions))
            positions += [Position(number, index) for index in range(line, end)]
            number, line = number + 1, 0
        return positions

    def unread(self, top: Position, rows: int) -> list[int]:
        """Return the files to read: those in sight, then the one after them and the one before."""
        seen = dict.fromkeys(at.file for at in self.shown(top, rows))
        near = [*seen, max(seen, default=0) + 1, top.file - 1]
        known = self.document.patches.keys() | self.folded
        return [number for number in near if 0 <= number < len(self.document) and number not in known]

    def hunk(self, at: Position, step: int) -> Position:
        """Return the next (``step`` 1) or previous (-1) hunk, or a heading if the file there is not read yet."""
        number = at.file
        while 0 <= number < len(self.document):
            if number != at.file and number not in self.document.patches and number not in self.folded:
                return Position(number, 0)
            ahead = [line for line in self._hunks(number) if number != at.file or (line - at.line) * step > 0]
            if ahead:
                return Position(number, ahead[0] if step > 0 else ahead[-1])
            number += step
        return at

    def _hunks(self, number: int) -> list[int]:
        patch = self.document.patches.get(number)
        if patch is None or number in self.folded:
            return []
        return [index + 1 for index in (patch.pair_hunks if self.split else patch.hunks)] or [0]

    def match(self, at: Position, wanted: re.Pattern[str], step: int) -> Position | int | None:
        """Return where a text is next found, or the number of a file that must be read first, or None."""
        number = at.file
        while 0 <= number < len(self.document):
            patch = self.document.patches.get(number)
            if patch is None:
                return number
            lines = self._matches(number, patch, wanted)
            ahead = [line for line in lines if number != at.file or (line - at.line) * step > 0]
            if ahead:
                return Position(number, min(ahead) if step > 0 else max(ahead))
            number += step
        return None

    def rows_at(self, at: Position) -> tuple[Row, ...]:
        """Return the rows of a line: none for a heading, two where both sides stand beside each other."""
        patch = self.document.patches.get(at.file)
        if patch is None or not 0 < at.line <= self.body(at.file):
            return ()
        indexes = dict.fromkeys(patch.pairs[at.line - 1]) if self.split else (at.line - 1,)
        return tuple(patch.rows[index] for index in indexes if index >= 0)

    def row_at(self, at: Position) -> int | None:
        """Return which row of the plain patch is at, or last above, a line; None outside a file's rows."""
        patch = self.document.patches.get(at.file)
        if patch is None or not 0 < at.line <= self.body(at.file):
            return None
        return patch.origin[max(patch.pairs[at.line - 1]) if self.split else at.line - 1]

    def at_row(self, number: int, row: int) -> Position:
        """Return where a row of the plain patch is now; the heading for -1."""
        patch = self.document.patches.get(number)
        if patch is None or row < 0 or number in self.folded:
            return Position(number, 0)
        index = next((index for index, origin in enumerate(patch.origin) if origin == row), 0)
        return Position(number, (patch.places.get(index, 0) if self.split else index) + 1)

    def _matches(self, number: int, patch: Patch, wanted: re.Pattern[str]) -> Iterable[int]:
        named = [0] if wanted.search(self.document.entries[number].file.path) else []
        rows = [index for index, row in enumerate(patch.rows) if wanted.search(row.text)]
        return named + [(patch.places.get(index, 0) if self.split else index) + 1 for index in rows]

    def turned(self, at: Position) -> Position:
        """Return the same place once the sides are shown the other way."""
        patch = self.document.patches.get(at.file)
        if patch is None or at.file in self.folded or not 0 < at.line <= self.body(at.file):
            return at
        if not self.split:
            return Position(at.file, patch.places.get(at.line - 1, 0) + 1)
        return Position(at.file, max(0, *(row for row in patch.pairs[at.line - 1])) + 1)
