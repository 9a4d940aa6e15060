"""Make text safe for terminals: no control characters, and a replacement for what an encoding lacks."""

from __future__ import annotations

import codecs
import io
import os
import re
import unicodedata

ERRORS = "orchestra-plainer"
"""The name under which `codecs` knows `plainer`."""
_LOOKALIKES = {
    "→": ">", "←": "<", "…": "~", "−": "-", "–": "-", "—": "-", "·": "-", "•": "*", "✓": "+", "✗": "x", "●": "*",
    "○": "o", "◌": "o", "■": "#", "▏": "|", "▌": ">", "⏎": "<", "“": '"', "”": '"', "‘": "'", "’": "'", "─": "-",
    "▸": ">", "▾": "v", "▎": "|", "▍": "|", "⚠": "!", "⋯": "~", "✎": "*", "↳": ">", "┆": ":",
    "━": "-", "│": "|", "┃": "|", "├": "|", "└": "`", "┌": "+", "┐": "+", "┘": "+",
    "◆": "!", "◉": "*", "◐": "o", "▤": "#", "≥": ">", "↑": "^", "↓": "v",
}  # fmt: skip
"""A replacement of the same width for each character that Orchestra draws with."""
_WIDE = frozenset("WF")
_SURROGATE_BYTES = range(0xDC80, 0xDD00)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
# ECMA-48: control sequences; control strings with their text, up to BEL or ST; other escapes.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)


def without_sequences(text: str) -> str:
    """Return a program's output without escape sequences: colours, titles, cursor movements."""
    return _SEQUENCE.sub("", text) if "\x1b" in text or not text.isascii() else text


def clean(text: str) -> str:
    """Return text with control characters shown as hexadecimal code points."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else f"\\x{ord(character):02x}"
        for character in text
    )


def one_line(text: str) -> str:
    """Return text as one line, cleaned."""
    return clean(" ".join(text.split()))


def with_controls_shown(text: str) -> str:
    """Return a file's text with control characters made visible, except tabs and line endings."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace a character that a stream's encoding lacks; a byte that came as a surrogate stays."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    number = ord(character)
    if number in _SURROGATE_BYTES:
        return bytes([number - 0xDC00]), error.start + 1
    wide = unicodedata.east_asian_width(character) in _WIDE
    return _LOOKALIKES.get(character, "??" if wide else "?"), error.start + 1


codecs.register_error(ERRORS, plainer)


def never_fails(stream: object) -> None:
    """Let a text stream accept any text, whatever its encoding."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=ERRORS)


def is_unicode(encoding: str | None) -> bool:
    """Return whether an encoding has every character."""
    return (encoding or "").lower().replace("-", "").replace("_", "").startswith("utf")


def encoding() -> str:
    """Return the encoding of what a terminal is sent: ASCII where the locale says that there is no Unicode.

    The order of the variables is that of setlocale(3), which tmux follows too.
    """
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if said := os.environ.get(name, ""):
            return "utf-8" if is_unicode(said.partition(".")[2].partition("@")[0]) else "ascii"
    return "utf-8"
