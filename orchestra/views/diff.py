"""Show a unified diff with a heading for each file and syntax colours."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from orchestra.views import palette
from orchestra.views.highlight import SHARE, Highlighter
from orchestra.views.text import code, count, fit, fit_path, line

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_NUMBERED = 60
"""From this many columns on, lines have numbers."""
_LONGEST_LINE = 2000
"""The most characters of one line, which is more than any terminal shows."""
_OF_FILE = " of this file "
"""The text in notes that belong to the file before them."""
_OCTAL = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclass(slots=True)
class Hunk:
    """Consecutive lines; ``start`` is the first one's number in the new file."""

    start: int
    about: str
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FileDiff:
    """The changes of one file; ``note`` says if it is new, deleted, renamed or binary.

    ``cut`` says how much is not shown.
    """

    path: str
    note: str = ""
    hunks: list[Hunk] = field(default_factory=list)
    insertions: int = 0
    deletions: int = 0
    cut: str = ""


@dataclass(slots=True)
class _Reading:
    files: list[FileDiff] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    old: int = 0
    new: int = 0


def parse(text: str) -> list[FileDiff]:
    """Parse a unified diff from git, with the notes in brackets about what is left out."""
    return _read(text).files


def _read(text: str) -> _Reading:
    reading = _Reading()
    # A form feed or a carriage return is part of a line, so str.splitlines would be wrong.
    for diff_line in text.split("\n"):
        if reading.old > 0 or reading.new > 0:
            _body(reading, diff_line[:_LONGEST_LINE])
        else:
            _head(reading, diff_line)
    return reading


def _body(reading: _Reading, diff_line: str) -> None:
    file = reading.files[-1]
    mark = diff_line[:1]
    reading.old -= mark in {" ", "-", ""}
    reading.new -= mark in {" ", "+", ""}
    file.insertions += mark == "+"
    file.deletions += mark == "-"
    if mark != "\\":
        file.hunks[-1].lines.append(diff_line or " ")


def _head(reading: _Reading, diff_line: str) -> None:
    if diff_line.startswith("diff --git "):
        reading.files.append(FileDiff(_path_in(diff_line)))
        return
    if diff_line.startswith("[") and diff_line.endswith("]"):
        _take_note(reading, diff_line[1:-1])
        return
    if not reading.files:
        return
    file = reading.files[-1]
    if match := _HUNK.match(diff_line):
        reading.old, reading.new = int(match[2] or 1), int(match[4] or 1)
        file.hunks.append(Hunk(int(match[3]), match[5]))
    elif diff_line.startswith(("--- ", "+++ ")) and not diff_line.endswith("/dev/null"):
        file.path = _unquoted(diff_line[4:].removesuffix("\t"))[2:]
    elif note := _note(diff_line):
        file.note = note


def _take_note(reading: _Reading, note: str) -> None:
    if reading.files and _OF_FILE in note:
        reading.files[-1].cut = note
    else:
        reading.notes.append(note)


def _note(diff_line: str) -> str:
    if diff_line.startswith("new file"):
        return "link" if diff_line.endswith("120000") else "new"
    if diff_line.startswith("deleted file"):
        return "deleted"
    if diff_line.startswith("rename from "):
        return f"was {_unquoted(diff_line.removeprefix('rename from '))}"
    if diff_line.startswith(("Binary files", "GIT binary patch")):
        return "binary"
    return f"mode {diff_line.removeprefix('new mode ')}" if diff_line.startswith("new mode ") else ""


def _path_in(heading: str) -> str:
    names = heading.removeprefix("diff --git ")
    if names.endswith('"') and ' "b/' in names:
        return _unquoted('"b/' + names.rpartition(' "b/')[2])[2:]
    half = len(names) // 2
    return names[half + 3 :] if names[2:half] == names[half + 3 :] else names.rpartition(" b/")[2]


def _unquoted(name: str) -> str:
    if not (name.startswith('"') and name.endswith('"')):
        return name
    raw = name[1:-1].encode("utf-8", "surrogateescape")
    return _OCTAL.sub(_unescaped, raw).decode("utf-8", "surrogateescape")


def _unescaped(match: re.Match[bytes]) -> bytes:
    mark = match[1]
    return bytes((int(mark, 8) & 0xFF,)) if mark.isdigit() and len(mark) > 1 else _ESCAPES.get(mark, mark)


class DiffView:
    """A diff that can be shown as a whole, or by lines from any position."""

    def __init__(self, text: str) -> None:
        self.text = text
        reading = _read(text)
        self.files, self.notes = reading.files, reading.notes
        # At the top, where they are seen.
        self._index = [(number, _NOTE, 0, 0) for number in range(len(self.notes))]
        self._index += [entry for number, file in enumerate(self.files) for entry in _entries(number, file)]

    def __len__(self) -> int:
        return len(self._index) + 1 if self._index else 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.lines(options.max_width)

    def lines(self, width: int, top: int = 0, height: int | None = None) -> Iterator[Text]:
        """Return the lines from ``top`` on, cropped to ``width`` columns; only these are coloured."""
        if not self._index:
            return
        _highlighter.begin(share=math.inf if height is None else SHARE)
        _plain.clear()
        end = None if height is None else max(0, top + height - 1)
        if top == 0 and height != 0:
            yield self._summary(width)
        for entry in self._index[max(0, top - 1) : end]:
            yield self._line(entry, width)

    def _summary(self, width: int) -> Text:
        text = Text(no_wrap=True)
        text.append(count(len(self.files), "file"), palette.STRONG)
        text.append("  ").append_text(
            _counts(sum(file.insertions for file in self.files), sum(file.deletions for file in self.files))
        )
        text.truncate(width)
        return text

    def _line(self, entry: _Entry, width: int) -> Text:
        number, index, row, at = entry
        if index == _NOTE:
            return _left_out(self.notes[number], width)
        file = self.files[number]
        if index == _CUT:
            return _left_out(file.cut, width)
        if index < 0:
            return Text() if index == _BLANK else _heading(file, width)
        hunk = file.hunks[index]
        return _separator(hunk, width) if row < 0 else _code_line(file, hunk, row, at, width)


_CUT, _NOTE, _BLANK, _HEADING = -4, -3, -2, -1
_Entry = tuple[int, int, int, int]
"""Which file (or note), which hunk (or one of the above), its line (-1: its separator), its number in the file."""


def _entries(number: int, file: FileDiff) -> Iterator[_Entry]:
    yield number, _BLANK, 0, 0
    yield number, _HEADING, 0, 0
    for index, hunk in enumerate(file.hunks):
        if index or hunk.about or hunk.start > 1:
            yield number, index, -1, 0
        at = hunk.start
        for row, diff_line in enumerate(hunk.lines):
            yield number, index, row, at
            at += diff_line[0] != "-"
    if file.cut:
        yield number, _CUT, 0, 0


def diff_view(text: str) -> DiffView:
    """Return a unified diff as something rich can print."""
    return DiffView(text)


def _counts(insertions: int, deletions: int) -> Text:
    text = Text()
    text.append(f"+{insertions}", palette.ADDED if insertions else palette.FAINT).append(" ")
    return text.append(f"−{deletions}", palette.REMOVED if deletions else palette.FAINT)


def _left_out(note: str, width: int) -> Text:
    return Text(fit(f"⚠ {line(note)}", width), palette.WARM, no_wrap=True)


def _heading(file: FileDiff, width: int) -> Text:
    counts = _counts(file.insertions, file.deletions) if file.hunks else Text()
    note = Text(f" {fit(line(file.note), width // 3)}", palette.VIOLET) if file.note else Text()
    room = width - counts.cell_len - note.cell_len - 4
    heading = Text.assemble(("▍ ", palette.ACCENT), no_wrap=True)
    heading.append(fit_path(line(file.path), room), palette.STRONG)
    heading.append_text(note).append(" ")
    heading.append("─" * max(0, width - heading.cell_len - counts.cell_len - 1), palette.RULE)
    heading.append(" ").append_text(counts)
    heading.truncate(width)
    return heading


def _separator(hunk: Hunk, width: int) -> Text:
    about = f" {line(hunk.about)}" if hunk.about else ""
    return Text(fit(f"  ⋯ {hunk.start}{about}", width), palette.FAINT, no_wrap=True)


def _code_line(file: FileDiff, hunk: Hunk, row: int, at: int, width: int) -> Text:
    mark = hunk.lines[row][0]
    style = {"+": palette.ADDED, "-": palette.REMOVED}.get(mark, palette.FAINT)
    gutter = Text(no_wrap=True)
    if width >= _NUMBERED:
        gutter.append("     " if mark == "-" else f"{at:>4} ", palette.FAINT)
    gutter.append({"+": "▎+ ", "-": "▎− "}.get(mark, "   "), style)
    body = _content(file, hunk, row)
    room = width - gutter.cell_len
    if body.cell_len > room:
        body.truncate(max(0, room - 1))
        body.append("…", palette.FAINT)
    return gutter.append_text(body)


def _content(file: FileDiff, hunk: Hunk, row: int) -> Text:
    coloured = _coloured(file, hunk)
    return coloured[row].copy() if coloured else _uncoloured(hunk.lines[row])


def _uncoloured(diff_line: str) -> Text:
    return Text(code(diff_line[1:]), palette.REMOVED if diff_line[0] == "-" else palette.PLAIN)


_painted: dict[int, tuple[Hunk, list[Text]]] = {}
_PAINTED_KEPT = 64


_plain: set[int] = set()
"""Hunks that stay without colours in this window, so that none of their lines tries again."""
_highlighter = Highlighter()


def _coloured(file: FileDiff, hunk: Hunk) -> list[Text]:
    """Return the coloured lines of a hunk, empty without colours; recent hunks are cached."""
    known = _painted.get(id(hunk))
    if id(hunk) in _plain:
        return []
    if known is not None and known[0] is hunk:
        return known[1]
    lines = _paint(file, hunk)
    if lines:
        while len(_painted) >= _PAINTED_KEPT:
            _painted.pop(next(iter(_painted)))
        _painted[id(hunk)] = (hunk, lines)
    else:
        _plain.add(id(hunk))
    return lines


def _paint(file: FileDiff, hunk: Hunk) -> list[Text]:
    texts = [_uncoloured(diff_line) for diff_line in hunk.lines]
    new = [index for index, diff_line in enumerate(hunk.lines) if diff_line[0] != "-"]
    coloured = _highlighter.paint(file.path, [texts[index].plain for index in new])
    if coloured is None:
        return []
    for index, shown in zip(new, coloured, strict=False):
        if shown.plain == texts[index].plain:
            texts[index] = shown
    return texts
