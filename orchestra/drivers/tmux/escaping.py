"""Text on its way into tmux, made harmless for the place where it will stand."""

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
    """Escape text for an argument that tmux expands as a format, so that it comes out as it went in.

    tmux runs ``#(command)`` and expands ``#{...}`` in names, titles and start directories
    (tmux(1), FORMATS); ``##`` stands for one ``#``, but in front of ``[`` tmux keeps every ``#``.
    """
    return re.sub(r"#+(?![#\[])", lambda run: run[0] * 2, text)


def in_condition(text: str) -> str:
    """Escape text that stands as a value inside ``#{==:...}``, where commas and braces mean something too."""
    return literal(text).replace(",", "#,").replace("}", "#}")


def title(text: str) -> str:
    """Turn any text into a window name: one line, no control bytes, at most 60 characters, ``#`` kept doubled.

    The doubled ``#`` is what tmux's own status line shows as one, and it keeps a person's
    configuration that expands a window name a second time from running what the name says.
    """
    shown = "".join(" " if char.isspace() else char for char in text)
    plain = " ".join("".join(filter(str.isprintable, shown)).split())
    short = plain if len(plain) <= _LONGEST_TITLE else plain[: _LONGEST_TITLE - 1] + "…"
    return short.replace("#", "##") or "-"


def typed(text: str) -> str:
    """Return what may be pasted into a program: every control character but line feed and tab is taken out."""
    one_kind = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in one_kind if char in _KEPT_CONTROLS or not _is_control(char))


def quoted(words: Sequence[str]) -> str:
    """Join words into one line of tmux's command language, which shares the shell's single quotes."""
    return shlex.join(words)


def argument(word: str) -> str:
    """Escape a word of a command line to tmux, which takes a semicolon at a word's end for a separator."""
    return f"{word[:-1]}\\;" if word.endswith(";") else word


def without_shell(command: Sequence[str]) -> tuple[str, ...]:
    """Return the command as tmux runs it directly: a lone word would be handed to a shell."""
    return tuple(command) if len(command) > 1 else ("env", *command)


def identifier(text: str) -> str:
    """Return an id that names exactly one thing, such as ``@3`` or ``%7``.

    tmux quietly takes the active pane for a target it cannot read. Raises NotFound for anything
    that is not an id.
    """
    if _IDENTIFIER.fullmatch(text):
        return text
    raise NotFound(f"{text!r} is not a tmux id", hint="ids look like @3 for a window and %7 for a pane")


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"}
