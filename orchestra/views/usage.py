"""What agents have used, as short texts and as a table; what is not known is called unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from orchestra.money import dollars
from orchestra.views import palette
from orchestra.views.plain_table import plain_table
from orchestra.views.text import line, short

UNKNOWN = "unknown"
_SMALL = 0.01


def money(amount: float | None) -> str:
    """Return an amount of US dollars: ``$1.20``, ``<$0.01``, or ``unknown``."""
    if amount is None:
        return UNKNOWN
    return "<$0.01" if 0 < amount < _SMALL else dollars(amount)


def tokens(read: int | None, written: int | None) -> str:
    """Return numbers of tokens in and out: ``1.2M/34k``, or ``unknown``."""
    if read is None and written is None:
        return UNKNOWN
    return f"{short(read or 0)}/{short(written or 0)}"


def context_left(used: float | None) -> str:
    """Return how much of a model's window is left, from how much is used, in percent: ``38%``; empty if unknown."""
    return "" if used is None else f"{max(0.0, 100 - used):.0f}%"


def usage_table(usage: Mapping[str, Any]) -> RenderableType:
    """Return what was used by each session, each kind of agent, and in all."""
    table = plain_table()
    for name in ("session", "agent"):
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for name in ("today", "in/out", "ever", "in/out"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in usage["sessions"]:
        _add(table, row, f"{line(row['name'])}{' (deleted)' if row['deleted'] else ''}", line(row["agent"]))
    table.add_section()
    for row in usage["agents"]:
        _add(table, row, "", line(row["agent"]))
    table.add_section()
    _add(table, usage["all"], "in all", "")
    if usage["monitor"]["ever"]["calls"]:
        _add(table, usage["monitor"], "summaries", "not in all")
    limits = [f"{name} {dollars(usage[name])}" for name in ("budget", "project_budget") if usage[name]]
    return Group(table, *([Text(), Text(", ".join(limits), palette.MUTED)] if limits else []))


def _add(table: Table, row: Mapping[str, Any], name: str, agent: str) -> None:
    cells = [_spent(row[when]) for when in ("today", "ever")]
    table.add_row(Text(name), Text(agent, palette.MUTED), *(cell for pair in cells for cell in pair))


def _spent(spent: Mapping[str, Any]) -> tuple[Text, Text]:
    texts = (money(spent["cost"]), tokens(spent["tokens_in"], spent["tokens_out"]))
    return Text(texts[0], _style(texts[0])), Text(texts[1], _style(texts[1]))


def _style(text: str) -> Style:
    return palette.FAINT if text == UNKNOWN else palette.PLAIN
