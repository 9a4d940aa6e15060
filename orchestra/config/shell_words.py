"""Shell commands taken apart: strictly for what is allowed, generously for what is forbidden."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

_ACTIVE = frozenset(";&|<>$`(){}[]*?~#!\\\"'")
"""Characters that may mean something to a shell where they stand unquoted (POSIX, Shell Command Language, 2.2)."""
_IN_DOUBLE_QUOTES = frozenset('$`\\!"')
_HARMLESS = frozenset("[]*?~#")
"""Active characters that only name files or begin a comment."""
_BREAKS = re.compile(r"[;&|<>()`{}\n\r]+|\$\(")
_ASSIGNS = re.compile(r"\w+\+?=.*", re.DOTALL)
_DEEPEST = 4
_MOST = 20_000
"""Characters of a command that are looked at; a longer one is never allowed by a rule."""


def words_of(command: str) -> list[str] | None:
    """Return the words of one simple command without quotes, or None if a shell might do anything more with it.

    That is a command without operators, substitutions, redirections, variables, assignments, escapes or several lines.
    """
    if not command.strip() or len(command) > _MOST or not command.replace("\t", " ").isprintable():
        return None
    words = _simple_words(command)
    if not words or _ASSIGNS.fullmatch(words[0]) or _HARMLESS & set(words[0]):
        return None
    return words


def _simple_words(command: str) -> list[str] | None:
    words: list[str] = []
    place, word = 0, None
    while place < len(command):
        letter = command[place]
        if letter in " \t":
            words += [word] if word is not None else []
            word = None
        elif letter in "'\"":
            end = command.find(letter, place + 1)
            inner = command[place + 1 : end]
            if end < 0 or (letter == '"' and _IN_DOUBLE_QUOTES & set(inner)):
                return None
            word, place = (word or "") + inner, end
        elif letter in _ACTIVE - _HARMLESS:
            return None
        else:
            word = (word or "") + letter
        place += 1
    return words + ([word] if word is not None else [])


def parts_of(command: str, *, depth: int = _DEEPEST) -> Iterator[list[str]]:
    """Yield the words of every command that may be part of one, also of those in its quotes."""
    text = command.replace("\\\n", "")
    for part in _BREAKS.split(text):
        words = _words_in(part)
        yield words
        yield [word.rpartition("/")[2] for word in words]
    if depth:
        for inner in _quoted(text):
            yield from parts_of(inner, depth=depth - 1)


def _words_in(part: str) -> list[str]:
    try:
        return shlex.split(part)
    except ValueError:
        return part.replace('"', "").replace("'", "").replace("\\", "").split()


def _quoted(text: str) -> Iterator[str]:
    """Yield the words of a command that hold several words: a shell may be given one as its command."""
    yield from (word for word in _words_in(text) if " " in word.strip() and word != text)
