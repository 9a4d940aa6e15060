"""The changed files as a list to choose from: the risky ones first, then all others below their directories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orchestra.review.document import Entry

RISKY = "look at these first"
WIDEST = 44
"""The most columns of the list beside the changes."""
_BESIDE = 20
"""The columns for what stands beside a file's name."""


class TreeRow(NamedTuple):
    """A file's row, or a heading; ``number`` is the file's, -1 for a heading."""

    name: str
    depth: int
    number: int = -1


def tree_rows(entries: Sequence[Entry]) -> list[TreeRow]:
    """Return the rows for entries whose risky ones come first."""
    rows: list[TreeRow] = []
    directory = ""
    for number, entry in enumerate(entries):
        if entry.reason:
            if not number:
                rows.append(TreeRow(RISKY, 0))
            rows.append(TreeRow(entry.file.path, 1, number))
            continue
        above, _, name = entry.file.path.rpartition("/")
        if above and above != directory:
            rows.append(TreeRow(f"{above}/", 0))
        directory = above
        rows.append(TreeRow(name, int(bool(above)), number))
    return rows


def width_of(rows: Sequence[TreeRow]) -> int:
    """Return the columns that the list needs beside the changes."""
    return min(WIDEST, _BESIDE + max((row.depth + len(row.name) for row in rows), default=0))
