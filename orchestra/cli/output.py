"""Print JSON for scripts, rich tables for people, and plain text for pipes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

import typer

from orchestra.terminal_text import ERRORS, clean, is_unicode

_LESS = "-RX -Ps?e(end) .q closes this$"
"""Show colours, do not clear the screen, and say in the prompt how to quit (less(1), PROMPTS)."""

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text


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


def page(lines: Iterable[Text], *, stay: bool = False) -> None:
    """Print lines that may be long, on a terminal in a pager that gets them as it reads on.

    The pager ends by itself if everything fits on the screen, unless it shall ``stay``.
    """
    from rich.console import Console  # noqa: PLC0415 -- as in `rich`

    console = Console(highlight=False)
    command = shlex.split(os.environ.get("PAGER") or "less")
    if not console.is_terminal or not command or shutil.which(command[0]) is None:
        _write_lines(sys.stdout, lines, console)
        return
    os.environ.setdefault("LESS", _LESS if stay else "-FRX")
    with subprocess.Popen(command, stdin=subprocess.PIPE, encoding=sys.stdout.encoding, errors=ERRORS) as pager:
        # Who leaves the pager early, or presses ^C in it, has seen enough.
        with suppress(BrokenPipeError, KeyboardInterrupt):
            _write_lines(cast("TextIO", pager.stdin), lines, console)
        with suppress(BrokenPipeError):
            cast("TextIO", pager.stdin).close()


def _write_lines(stream: TextIO, lines: Iterable[Text], console: Console) -> None:
    from rich.console import COLOR_SYSTEMS  # noqa: PLC0415 -- as in `rich`

    colours = COLOR_SYSTEMS[console.color_system] if console.color_system else None
    for row in lines:
        parts = ((part.text, part.style) for part in row.render(console, end="\n"))
        stream.write(
            "".join(
                (style.without_color if console.no_color else style).render(text, color_system=colours)
                if style
                else text
                for text, style in parts
            )
        )
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
