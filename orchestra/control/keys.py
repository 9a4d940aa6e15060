"""Turn raw bytes from a terminal into keys."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

ESCAPE_DELAY = 0.05
"""Seconds after which a lone escape byte counts as the Escape key."""
_ESC = "\x1b"
_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_PASTE_LIMIT = 100_000
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~])")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")
_FINALS = {"A": "Up", "B": "Down", "C": "Right", "D": "Left", "H": "Home", "F": "End", "Z": "BackTab", "M": "Enter"}
_NUMBERS = {"1": "Home", "7": "Home", "4": "End", "8": "End", "3": "Delete", "5": "PgUp", "6": "PgDn"}
_CONTROLS = {"\r": "Enter", "\n": "Enter", "\t": "Tab", "\x7f": "Backspace", "\x08": "Backspace", "\x00": "C-Space"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key by name; a printable character is its own name. ``text`` is the content of a ``Paste``."""

    name: str
    text: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the key is a character that can be typed into a line."""
        return len(self.name) == 1 and self.name.isprintable()


class KeyReader:
    """Takes bytes in any pieces and returns complete keys.

    Sequences are those of xterm (invisible-island.net/xterm/ctlseqs) as tmux and screen send them;
    unknown ones are dropped, never split into letters that would act as commands.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    @property
    def unsure(self) -> bool:
        """Whether an escape byte may be incomplete; after `ESCAPE_DELAY`, call `flush`."""
        return self._rest.startswith(_ESC) and not self._rest.startswith(_PASTE_START)

    def feed(self, data: bytes) -> list[Key]:
        """Return the keys that ``data`` completes."""
        self._rest += self._decoder.decode(data)
        keys: list[Key] = []
        while self._rest:
            taken, key = self._next()
            if not taken:
                break
            self._rest = self._rest[taken:]
            keys += [key] if key is not None else []
        return keys

    def flush(self) -> list[Key]:
        """Return the keys of an unfinished sequence when nothing follows it."""
        rest, self._rest = self._rest, ""
        return [Key("Escape")] if rest == _ESC else []

    def _next(self) -> tuple[int, Key | None]:
        """Return the length of the next key in characters (0: incomplete) and the key."""
        if self._rest.startswith(_PASTE_START):
            return self._paste()
        if not self._rest.startswith(_ESC):
            return 1, _plain(self._rest[0])
        if match := _SEQUENCE.match(self._rest):
            return match.end(), _sequence(match[0])
        if _BEGUN.fullmatch(self._rest):
            return 0, None
        if self._rest[1] in {"[", "O"}:
            return 2, None
        if self._rest[1] == _ESC:
            return 1, Key("Escape")
        return 2, _meta(self._rest[1])

    def _paste(self) -> tuple[int, Key | None]:
        end = self._rest.find(_PASTE_END)
        if end >= 0:
            return end + len(_PASTE_END), Key("Paste", self._rest[len(_PASTE_START) : end])
        if len(self._rest) > _PASTE_LIMIT:
            self._rest = self._rest[: len(_PASTE_START)] + self._rest[-_PASTE_LIMIT // 2 :]
        return 0, None


def _plain(character: str) -> Key | None:
    if name := _CONTROLS.get(character):
        return Key(name)
    if character < " ":
        return Key(f"C-{chr(ord(character) + 0x60)}")
    return Key(character) if character.isprintable() else None


def _meta(character: str) -> Key | None:
    key = _plain(character)
    return Key(f"M-{key.name}") if key is not None else None


def _sequence(text: str) -> Key | None:
    if text.startswith("\x1bO"):
        return Key(_FINALS[text[2]]) if text[2] in _FINALS else None
    parameters, final = text[2:-1], text[-1]
    name = _NUMBERS.get(parameters.split(";")[0]) if final == "~" else _FINALS.get(final) if final != "M" else None
    return Key(name) if name is not None else None
