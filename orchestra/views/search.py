"""What a search found, by kind, with the words marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from orchestra.views import palette
from orchestra.views.text import line

Row = Mapping[str, Any]


def hits_table(hits: Sequence[Row]) -> RenderableType:
    """Return the hits, each kind under its own heading: when, whose, where, and the line."""
    if not hits:
        return Text("nothing was found", palette.MUTED)
    parts: list[RenderableType] = []
    for kind, rows in groupby(hits, lambda row: str(row["in"])):
        heading = Rule(Text(line(kind), palette.MUTED), align="left", style=palette.RULE)
        parts += [*([Text()] if parts else []), heading, _table(list(rows))]
    return Group(*parts)


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
