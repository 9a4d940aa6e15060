"""Make text safe to show: control characters become visible, and widths are those of terminals."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from functools import lru_cache

from rich.cells import cell_len, chop_cells, set_cell_size

TAB_WIDTH = 4
_SURROGATE_BYTES = range(0xDC80, 0xDD00)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ONE_BYTE = 0x100
_FOUR_DIGITS = 0x10000
_MARKS_KEPT = 3
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SEVERAL_DAYS = 100 * _DAY


def line(text: str) -> str:
    """Return a text as one safe line: newlines and tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text
    return _visible(" ".join(text.expandtabs(1).splitlines()).strip())


def block(text: str) -> list[str]:
    r"""Return the lines of a text, each safe to print; only ``\n`` ends a line."""
    return [code(row) for row in text.split("\n")]


def code(text: str) -> str:
    """Return one line of a file with tabs expanded and invisible characters shown."""
    return text if text.isascii() and text.isprintable() else _visible(text.removesuffix("\r").expandtabs(TAB_WIDTH))


def _visible(text: str) -> str:
    shown: list[str] = []
    marks = 0
    for character in text:
        drawn = _drawn(character)
        marks = marks + 1 if drawn and unicodedata.combining(drawn[0]) else 0
        if marks <= _MARKS_KEPT:
            shown.append(drawn)
    return "".join(shown)


@lru_cache(maxsize=4096)
def _drawn(character: str) -> str:
    number = ord(character)
    if number in _SURROGATE_BYTES:
        return f"\\x{number - 0xDC00:02x}"
    if character in "\u200d\ufe0e\ufe0f":
        # Terminals disagree about the width of joined emoji, but not about that of their parts.
        return ""
    category = unicodedata.category(character)
    if category == "Zs":
        return " " * cell_len(character)
    if category not in _INVISIBLE:
        return character
    if number < _ONE_BYTE:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < _FOUR_DIGITS else f"\\U{number:08x}"


def fit(text: str, width: int) -> str:
    """Return a safe text cropped to ``width`` columns, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return "" if width < 1 else set_cell_size(text, width - 1).rstrip() + "…"


def fit_path(path: str, width: int) -> str:
    """Return a safe path cropped at its beginning, because the file name matters most."""
    if cell_len(path) <= width:
        return path
    if width < 2:  # noqa: PLR2004 -- an ellipsis and one character
        return "…"[:width]
    kept = ""
    for character in reversed(path):
        if cell_len(character + kept) > width - 1:
            break
        kept = character + kept
    return "…" + kept


def wrap(text: str, width: int) -> list[str]:
    """Return a text's safe lines, wrapped at spaces to ``width`` columns, each as far in as it is written."""
    lines: list[str] = []
    for row in block(text.strip()):
        words = row.lstrip(" ")
        indent = " " * min(len(row) - len(words), max(width - 2, 0) // 2)
        lines.extend(f"{indent}{part}" for part in _wrapped(words, max(width - len(indent), 2)))
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    lines, now = [], ""
    for word in text.split(" "):
        joined = f"{now} {word}" if now else word
        if cell_len(joined) <= width:
            now = joined
            continue
        if now:
            lines.append(now)
        *full, now = chop_cells(word, width) or [""]
        lines.extend(full)
    return [*lines, now]


def age(since: datetime, now: datetime) -> str:
    """Return how long ago something was, in at most three characters: ``5s``, ``12m``, ``3h``, ``20d``, ``15w``."""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h"
    return f"{seconds // _DAY}d" if seconds < _SEVERAL_DAYS else f"{seconds // (7 * _DAY)}w"


def count(number: int, word: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def short(number: int) -> str:
    """Return a number in at most four characters: ``999``, ``1.2k``, ``34k``, ``1.2M``."""
    for size, mark in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number // size}{mark}" if number >= 10 * size else f"{number / size:.1f}{mark}".replace(".0", "")
    return str(number)
