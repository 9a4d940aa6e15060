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
    Binding("q", "quit", "leave; everything keeps running"),
)

REVIEW_BINDINGS: tuple[Binding, ...] = (
    Binding("j", "down", "scroll down"),
    Binding("Down", "down", "scroll down"),
    Binding("k", "up", "scroll up"),
    Binding("Up", "up", "scroll up"),
    Binding("PgDn", "page-down", "scroll a page down"),
    Binding("Space", "page-down", "scroll a page down"),
    Binding("PgUp", "page-up", "scroll a page up"),
    Binding("b", "page-up", "scroll a page up"),
    Binding("l", "right", "scroll to the right"),
    Binding("Right", "right", "scroll to the right"),
    Binding("h", "left", "scroll to the left"),
    Binding("Left", "left", "scroll to the left"),
    Binding("$", "line-end", "scroll to the end of the longest line in sight"),
    Binding("0", "line-start", "scroll to the start of the lines"),
    Binding("g", "first", "go to the first file"),
    Binding("Home", "first", "go to the first file"),
    Binding("G", "last", "go to the last file"),
    Binding("End", "last", "go to the last file"),
    Binding("]", "next-hunk", "go to the next hunk"),
    Binding("[", "previous-hunk", "go to the previous hunk"),
    Binding("}", "next-file", "go to the next file"),
    Binding("Tab", "next-file", "go to the next file"),
    Binding("{", "previous-file", "go to the previous file"),
    Binding("/", "search", "search in all changes; with small letters only, capitals count the same"),
    Binding("n", "next-match", "go to the next match"),
    Binding("N", "previous-match", "go to the previous match"),
    Binding("Enter", "fold", "fold or unfold the file; in the list of files, go to it"),
    Binding("f", "fold", "fold or unfold the file; in the list of files, go to it"),
    Binding("F", "fold-all", "fold or unfold all files"),
    Binding("v", "viewed", "mark the file as viewed until it changes, or take the mark away"),
    Binding("s", "split", "show both sides beside each other, or below each other"),
    Binding("t", "tree", "show or hide the list of files"),
    Binding("1", "branch", "show the whole branch, uncommitted changes included"),
    Binding("2", "commit", "show the last commit"),
    Binding("3", "looked", "show what changed since your last review"),
    Binding("r", "reload", "look at the files again"),
    Binding("?", "help", "show these keys"),
    Binding("q", "leave", "leave the review"),
    Binding("Escape", "leave", "leave the review"),
)
"""The keys of a review. Like a review's scopes, they are of no concern to the control pane."""


def in_tmux() -> tuple[Binding, ...]:
    """Return the bindings that tmux's key table holds."""
    return tuple(binding for binding in BINDINGS if binding.command)


def for_key(key: str) -> Binding | None:
    """Return the control pane's binding for a key."""
    return next((binding for binding in BINDINGS if binding.key == key), None)


def for_review_key(key: str) -> Binding | None:
    """Return a review's binding for a key."""
    return next((binding for binding in REVIEW_BINDINGS if binding.key == key), None)
