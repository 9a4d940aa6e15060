"""The sessions as a table, for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from orchestra.views import palette
from orchestra.views.plain_table import plain_table
from orchestra.views.session_list import Row, badges, counted, doing, left, words_style
from orchestra.views.text import age, line
from orchestra.views.usage import context_left, money

_COLUMNS = ("session", "state", "age", "agent", "changes", "commits", "cost", "context", "will conflict with", "doing")
_RIGHT = frozenset({"age", "changes", "commits", "cost", "context"})
_ELASTIC = {"will conflict with": 18, "doing": 24}
"""The columns that texts keep, if they are longer, before others are left out for them."""
_LEFT_OUT = ("commits", "agent", "context", "will conflict with", "cost", "age", "changes", "doing")
"""The columns that a narrow terminal does without, the first of them first; a badge says that there is a conflict."""
_GAP = 2
_NARROWEST = 8


@dataclass(frozen=True, slots=True)
class SessionTable:
    """Every session in a table, without columns that would be empty, or for which there is no room."""

    rows: Sequence[Row]
    now: datetime

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield the table for the console's width."""
        cells = [_cells(row, self.now) for row in self.rows]
        columns = _fitting(_filled(cells), options.max_width)
        yield _table(columns)


_Columns = dict[str, Sequence[Text]]


def _filled(cells: Sequence[tuple[Text, ...]]) -> _Columns:
    columns: _Columns = {name: [row[number] for row in cells] for number, name in enumerate(_COLUMNS)}
    return {name: texts for name, texts in columns.items() if not texts or any(text.plain for text in texts)}


def _fitting(columns: _Columns, width: int) -> _Columns:
    for name in _LEFT_OUT:
        if sum(_least(one, texts) + _GAP for one, texts in columns.items()) <= width:
            break
        columns = {one: texts for one, texts in columns.items() if one != name}
    return columns


def _least(name: str, texts: Sequence[Text]) -> int:
    whole = max(len(name), *(text.cell_len for text in texts)) if texts else len(name)
    return min(whole, _ELASTIC.get(name, whole))


def _table(columns: _Columns) -> Table:
    table = plain_table()
    for name, texts in columns.items():
        if name in _ELASTIC:
            # The texts, not the column, refuse to wrap, so that rich makes this column narrower.
            table.add_column(name, overflow="ellipsis", min_width=min(_least(name, texts), _NARROWEST))
        else:
            table.add_column(name, no_wrap=True, justify="right" if name in _RIGHT else "left")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _cells(row: Row, now: datetime) -> tuple[Text, ...]:
    session, name = row.session, line(row.session.name)
    return (
        Text.assemble((row.stem, palette.RULE), (name, palette.STRONG), " ", badges(row)),
        Text(f"{palette.STATE_GLYPHS[session.state]} {session.state}", palette.STATE_STYLES[session.state]),
        Text(age(session.state_since, now), palette.MUTED),
        Text(line(session.agent), palette.MUTED),
        counted(session),
        Text(str(session.commits or "")),
        Text("" if session.cost is None else money(session.cost)),
        Text(context_left(session.context), palette.MUTED),
        Text(line(row.conflict), palette.WARM, no_wrap=True, overflow="ellipsis"),
        Text(line(row.place) or left(row) + doing(session), words_style(session), no_wrap=True, overflow="ellipsis"),
    )
