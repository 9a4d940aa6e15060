"""How the queue of landings is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestra.model import EntryState, with_whom
from orchestra.views import forecast, palette
from orchestra.views.text import age, line

Row = Mapping[str, Any]
_WORDS = {
    EntryState.PROPOSED: ("waits for your approval", palette.WARM),
    EntryState.QUEUED: ("queued", palette.PLAIN),
    EntryState.CHECKING: ("being checked", palette.ACCENT),
    EntryState.RETURNED: ("sent back", palette.BAD),
    EntryState.LANDED: ("landed", palette.GOOD),
    EntryState.UNDONE: ("taken back", palette.MUTED),
    EntryState.WITHDRAWN: ("withdrawn", palette.MUTED),
}


def queue_table(found: Mapping[str, Sequence[Row]], now: datetime) -> RenderableType:
    """Return the open entries of each branch in their order, and those that landed last."""
    parts: list[RenderableType] = []
    for target, rows in groupby(found["open"], key=lambda row: row["target"]):
        parts += [Text.assemble(("into ", palette.MUTED), (line(target), palette.STRONG)), _entries(list(rows), now)]
    if not parts:
        parts.append(Text("nothing waits to be merged", palette.MUTED))
    parts += _better(found.get("orders", ()))
    if found["landed"]:
        parts += [Text(), Text("landed last", palette.MUTED), _entries(found["landed"], now)]
    return Group(*parts)


def _better(orders: Sequence[Row]) -> Iterator[Text]:
    for order, words in zip(orders, forecast.order_lines(orders), strict=True):
        now, then = len(order["back_now"]), len(order["back"])
        hint = f"{then} instead of {now} will conflict: orchestra queue --order"
        yield Text.assemble(words, "\n", ("→ ", palette.WARM), hint)


def _entries(rows: Sequence[Row], now: datetime) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style=palette.STRONG)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True, justify="right", style=palette.FAINT)
    for row in rows:
        words, style = _WORDS[EntryState(row["state"])]
        since = datetime.fromisoformat(row["changed_at"])
        table.add_row(line(row["session"]), Text(words, style), _about(row), age(since, now))
        if hint := _hint(row):
            table.add_row("", "", Text.assemble(("→ ", palette.WARM), hint), "")
    return table


def _about(row: Row) -> Text:
    landed = f"{line(row['target'])} is at {row['commit'][:12]}" if row["state"] == EntryState.LANDED else ""
    asked = f"{line(row['asked_by'])} asks" if row["state"] == EntryState.PROPOSED else ""
    words = [Text(line(part)) for part in (landed, asked, row["reason"], row["proof"]) if part]
    if conflict := with_whom(forecast.read(row.get("conflicts", ()))):
        words.append(Text(f"will conflict with {line(conflict)}", palette.WARM))
    return Text(" · ", palette.FAINT).join([*words, *_checks(row)])


def _checks(row: Row) -> Iterator[Text]:
    """Yield each check's last result."""
    for run in {run["name"]: run for run in row["checks"]}.values():
        passed = run["code"] == 0
        yield Text(f"{'✓' if passed else '✗'} {line(run['name'])}", palette.GOOD if passed else palette.BAD)


def _hint(row: Row) -> str:
    name = line(row["session"])
    return {
        EntryState.PROPOSED: f"orchestra review {name}; orchestra merge {name}",
        EntryState.RETURNED: f"it is queued again when {name} reports COMPLETE",
    }.get(EntryState(row["state"]), "")
