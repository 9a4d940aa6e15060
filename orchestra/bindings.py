"""All documented keys. tmux's key table, the control pane, its help and the README are made from this table."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX_KEY = "O"
"""The default key after tmux's prefix that opens the key table."""
KEY_TABLE = "orchestra"
"""The name of the tmux key table."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One key; ``popup`` asks tmux for a popup to show the command in.

    ``command`` is the part after ``orchestra``, with ``{session}`` for the current session; it is
    empty for keys that only the control pane has.
    """

    key: str
    action: str
    help: str
    command: tuple[str, ...] = ()
    popup: bool = False


BINDINGS: tuple[Binding, ...] = (
    Binding("s", "spec", "open the session's spec in an editor", ("spec", "{session}"), popup=True),
    Binding("t", "terminal", "open a terminal in the session's worktree", ("terminal", "{session}")),
    Binding("N", "new", "create a session", ("new", "--ask"), popup=True),
    Binding("D", "delete", "delete the session (its work is kept)", ("delete", "{session}", "--ask"), popup=True),
    Binding("d", "diff", "show the session's diff", ("diff", "{session}", "--pager"), popup=True),
    Binding("m", "monitor", "show what the session is doing", ("monitor", "{session}", "--follow"), popup=True),
    Binding("M", "merge", "merge the session's branch", ("merge", "{session}", "--ask"), popup=True),
    Binding("p", "pair", "pair with the session, or end pairing", ("pair", "{session}", "--toggle")),
    Binding("?", "help", "show the keys", ("keys", "--pager"), popup=True),
    Binding("c", "control", "go to the control pane", ("switch", "--control")),
    Binding("Down", "next", "select the next session"),
    Binding("Up", "previous", "select the previous session"),
    Binding("j", "next", "select the next session"),
    Binding("k", "previous", "select the previous session"),
    Binding("Tab", "tab", "show the next tab: diff, monitor, messages"),
    Binding("J", "down", "scroll down"),
    Binding("K", "up", "scroll up"),
    Binding("PgDn", "page-down", "scroll a page down"),
    Binding("PgUp", "page-up", "scroll a page up"),
    Binding("Enter", "switch", "go to the session's window"),
    Binding("q", "quit", "detach from tmux; everything keeps running"),
)


def in_tmux() -> tuple[Binding, ...]:
    """Return the bindings that tmux's key table holds."""
    return tuple(binding for binding in BINDINGS if binding.command)


def for_key(key: str) -> Binding | None:
    """Return the control pane's binding for a key."""
    return next((binding for binding in BINDINGS if binding.key == key), None)
