"""The table of keys from `orchestra.bindings`, for the terminal and for the README."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestra.bindings import BINDINGS, IN_REVIEW, PREFIX_KEY, Binding, Keymap, Where
from orchestra.views import palette

_NAMES = {"Up": "↑", "Down": "↓", "Left": "←", "Right": "→", "BTab": "S-Tab", "Escape": "Esc"}
HEADINGS = {
    Where.NEEDS: "in the tab “Needs you”",
    Where.DIFF: "in the tab “Diff”",
    Where.QUESTION: "when a question is asked",
    Where.TEXT: "while you write",
    Where.REVIEW: "in a review",
    Where.SELECTION: "in a review, while you select lines",
    Where.COMMENTS: "in a review, in the list of comments",
}


def shown(key: str, enter: str = "⏎") -> str:
    """Return a key as people read it; ``enter`` is how Enter is shown."""
    return enter if key == "Enter" else _NAMES.get(key, key.replace("C-", "Ctrl-").replace("M-", "Alt-"))


def shown_keys(binding: Binding, enter: str = "⏎") -> list[str]:
    """Return all keys of a binding as people read them."""
    whole = binding.keys == tuple("123456789")
    return ["1…9"] if whole else [shown(key, enter) for key in binding.keys]


def grouped(bindings: Sequence[Binding], enter: str = "⏎") -> list[tuple[str, Binding]]:
    """Return each action with all its keys as people read them."""
    return [(" ".join(shown_keys(binding, enter)), binding) for binding in bindings]


def keys_table(prefix_key: str = PREFIX_KEY, keymap: Keymap | None = None, *, names: bool = False) -> RenderableType:
    """Return every key with what it does; keys that also work in tmux are bright.

    With ``names``, also the actions' names, as the setting ``keys`` takes them, and the keys of a review.
    """
    anywhere = f"then {prefix_key}, then one of the keys that are bright: the same from any window"
    table = Table.grid(padding=(0, 2 if names else 1))
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    where = Where.LIST
    keymap = keymap or Keymap()
    for binding in keymap.bindings:
        if binding.where in IN_REVIEW and not names:
            continue
        if binding.where is not where:
            where = binding.where
            table.add_row("", Text(f"\n{HEADINGS[where]}", palette.STRONG))
        keys = shown_keys(binding, keymap.enter)
        table.add_row(
            Text(" ".join(keys if names else keys[:2]).replace("Ctrl-", "Ctrl-" if names else "^"), palette.KEY),
            Text(binding.help, palette.PLAIN if binding.command else palette.MUTED),
            *((Text(binding.action, palette.FAINT),) if names else ()),
        )
    return Group(Text.assemble(("prefix", palette.KEY), ", ", anywhere, "\n"), table)


def keys_markdown() -> str:
    """Return the keys as a Markdown table for the README."""
    rows = ["| key | does | from any window | action |", "|---|---|---|---|"]
    where = Where.LIST
    for binding in BINDINGS:
        if binding.where is not where:
            where = binding.where
            rows.append(f"| | *{HEADINGS[where]}* | | |")
        anywhere = f"prefix `{PREFIX_KEY}` `{binding.keys[0]}`" if binding.command else ""
        keys = " ".join(f"`{key}`" for key in shown_keys(binding))
        rows.append(f"| {keys} | {binding.help} | {anywhere} | `{binding.action}` |")
    return "\n".join(rows) + "\n"
