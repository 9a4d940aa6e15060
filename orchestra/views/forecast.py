"""How expected conflicts are shown: in a few words, and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestra.model import Expected, Opponent
from orchestra.views import palette
from orchestra.views.text import line


def read(rows: Iterable[Mapping[str, Any]]) -> list[Expected]:
    """Return expected conflicts from what scripts see of them."""
    return [Expected(row["with"], Opponent(row["kind"]), tuple(row["paths"]), int(row["more"])) for row in rows]


def forecast_table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> RenderableType:
    """Return who will conflict with whom, each two once, and in which order the fewest conflict."""
    rows = list(_pairs(found["sessions"]))
    orders = list(order_lines(found["orders"]))
    if not rows:
        return Text("nothing will conflict" if found["sessions"] else "there are no executors", palette.MUTED)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for words, where in rows:
        table.add_row(words, where)
    return Group(table, *([Text()] if orders else []), *orders)


def order_lines(orders: Iterable[Mapping[str, Any]]) -> Iterator[Text]:
    """Yield a line for each proposed order of merges."""
    for one in orders:
        words = Text.assemble(("fewest conflicts into ", palette.MUTED), (line(one["into"]), palette.STRONG), ": ")
        words.append(", ".join(line(name) for name in one["order"]))
        if one["back"]:
            words.append(f"; {_listed(one['back'])} will conflict then", palette.WARM)
        yield words


def _pairs(sessions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Text, Text]]:
    shown: set[frozenset[str]] = set()
    for session in sessions:
        for one in read(session["conflicts"]):
            branch = one.kind is Opponent.BRANCH
            pair = frozenset({session["name"], one.name})
            if not branch and pair in shown:
                continue
            shown |= set() if branch else {pair}
            yield _two(session["name"], one), _where(one)


def _two(name: str, one: Expected) -> Text:
    between = " → " if one.kind is Opponent.BRANCH else " × "
    return Text.assemble((line(name), palette.STRONG), (between, palette.MUTED), (line(one.name), palette.STRONG))


def _where(one: Expected) -> Text:
    if not one.paths:
        return Text("unknown: git cannot merge them", palette.FAINT)
    return Text(line(", ".join(one.paths)) + (f" and {one.more} more" if one.more else ""), palette.WARM)


def _listed(names: Sequence[str]) -> str:
    *first, last = (line(name) for name in names)
    return f"{', '.join(first)} and {last}" if first else last
