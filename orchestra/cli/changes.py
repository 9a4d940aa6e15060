"""Print changes: those of a session, or the differences of two."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from orchestra.cli.dispatch import say
from orchestra.cli.output import as_json, page, raw, rich
from orchestra.model import Changes
from orchestra.review.source import ReadSource, legend
from orchestra.terminal_text import with_controls_shown

More: TypeAlias = "Callable[[], Mapping[str, object]]"


class Source(ReadSource, Protocol):
    """Changes that can also be read as one text."""

    def text(self, changes: Changes, take: Callable[[bytes], bool]) -> bool:
        """Pass on all changes as one unified diff; returns False once ``take`` does."""


def show_changes(source: Source, changes: Changes, *, json_: bool, stay: bool, nothing: str, more: More = dict) -> None:
    """Show changes in a pager, as JSON or, in a pipe, as a plain diff; ``nothing`` is said if there are none.

    ``more`` returns what else belongs into the JSON.
    """
    from orchestra.review.printed import as_data, printed  # noqa: PLC0415 -- loads rich

    if json_:
        as_json({**as_data(source.name, changes, source.counts(changes)), **more()})
    elif not sys.stdout.isatty():
        _pipe(source, changes)
    elif not changes.files:
        # In a pager, because a popup would close at once, as if the key did nothing.
        rich(nothing, pager=stay)
    else:
        from rich.console import Console  # noqa: PLC0415 -- as above

        page(printed(source, changes, Console().width), stay=stay)


def _pipe(source: Source, changes: Changes) -> None:
    """Write a diff without colours; control characters are made visible, and a note on stderr says so."""
    rest, hidden = b"", False

    def write(block: bytes) -> bool:
        nonlocal rest, hidden
        # No character is longer than its line.
        whole, newline, rest = (rest + block).rpartition(b"\n")
        text = (whole + newline).decode("utf-8", "surrogateescape")
        shown = with_controls_shown(text)
        hidden = hidden or shown != text
        raw(shown)
        return True

    source.text(changes, write)
    write(b"\n" if rest else b"")
    raw("".join(f"[{note}]\n" for note in (*legend(changes), *changes.notes)))
    if hidden:
        say("control characters are shown as \\x1b and the like; for the exact bytes: orchestra diff NAME --patch")
