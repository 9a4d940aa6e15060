"""All keys. The key table in tmux, the control pane, reviews, their help and footers, and the README are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

PREFIX_KEY = "O"
"""The default key after tmux's prefix that opens the key table."""
KEY_TABLE = "orchestra"
"""The name of the tmux key table."""


class Where(StrEnum):
    """Where a key means something: in a part of the control pane, or of a review."""

    LIST = "list"
    NEEDS = "needs"
    DIFF = "diff"
    QUESTION = "question"
    TEXT = "text"
    REVIEW = "review"
    SELECTION = "selection"
    COMMENTS = "comments"


@dataclass(frozen=True, slots=True)
class Binding:
    """One action and its keys, named as tmux names them; ``popup`` asks tmux for a popup to show the command in.

    ``command`` is the part after ``orchestra``, with ``{session}`` for the current session; it is
    empty for keys that only the control pane has. ``glance`` keys only show something, so that
    people press several in quick succession. ``held`` keys take the keyboard elsewhere or answer
    an agent, and wait a moment for what could be the rest of a word. ``word`` is the reminder in
    the footer, empty if there is none.
    """

    action: str
    keys: tuple[str, ...]
    help: str
    command: tuple[str, ...] = ()
    popup: bool = False
    where: Where = Where.LIST
    glance: bool = False
    held: bool = False
    word: str = ""


_NEXT_TAB = "show the next tab: needs you, diff, monitor, messages"

BINDINGS: tuple[Binding, ...] = (
    Binding(
        "spec", ("s",), "open the session's spec in an editor", ("spec", "{session}"), True, held=True, word="spec"
    ),
    Binding(
        "terminal", ("t",), "open a terminal in the session's worktree", ("terminal", "{session}"),
        held=True, word="term",
    ),
    Binding("new", ("N",), "create a session", ("new", "--ask"), True, word="new"),
    Binding(
        "delete", ("D",), "delete the session (its work is kept)", ("delete", "{session}", "--ask"), True,
        word="delete",
    ),
    Binding(
        "diff", ("d",), "show the session's diff", ("diff", "{session}", "--pager"), True, glance=True, word="diff"
    ),
    Binding(
        "monitor", ("m",), "show what the session is doing", ("monitor", "{session}", "--follow"), True,
        glance=True, word="monitor",
    ),
    Binding("merge", ("M",), "merge the session's branch", ("merge", "{session}", "--ask"), True, word="merge"),
    Binding(
        "compare", ("C",), "compare the sessions of its group; there, run the checks",
        ("compare", "{session}", "--no-checks", "--pager"), True, glance=True, word="compare",
    ),
    Binding("take", ("T",), "take this one of its group", ("take", "{session}", "--ask"), True, word="take"),
    Binding("pair", ("p",), "pair with the session, or end pairing", ("pair", "{session}", "--toggle"), word="pair"),
    Binding(
        "try", ("u",), "try the session's files in your checkout, or put back what was there",
        ("try", "{session}", "--toggle"), word="try",
    ),
    Binding(
        "layout", ("G",), "tile the executors in a grid, or give each its window", ("layout", "--toggle"), word="grid"
    ),
    Binding("help", ("?",), "show the keys", ("keys", "--pager"), True, word="help"),
    Binding("control", ("c",), "go to the control pane", ("switch", "--control")),
    Binding("next", ("Down", "j", "C-n"), "select the next session", glance=True),
    Binding("previous", ("Up", "k", "C-p"), "select the previous session", glance=True),
    Binding("next-need", ("n",), "select the next session that needs you", glance=True, word="next"),
    Binding("jump", tuple("123456789"), "select the first to the ninth session of the list", glance=True),
    Binding("open", ("Enter",), "go to the session's window; in the tab “Diff”, review what it changed", word="go"),
    Binding("switch", ("g",), "go to the session's window", held=True, word="go"),
    Binding("needs", ("w",), "show everything that waits for you", glance=True, word="needs you"),
    Binding("messages", ("i",), "show the session's messages", glance=True),
    Binding("tab", ("Tab", "Right"), _NEXT_TAB, glance=True),
    Binding("tab-back", ("BTab", "Left"), "show the tab before", glance=True),
    Binding("down", ("J",), "scroll down", glance=True),
    Binding("up", ("K",), "scroll up", glance=True),
    Binding("page-down", ("PgDn", "Space", "C-d"), "scroll a page down", glance=True),
    Binding("page-up", ("PgUp", "C-u"), "scroll a page up", glance=True),
    Binding("top", ("Home",), "scroll to the beginning", glance=True),
    Binding("bottom", ("End",), "scroll to the end", glance=True),
    Binding("write", ("r",), "write to the session, or answer its question", held=True, word="write"),
    Binding(
        "review", ("v",), "review the session's diff; in a comparison, how two differ",
        held=True, word="review",
    ),
    Binding("filter", ("/",), "show only sessions with this in their name, state or agent", glance=True, word="filter"),
    Binding("search", ("f",), "search all that was said and done, in deleted sessions too", held=True, word="search"),
    Binding("fold", ("z",), "hide or show the sessions below this one", glance=True),
    Binding("close", ("Escape",), "clear the message or the filter"),
    Binding("quit", ("q",), "leave; everything keeps running", held=True, word="leave"),
    Binding("allow", ("a",), "allow what the agent asks for, once", where=Where.NEEDS, held=True, word="allow"),
    Binding("always", ("A",), "allow it for the rest of this session", where=Where.NEEDS, held=True, word="always"),
    Binding("deny", ("x",), "deny it, with a reason if you like", where=Where.NEEDS, held=True, word="deny"),
    Binding("seen", ("e",), "put a message to you away as read", where=Where.NEEDS, held=True, word="read"),
    Binding("diff-right", ("L",), "scroll to the right", where=Where.DIFF, glance=True),
    Binding("diff-left", ("H",), "scroll to the left", where=Where.DIFF, glance=True),
    Binding("diff-line-end", ("$",), "scroll to the end of the longest line in sight", where=Where.DIFF, glance=True),
    Binding("diff-line-start", ("0",), "scroll to the start of the lines", where=Where.DIFF, glance=True),
    Binding("diff-next-file", ("}",), "go to the next file", where=Where.DIFF, glance=True),
    Binding("diff-previous-file", ("{",), "go to the previous file", where=Where.DIFF, glance=True),
    Binding("yes", ("y", "Y"), "yes", where=Where.QUESTION, word="yes"),
    Binding("no", ("n", "N", "q", "Escape", "Enter", "C-c"), "no", where=Where.QUESTION, word="no"),
    Binding("send", ("C-s", "C-Enter", "M-Enter"), "send what is written", where=Where.TEXT, word="send"),
    Binding("cancel", ("Escape", "C-c"), "put the text away; it is kept as a draft", where=Where.TEXT, word="cancel"),
)  # fmt: skip

REVIEW_BINDINGS: tuple[Binding, ...] = (
    Binding("review-down", ("j", "Down"), "scroll down", where=Where.REVIEW),
    Binding("review-up", ("k", "Up"), "scroll up", where=Where.REVIEW),
    Binding("review-page-down", ("PgDn", "Space"), "scroll a page down", where=Where.REVIEW),
    Binding("review-page-up", ("PgUp", "b"), "scroll a page up", where=Where.REVIEW),
    Binding("right", ("l", "Right"), "scroll to the right", where=Where.REVIEW),
    Binding("left", ("h", "Left"), "scroll to the left", where=Where.REVIEW),
    Binding("line-end", ("$",), "scroll to the end of the longest line in sight", where=Where.REVIEW),
    Binding("line-start", ("0",), "scroll to the start of the lines", where=Where.REVIEW),
    Binding("first", ("g", "Home"), "go to the first file", where=Where.REVIEW),
    Binding("last", ("G", "End"), "go to the last file", where=Where.REVIEW),
    Binding("next-hunk", ("]",), "go to the next hunk", where=Where.REVIEW),
    Binding("previous-hunk", ("[",), "go to the previous hunk", where=Where.REVIEW),
    Binding("next-file", ("}", "Tab"), "go to the next file", where=Where.REVIEW),
    Binding("previous-file", ("{",), "go to the previous file", where=Where.REVIEW),
    Binding("next-session", (")",), "compare with the next session, in a review of several", where=Where.REVIEW),
    Binding("previous-session", ("(",), "compare with the session before", where=Where.REVIEW),
    Binding(
        "review-search",
        ("/",),
        "search in all changes; with small letters only, capitals count the same",
        where=Where.REVIEW,
    ),
    Binding("next-match", ("n",), "go to the next match", where=Where.REVIEW),
    Binding("previous-match", ("N",), "go to the previous match", where=Where.REVIEW),
    Binding("fold-file", ("Enter", "f"), "fold or unfold the file; in the list of files, go to it", where=Where.REVIEW),
    Binding("fold-all", ("F",), "fold or unfold all files", where=Where.REVIEW),
    Binding("viewed", ("v",), "mark the file as viewed until it changes, or take the mark away", where=Where.REVIEW),
    Binding("split", ("s",), "show both sides beside each other, or below each other", where=Where.REVIEW),
    Binding("tree", ("t",), "show or hide the list of files", where=Where.REVIEW),
    Binding("branch", ("1",), "show the whole branch, uncommitted changes included", where=Where.REVIEW),
    Binding("commit", ("2",), "show the last commit", where=Where.REVIEW),
    Binding("looked", ("3",), "show what changed since your last review", where=Where.REVIEW),
    Binding("select", ("c",), "select lines, to comment on them", where=Where.REVIEW),
    Binding("comment-all", ("C",), "comment on the whole change", where=Where.REVIEW),
    Binding("comments", ("m",), "show all comments, and edit, delete or settle them", where=Where.REVIEW),
    Binding("send-comments", ("S",), "send all drafts of comments, as one message", where=Where.REVIEW),
    Binding("reload", ("r",), "look at the files again", where=Where.REVIEW),
    Binding("review-help", ("?",), "show these keys", where=Where.REVIEW),
    Binding("leave", ("q", "Escape"), "leave the review", where=Where.REVIEW),
    Binding("select-down", ("j", "Down"), "select the next line", where=Where.SELECTION),
    Binding("select-up", ("k", "Up"), "select the line before", where=Where.SELECTION),
    Binding("extend-down", ("J", "S-Down"), "select one more line below", where=Where.SELECTION),
    Binding("extend-up", ("K", "S-Up"), "select one more line above", where=Where.SELECTION),
    Binding("comment-lines", ("c", "Enter"), "comment on what is selected", where=Where.SELECTION),
    Binding("comment-file", ("f",), "comment on the file", where=Where.SELECTION),
    Binding("select-nothing", ("Escape", "q"), "select nothing", where=Where.SELECTION),
    Binding("next-comment", ("j", "Down"), "go to the next comment", where=Where.COMMENTS),
    Binding("previous-comment", ("k", "Up"), "go to the comment before", where=Where.COMMENTS),
    Binding("show-comment", ("Enter",), "show its lines", where=Where.COMMENTS),
    Binding("edit-comment", ("e",), "edit the draft", where=Where.COMMENTS),
    Binding("delete-comment", ("d",), "delete the draft, when pressed twice", where=Where.COMMENTS),
    Binding("settle-comment", ("x",), "settle it, or open it again", where=Where.COMMENTS),
    Binding("send-listed", ("S",), "send all drafts, as one message", where=Where.COMMENTS),
    Binding("hide-comments", ("q", "Escape", "m"), "go back to the changes", where=Where.COMMENTS),
)
"""The keys of a review; no action has the name of one above, so that the setting ``keys`` can name each."""

IN_REVIEW = (Where.REVIEW, Where.SELECTION, Where.COMMENTS)
"""The places of a review."""
_ABOVE = {Where.NEEDS: Where.LIST, Where.DIFF: Where.LIST}
"""The keys of the list work in these tabs too."""


class Keymap:
    """The bindings with the person's own keys; find them by key or by action. ``enter`` is how Enter is shown."""

    def __init__(self, own: Mapping[str, tuple[str, ...]] | None = None, *, enter: str = "⏎") -> None:
        self.enter = enter
        chosen = own or {}
        self.bindings = tuple(
            replace(one, keys=chosen.get(one.action, one.keys)) for one in (*BINDINGS, *REVIEW_BINDINGS)
        )
        self._by_key = {(one.where, _plain(key)): one for one in self.bindings for key in one.keys}
        self._by_action = {one.action: one for one in self.bindings}

    def at(self, key: str, where: Where = Where.LIST) -> Binding | None:
        """Return the binding of a key at a place."""
        found = self._by_key.get((where, key))
        return found if found is not None or where not in _ABOVE else self._by_key.get((_ABOVE[where], key))

    def does(self, key: str, where: Where = Where.LIST) -> str:
        """Return the action of a key, empty if it has none."""
        found = self.at(key, where)
        return found.action if found else ""

    def key(self, action: str) -> str:
        """Return the first key of an action, empty if the person took all its keys away."""
        return next(iter(self._by_action[action].keys), "")

    def __getitem__(self, action: str) -> Binding:
        return self._by_action[action]

    def at_place(self, *places: Where) -> tuple[Binding, ...]:
        """Return the bindings that mean something at some places."""
        return tuple(one for one in self.bindings if one.where in places)

    def in_tmux(self) -> tuple[Binding, ...]:
        """Return the bindings that tmux's key table holds."""
        return tuple(one for one in self.bindings if one.command)


def _plain(key: str) -> str:
    """Return a key as it is named when it is pressed: a space is the character."""
    return " " if key == "Space" else key


def actions() -> tuple[str, ...]:
    """Return the names of all actions."""
    return tuple(one.action for one in (*BINDINGS, *REVIEW_BINDINGS))


def doubled(own: Mapping[str, tuple[str, ...]]) -> tuple[str, str, str] | None:
    """Return a key that two actions at one place would share, with both actions; None if there is none."""
    seen: dict[tuple[Where, str], str] = {}
    for one in Keymap(own).bindings:
        for place, key in _places(one):
            if (other := seen.setdefault((place, key), one.action)) != one.action:
                return key, other, one.action
    return None


def _places(binding: Binding) -> Iterable[tuple[Where, str]]:
    """Return each key with the places where it must be free."""
    places = (Where.LIST, *_ABOVE) if binding.where is Where.LIST else (binding.where,)
    return ((place, key) for key in binding.keys for place in places)
