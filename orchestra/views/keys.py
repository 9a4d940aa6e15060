"""The table of keys from `orchestra.bindings`, for the terminal and for the README."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from orchestra.bindings import BINDINGS, PREFIX_KEY, Binding
from orchestra.views import palette

_ARROWS = {"Up": "↑", "Down": "↓", "Left": "←", "Right": "→", "Enter": "⏎"}


def grouped(bindings: Sequence[Binding] = BINDINGS) -> list[tuple[str, Binding]]:
    """Return each action once, with all its keys, in the table's order."""
    actions: dict[str, tuple[list[str], Binding]] = {}
    for binding in bindings:
        actions.setdefault(binding.action, ([], binding))[0].append(_ARROWS.get(binding.key, binding.key))
    return [(" ".join(keys), binding) for keys, binding in actions.values()]


def keys_table(prefix_key: str = PREFIX_KEY) -> Table:
    """Return every key with its action; keys that also work in tmux are highlighted."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    for keys, binding in grouped():
        table.add_row(Text(keys, palette.KEY), Text(binding.help, "" if binding.command else palette.MUTED))
    table.add_row("", "")
    table.add_row(Text("prefix", palette.KEY), Text(f"then {prefix_key}, then one of the keys above, in any window"))
    return table


def keys_markdown() -> str:
    """Return the keys as a Markdown table for the README."""
    rows = ["| key | does | from any window |", "|---|---|---|"]
    for keys, binding in grouped():
        anywhere = f"prefix `{PREFIX_KEY}` `{keys}`" if binding.command else ""
        shown = " ".join(f"`{key}`" for key in keys.split(" "))
        rows.append(f"| {shown} | {binding.help} | {anywhere} |")
    return "\n".join(rows) + "\n"
