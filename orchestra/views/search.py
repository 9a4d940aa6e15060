"""What a search found, by kind, with the words marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import groupby
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from orchestra.views import palette
from orchestra.views.text import fit, line

Row = Mapping[str, Any]
_CONTEXT = 4
"""The most lines of one hit's text."""
_CONSOLE = Console(file=StringIO())
"""What rich needs for wrapping, and nothing is printed on."""


def hits_table(hits: Sequence[Row]) -> RenderableType:
    """Return the hits, each kind under its own heading: when, whose, where, and the line."""
    if not hits:
        return Text("nothing was found", palette.MUTED)
    parts: list[RenderableType] = []
    for kind, rows in groupby(hits, lambda row: str(row["in"])):
        heading = Rule(Text(line(kind), palette.MUTED), align="left", style=palette.RULE)
        parts += [*([Text()] if parts else []), heading, _table(list(rows))]
    return Group(*parts)


def hit_lines(hits: Sequence[Row], *, selected: int, width: int) -> tuple[list[Text], list[range]]:
    """Return the hits as lines, each kind under its own heading, and which lines are each one's."""
    lines: list[Text] = []
    places: list[range] = []
    kind = ""
    for number, row in enumerate(hits):
        if (now := str(row["in"])) != kind:
            kind = now
            heading = f"─ {line(kind)} "
            lines.append(Text(heading + "─" * max(0, width - len(heading)), palette.RULE, no_wrap=True))
        start = len(lines)
        lines += _hit(row, width, chosen=number == selected)
        places.append(range(start, len(lines)))
    return lines, places


def _hit(row: Row, width: int, *, chosen: bool) -> list[Text]:
    mark = ("▌" if chosen else " ", palette.ACCENT)
    name = f"{line(row['session'])}{' (deleted)' if row['deleted'] else ''}"
    head = Text.assemble(mark, (fit(name, width // 2), palette.STRONG), no_wrap=True)
    when = line(str(row["at"]))[:16].replace("T", " ")
    room = width - head.cell_len - len(when) - 3
    head.append(f" {fit(line(row['where']), room)}" if room > 0 else "", palette.MUTED)
    head.append(" " * max(1, width - head.cell_len - len(when) - 1)).append(when, palette.FAINT)
    found = hit_line(row)
    rows = [head, *(Text.assemble(mark, " ", part, no_wrap=True) for part in _wrapped(found, width - 3))]
    for one in rows:
        one.truncate(width)
        if chosen:
            one.pad_right(max(0, width - one.cell_len))
            one.style = palette.SELECTED
    return rows


def _wrapped(text: Text, width: int) -> list[Text]:
    return list(text.wrap(_CONSOLE, max(8, width)))[:_CONTEXT]


def _table(rows: Sequence[Row]) -> Table:
    table = Table.grid(padding=(0, 1))
    for _ in ("when", "session", "where"):
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=40)
    table.add_column(overflow="fold", min_width=20)
    for row in rows:
        name = f"{line(row['session'])}{' (deleted)' if row['deleted'] else ''}"
        when = Text(line(str(row["at"]))[:16].replace("T", " "), palette.FAINT)
        table.add_row(when, Text(name, palette.STRONG), Text(line(row["where"]), palette.MUTED), hit_line(row))
    return table


def hit_line(row: Row) -> Text:
    """Return the line of a hit with the words that were found marked."""
    shown, text, at = Text(), str(row["line"]), 0
    for begin, end in row["found"]:
        shown.append(line(text[at:begin]) if text[at:begin].strip() else text[at:begin])
        shown.append(line(text[begin:end]), palette.ACCENT)
        at = end
    return shown.append(line(text[at:]))
