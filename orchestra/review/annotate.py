"""Put comments below the lines that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestra.model import Placed, Side
from orchestra.views.comments import comment_lines
from orchestra.views.patch import ADDED, COMMENT, REMOVED, SAME, Patch, Row

_BESIDE = 5
"""The columns before a comment's text, and one after it."""
_KINDS = {Side.OLD: frozenset({SAME, REMOVED}), Side.NEW: frozenset({SAME, ADDED})}


def annotated(patch: Patch, comments: Iterable[Placed], width: int) -> Patch:
    """Return a file's changes with the comments on them, wrapped for ``width`` columns.

    What is about the whole file, or about lines that are not shown, comes first.
    """
    below: dict[int, list[Row]] = {}
    lines = {side: _lines(patch, side) for side in Side}
    for placed in comments:
        row = lines[placed.comment.target.side].get(placed.place.last, -1)
        below.setdefault(row, []).extend(_rows(placed, width, away=row < 0))
    return patch.annotated(below) if below else patch


def _lines(patch: Patch, side: Side) -> Mapping[int, int]:
    """Return the row of each line of one side."""
    kinds, old = _KINDS[side], side is Side.OLD
    return {row.old if old else row.new: index for index, row in enumerate(patch.rows) if row.kind in kinds}


def _rows(placed: Placed, width: int, *, away: bool) -> Iterable[Row]:
    kind = f"{COMMENT}{placed.comment.state}"
    lines = comment_lines(placed, width - _BESIDE, away=away)
    return [Row(kind if number == 0 else f"{kind}:", 0, 0, line) for number, line in enumerate(lines)]
