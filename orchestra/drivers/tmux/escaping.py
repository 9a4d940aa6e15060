"""Escape text for the different places in tmux commands."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Sequence

from orchestra.errors import NotFound

_LONGEST_TITLE = 60
_KEPT_CONTROLS = "\n\t"
_IDENTIFIER = re.compile(r"[@%$]\d+")


def literal(text: str) -> str:
    """Escape text for an argument that tmux expands as a format.

    tmux runs ``#(command)`` and expands ``#{...}`` in names, titles and start directories (tmux(1),
    FORMATS); ``##`` stands for one ``#``, but in front of ``[`` tmux keeps every ``#``.
    """
    return re.sub(r"#+(?![#\[])", lambda run: run[0] * 2, text)


def in_condition(text: str) -> str:
    """Escape text for a value inside ``#{==:...}``, where commas and braces are special too."""
    return literal(text).replace(",", "#,").replace("}", "#}")


def title(text: str, *, most: int = _LONGEST_TITLE) -> str:
    """Turn any text into a window name: one line, no control bytes, at most ``most`` characters, ``#`` doubled.

    tmux's own status line shows a doubled ``#`` as one. It also prevents a configuration that
    expands window names twice from running what a name says.
    """
    shown = "".join(" " if char.isspace() else char for char in text)
    plain = " ".join("".join(filter(str.isprintable, shown)).split())
    short = plain if len(plain) <= most else plain[: most - 1] + "…"
    return short.replace("#", "##") or "-"


def typed(text: str) -> str:
    """Return the text without control characters except line feed and tab, so that it may be pasted."""
    one_kind = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in one_kind if char in _KEPT_CONTROLS or not _is_control(char))


def quoted(words: Sequence[str]) -> str:
    """Join words into one line of tmux's command language, whose single quotes are the shell's."""
    return shlex.join(words)


def argument(word: str) -> str:
    """Escape a word of a tmux command line, where a semicolon at the end of a word is a separator."""
    return f"{word[:-1]}\\;" if word.endswith(";") else word


def without_shell(command: Sequence[str]) -> tuple[str, ...]:
    """Return the command so that tmux runs it directly; a single word would be passed to a shell."""
    return tuple(command) if len(command) > 1 else ("env", *command)


def identifier(text: str) -> str:
    """Return an id such as ``@3`` or ``%7`` if it is valid.

    tmux silently uses the active pane for an invalid target. Raises NotFound for anything that is
    not an id.
    """
    if _IDENTIFIER.fullmatch(text):
        return text
    raise NotFound(f"{text!r} is not a tmux id", hint="ids look like @3 for a window and %7 for a pane")


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"}
