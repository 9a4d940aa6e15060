"""Search from the control pane, and go to what was found; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestra.control.state import (
    Draft,
    Effect,
    Found,
    Invoke,
    Mode,
    Purpose,
    Status,
    Tab,
    View,
    arranged,
    select,
    with_filter,
    writing,
)
from orchestra.review.keys import Key
from orchestra.views.text import line

Reduced = tuple[View, tuple[Effect, ...]]
PAGE = 5
"""Hits that one key goes on."""
_FAR = 1_000_000
_MOVES = {
    "next": 1, "previous": -1, "down": 1, "up": -1, "page-down": PAGE, "page-up": -PAGE, "bottom": _FAR, "top": -_FAR,
}  # fmt: skip
_TABS = {"messages": Tab.MESSAGES, "commits": Tab.DIFF}
"""The tabs that show hits of some kinds; the monitor shows the others' time."""


def search(view: View, text: str) -> Reduced:
    """Search for a text that was typed."""
    closed = replace(view, mode=Mode.LIST, draft=None)
    if not text:
        return closed, ()
    return closed, (Invoke("search", {"text": text}, f"searching for {text}"),)


def with_found(view: View, text: str, result: Mapping[str, Any]) -> View:
    """Show what a search found, unless the person does something else by now."""
    hits, unread = tuple(result["hits"]), tuple(str(name) for name in result["unread"])
    if not hits:
        left = f"not everything was read yet, of {', '.join(unread)}; search again" if unread else ""
        return replace(view, found=None, status=Status(f"nothing was found: {line(text)}", left))
    before = view.found
    same = before is not None and before.text == text and len(before.hits) == len(hits)
    found = Found(text, hits, unread, before.at if before is not None and same else 0)
    if view.mode is not Mode.LIST:
        return replace(view, found=found)
    return replace(view, mode=Mode.FOUND, found=found, status=Status())


def press(view: View, key: Key) -> Reduced:
    """Handle a key while hits are shown."""
    action, found = view.keymap.does(key.name), view.found
    if found is None or action in {"close", "quit"}:
        return replace(view, mode=Mode.LIST), ()
    if action in _MOVES:
        at = max(0, min(found.at + _MOVES[action], len(found.hits) - 1))
        return replace(view, found=replace(found, at=at), status=Status()), ()
    if action == "search":
        return writing(view, Draft(Purpose.SEARCH)), ()
    return (go(view, found), ()) if action in {"open", "switch"} else (view, ())


def clicked(view: View, number: int | None, *, again: bool) -> View:
    """Select a hit that was clicked; a second click on the same one goes there."""
    found = view.found
    if found is None or number is None:
        return view
    if again and number == found.at:
        return go(view, found)
    return replace(view, found=replace(found, at=number), status=Status())


def go(view: View, found: Found) -> View:
    """Select the session of a hit, with the tab that shows it; a session that is gone is only named."""
    hit = found.hits[found.at]
    name = str(hit["session"])
    if hit["deleted"] or all(session.name != name for session in view.data.sessions):
        back = f"to bring it back: orchestra restore {name}" if hit["deleted"] else ""
        return replace(view, status=Status(f"{line(name)} is not there any more", back, bad=True))
    shown = select(_with_row(view, name), name)
    told = Status(
        f"{hit['in']}: {line(str(hit['where']))}", f"{view.keymap.key('search')} and Enter go back to what was found"
    )
    return replace(shown, mode=Mode.LIST, tab=_TABS.get(str(hit["in"]), Tab.MONITOR), status=told)


def _with_row(view: View, name: str) -> View:
    """Show the row of a session that is folded away or filtered out."""
    if name in view.names:
        return view
    return arranged(replace(with_filter(view, ""), folded=frozenset()))
