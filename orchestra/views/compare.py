"""How sessions that are compared are shown: a column for each, then what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from orchestra.model import State
from orchestra.views import palette
from orchestra.views.plain_table import plain_table
from orchestra.views.text import age, count, line
from orchestra.views.usage import money, tokens

Row = Mapping[str, Any]
_FILES = 12
"""How many files are named."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def comparison(found: Mapping[str, Any], selected: str = "") -> RenderableType:
    """Return the sessions side by side, ``selected`` marked, then their common files and how alike they are."""
    rows: Sequence[Row] = found["sessions"]
    table = plain_table()
    table.add_column("")
    for row in rows:
        style = palette.TAB if row["name"] == selected else palette.STRONG
        table.add_column(Text(line(row["name"]), style), overflow="fold")
    for label, cell in _CELLS:
        cells = [cell(row) for row in rows]
        if any(text.plain for text in cells):
            table.add_row(Text(label, palette.MUTED), *cells)
    return Group(table, Text(), *_common(found))


def _state(row: Row) -> Text:
    state = State(row["state"])
    return Text(f"{palette.STATE_GLYPHS[state]} {state}", palette.STATE_STYLES[state])


def _agent(row: Row) -> Text:
    model = f" · {line(row['model'])}" if row["model"] else ""
    return Text.assemble(line(row["agent"]), (model, palette.MUTED))


def _checks(row: Row) -> Text:
    parts = [
        Text(f"{'✓' if run['passed'] else '✗'} {line(run['name'])}", palette.GOOD if run["passed"] else palette.BAD)
        for run in row["checks"]
    ]
    if row["unchecked"]:
        parts.append(Text(f"– {line(row['unchecked'])}", palette.FAINT))
    return Text("\n").join(parts)


def _proof(row: Row) -> Text:
    proof = row["proof"]
    if not proof:
        return Text()
    claimed = f", {proof['claimed']} claimed" if proof["claimed"] else ""
    return Text(f"{proof['proved']} of {count(proof['items'], 'item')}{claimed}")


def _merge(row: Row) -> Text:
    if row["conflicts"]:
        return Text(f"conflicts in {', '.join(line(path) for path in row['conflicts'][:3])}", palette.BAD)
    return Text(f"clean, into {line(row['target'])}", palette.GOOD) if row["target"] else Text()


def _size(row: Row) -> Text:
    stat = row["diff"]
    return Text.assemble(
        (f"+{stat['insertions']} ", palette.GOOD), (f"−{stat['deletions']}", palette.BAD),
        (f" in {count(stat['files'], 'file')}", palette.MUTED),
    )  # fmt: skip


def _commits(row: Row) -> Text:
    left = " · some not committed" if row["uncommitted"] else ""
    return Text.assemble(count(row["commits"], "commit"), (left, palette.WARM))


def _worked(row: Row) -> Text:
    return Text(age(_EPOCH, _EPOCH + timedelta(seconds=row["seconds_working"])))


def _cost(row: Row) -> Text:
    known = row["tokens_in"] is not None or row["tokens_out"] is not None
    used = f" · {tokens(row['tokens_in'], row['tokens_out'])} tokens" if known else ""
    return Text.assemble(money(row["cost"]), (used, palette.MUTED))


def _queue(row: Row) -> Text:
    place = row["queue"]
    return Text(f"{place['state']}, into {line(place['target'])}", palette.ACCENT) if place else Text()


def _notes(row: Row) -> Text:
    return Text("; ".join(line(note) for note in row["notes"]), palette.WARM)


_CELLS: tuple[tuple[str, Callable[[Row], Text]], ...] = (
    ("state", _state),
    ("agent", _agent),
    ("checks", _checks),
    ("proved", _proof),
    ("merge", _merge),
    ("size", _size),
    ("commits", _commits),
    ("at work", _worked),
    ("cost", _cost),
    ("queue", _queue),
    ("note", _notes),
)


def _common(found: Mapping[str, Any]) -> Iterator[Text]:
    """Return which files several changed, and how alike the changes are."""
    number = len(found["sessions"])
    both = [file for file in found["files"] if len(file["names"]) > 1]
    every = [file for file in both if len(file["names"]) == number]
    some = [file for file in both if len(file["names"]) < number]
    yield _named(f"{count(len(every), 'file')} changed by all", [line(file["path"]) for file in every])
    if some:
        names = [f"{line(file['path'])} ({', '.join(map(line, file['names']))})" for file in some]
        yield _named(f"{count(len(some), 'file')} by some", names)
    if alone := len(found["files"]) - len(both):
        yield Text(f"{count(alone, 'file')} by one alone", palette.MUTED)
    for pair in found["alike"]:
        one, other = (line(name) for name in pair["names"])
        yield Text.assemble(
            f"{one} and {other}: ", (f"{pair['share']:.0%}", palette.ACCENT), " of the changed lines alike"
        )
    if found["bases"] > 1:
        yield Text("they began at different commits", palette.WARM)


def _named(title: str, names: Sequence[str]) -> Text:
    more = f" and {len(names) - _FILES} more" if len(names) > _FILES else ""
    listed = f": {', '.join(names[:_FILES])}{more}" if names else ""
    return Text.assemble((title, palette.MUTED), listed)
