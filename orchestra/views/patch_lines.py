"""Show the rows of a patch: numbered, coloured, with changed words, unified or side by side, from any column on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells
from rich.style import Style
from rich.text import Text

from orchestra.model import CommentState
from orchestra.views import palette
from orchestra.views.changed_words import changed_words
from orchestra.views.comments import STYLES
from orchestra.views.highlight import Highlighter
from orchestra.views.patch import ADDED, CODE, COMMENT, NOTE, REMOVED, SAME, Patch, Row
from orchestra.views.text import code, fit, line

NUMBERED = 60
"""From this many columns on, lines have numbers."""
_SIDE_NUMBERED = 24
LONGEST_LINE = 200_000
"""The most characters of one line that are shown."""
_CHUNK = 32
"""Rows that are coloured in one go."""
_LONG = 2_000
_STYLES = {ADDED: palette.ADDED, REMOVED: palette.REMOVED}
_WORDS = {ADDED: palette.ADDED_WORDS, REMOVED: palette.REMOVED_WORDS}
_MARKS = {ADDED: "▎+ ", REMOVED: "▎− "}
_BETWEEN = " │ "


class PatchLines:
    """Shows the rows of one file; what was coloured once is kept."""

    def __init__(self, path: str, patch: Patch, highlighter: Highlighter) -> None:
        self.patch = patch
        self._path, self._highlighter = path, highlighter
        self._chunks: dict[int, dict[int, Text]] = {}

    def unified(self, index: int, width: int, left: int = 0, found: re.Pattern[str] | None = None) -> Text:
        """Return one row, cropped to ``width`` columns; the code begins at its column ``left``."""
        row = self.patch.rows[index]
        if row.kind not in CODE:
            return _aside(row, width)
        digits = self.patch.digits if width >= NUMBERED else 0
        gutter = _gutter(row, (row.old, row.new), digits)
        return gutter.append_text(window(self.content(index, found), left, width - gutter.cell_len))

    def split(self, number: int, width: int, left: int = 0, found: re.Pattern[str] | None = None) -> Text:
        """Return one pair of rows side by side, cropped to ``width`` columns."""
        before, after = self.patch.pairs[number]
        if before == after and self.patch.rows[before].kind not in CODE:
            return _aside(self.patch.rows[before], width)
        room = (width - len(_BETWEEN)) // 2
        sides = self._side(before, 0, room, left, found), self._side(after, 1, room, left, found)
        beside = _padded(sides[0], room).append(_BETWEEN, palette.RULE).append_text(sides[1])
        beside.truncate(width)
        return beside

    def content(self, index: int, found: re.Pattern[str] | None = None) -> Text:
        """Return the code of one row with its colours, its changed words, and what was searched for."""
        row = self.patch.rows[index]
        text = self._coloured(index) if row.kind != REMOVED else None
        shown = text.copy() if text else Text(safe(row.text), _STYLES[REMOVED] if row.kind == REMOVED else "")
        partner = self.patch.partners.get(index)
        if partner is not None:
            _emphasise(shown, row, safe(self.patch.rows[partner].text))
        for match in found.finditer(shown.plain) if found else ():
            shown.stylize(palette.FOUND, *match.span())
        return shown

    def _side(self, index: int, side: int, width: int, left: int, found: re.Pattern[str] | None) -> Text:
        if index < 0:
            return Text()
        row = self.patch.rows[index]
        digits = self.patch.digits if width >= _SIDE_NUMBERED else 0
        gutter = _gutter(row, ((row.old, row.new)[side],), digits)
        return gutter.append_text(window(self.content(index, found), left, width - gutter.cell_len))

    def _coloured(self, index: int) -> Text | None:
        chunk = index // _CHUNK
        if chunk not in self._chunks:
            if self._highlighter.spent:
                return None
            self._chunks[chunk] = self._paint(chunk)
        return self._chunks[chunk].get(index)

    def _paint(self, chunk: int) -> dict[int, Text]:
        first = chunk * _CHUNK
        rows = enumerate(self.patch.rows[first : first + _CHUNK], first)
        code_of = {index: safe(row.text) for index, row in rows if row.kind in {SAME, ADDED}}
        painted = self._highlighter.paint(self._path, list(code_of.values()))
        pairs = zip(code_of.items(), painted or (), strict=False)
        return {index: text for (index, plain), text in pairs if text.plain == plain}


def longest(patch: Patch, indexes: Sequence[int]) -> int:
    """Return the columns of the longest of some rows; headings, notes and comments do not count."""
    rows = (patch.rows[index] for index in indexes if index >= 0)
    return max((_columns(safe(row.text)) for row in rows if row.kind in CODE), default=0)


def gutter_width(patch: Patch, width: int, *, split: bool) -> int:
    """Return the columns before the code."""
    if split:
        return patch.digits + 4 if width >= _SIDE_NUMBERED else 3
    return 2 * patch.digits + 5 if width >= NUMBERED else 3


def safe(text: str) -> str:
    """Return a line of a file as it is shown."""
    return code(text) if len(text) < _LONG else _safe_long(text)


@lru_cache(maxsize=128)
def _safe_long(text: str) -> str:
    more = len(text) - LONGEST_LINE
    shown = code(text[:LONGEST_LINE])
    return f"{shown} … {more:,} more characters are not shown" if more > 0 else shown


@lru_cache(maxsize=512)
def _columns(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def window(text: Text, left: int, width: int) -> Text:
    """Return the columns from ``left`` on, at most ``width``; an ellipsis says that there is more to the right."""
    if width <= 0:
        return Text()
    if text.plain.isascii():
        end = left + width
        more = len(text.plain) > end
        shown = text[left : end - more]
    else:
        shown, more = _wide_window(text, left, width)
    return shown.append("…", palette.FAINT) if more else shown


def _wide_window(text: Text, left: int, width: int) -> tuple[Text, bool]:
    start, gap = _at_column(text.plain, left)
    rest = text.plain[start:]
    end, _ = _at_column(rest, width - gap + 1)
    more = cell_len(rest[: end + 1]) + gap > width
    if more:
        end = len(chop_cells(rest[: end + 1], max(1, width - gap - 1))[0]) if width - gap > 1 else 0
    return Text(" " * gap).append_text(text[start : start + end]), more


def _at_column(text: str, column: int) -> tuple[int, int]:
    """Return the index of the first character at or after a column, and how many columns after it."""
    at = 0
    for index, character in enumerate(text):
        if at >= column:
            return index, at - column
        at += cell_len(character)
    return len(text), max(0, at - column)


def _gutter(row: Row, numbers: Sequence[int], digits: int) -> Text:
    gutter = Text(no_wrap=True)
    if digits:
        shown = " ".join(f"{number or '':>{digits}}" for number in numbers)
        gutter.append(f"{shown} ", palette.FAINT)
    return gutter.append(_MARKS.get(row.kind, "   "), _STYLES.get(row.kind, palette.FAINT))


def _aside(row: Row, width: int) -> Text:
    if row.kind[:1] == COMMENT:
        return _remark(row, width)
    if row.kind == NOTE:
        return Text(fit(f"  {line(row.text)}", width), palette.WARM, no_wrap=True)
    about = f": {line(row.text)}" if row.text else ""
    return Text(fit(f"  ⋯ line {row.new or row.old}{about}", width), palette.FAINT, no_wrap=True)


def _remark(row: Row, width: int) -> Text:
    style = STYLES[CommentState(row.kind.strip(f"{COMMENT}:"))]
    shown = Text.assemble(("  ┃ ", style), (row.text, palette.PLAIN if row.kind.endswith(":") else style), no_wrap=True)
    shown.truncate(width)
    return shown


def _emphasise(shown: Text, row: Row, other: str) -> None:
    old, new = (shown.plain, other) if row.kind == REMOVED else (other, shown.plain)
    spans = changed_words(old, new)[0 if row.kind == REMOVED else 1]
    style: Style = _WORDS[row.kind]
    for start, end in spans:
        shown.stylize(style, start, end)


def _padded(text: Text, width: int) -> Text:
    text.append(" " * max(0, width - text.cell_len))
    return text
