"""Print JSON for scripts, rich tables for people, and plain text for pipes."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from orchestra.terminal_text import clean, is_unicode

_LESS = "-RX -Ps?e(end) .q closes this$"
"""Show colours, do not clear the screen, and say in the prompt how to quit (less(1), PROMPTS)."""

if TYPE_CHECKING:
    from rich.console import RenderableType


def as_json(value: Any) -> None:  # noqa: ANN401 -- whatever an action returned
    """Print plain data as JSON, with control characters escaped."""
    # Characters that the encoding lacks are escaped, so that nothing is lost.
    encoded = json.dumps(value, indent=2, ensure_ascii=not is_unicode(sys.stdout.encoding))
    safe = "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in encoded
    )
    sys.stdout.write(f"{safe}\n")


def text(line: str) -> None:
    """Print a line, with control characters made visible."""
    sys.stdout.write(f"{clean(line)}\n")


def confirmed(question: str) -> bool:
    """Ask on stderr and return whether the answer is yes; the end of the input, or ^C, is a no."""
    try:
        return bool(typer.confirm(question, err=True))
    except typer.Abort:
        sys.stderr.write("\n")
        return False


def raw(content: str) -> None:
    """Write a program's output bytes unchanged, whatever this terminal's encoding."""
    sys.stdout.flush()
    stream: BinaryIO = sys.stdout.buffer
    stream.write(content.encode("utf-8", "surrogateescape"))
    stream.flush()


def rich(renderable: RenderableType, *, pager: bool = False) -> None:
    """Print something that rich renders; with ``pager``, on a terminal, in a pager with colours."""
    from rich.console import Console  # noqa: PLC0415 -- 70 ms that JSON and one-liners do not need

    console = Console(highlight=False, soft_wrap=False)
    if pager and console.is_terminal:
        os.environ.setdefault("LESS", _LESS)
        with console.pager(styles=True):
            console.print(renderable)
        return
    console.print(renderable)
