"""Compare the sessions of a group in the control pane, and take one; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestra.control.state import (
    Compared,
    Effect,
    Invoke,
    Mode,
    Review,
    Scroll,
    Status,
    View,
    arranged,
    select,
    with_filter,
)
from orchestra.model import Session
from orchestra.review.keys import Key

Reduced = tuple[View, tuple[Effect, ...]]
_MOVES = {"next": 1, "previous": -1, "tab": 1, "tab-back": -1}
_SCROLLS = {"down": Scroll(1), "up": Scroll(-1), "page-down": Scroll(pages=1), "page-up": Scroll(pages=-1)}


def compare(view: View, session: Session) -> Reduced:
    """Compare the group of a session, with the checks that have run already."""
    if not session.group_name:
        told = Status(f"{session.name} is in no group", "to compare two: orchestra compare NAME NAME", bad=True)
        return replace(view, status=told), ()
    return view, (_asked([session.name], checks=False),)


def take(view: View, session: Session) -> Reduced:
    """Review first, so that the question says what would be merged."""
    return view, (Invoke("review", {"name": session.name}, f"looking at {session.name}", taking=True),)


def _asked(names: list[str], *, checks: bool) -> Invoke:
    doing = "running the checks on what each merge would be" if checks else "comparing"
    return Invoke("compare", {"names": names, "checks": checks}, doing)


def with_compared(view: View, result: Mapping[str, Any]) -> View:
    """Show a comparison, the selected session's column marked, unless the person does something else by now."""
    names = [str(row["name"]) for row in result["sessions"]]
    before = view.compared.name if view.mode is Mode.COMPARED and view.compared else view.selected
    compared = Compared(result, names.index(before) if before in names else 0)
    if view.mode not in {Mode.LIST, Mode.COMPARED}:
        return replace(view, compared=compared)
    return replace(view, mode=Mode.COMPARED, compared=compared, status=Status())


def press(view: View, key: Key) -> Reduced:
    """Handle a key while a comparison is shown."""
    action, compared = view.keymap.does(key.name), view.compared
    if compared is None or action in {"close", "quit"}:
        return replace(view, mode=Mode.LIST), ()
    if action in _MOVES:
        at = (compared.at + _MOVES[action]) % len(compared.names)
        return replace(view, compared=replace(compared, at=at), status=Status()), ()
    if action in _SCROLLS:
        return view, (_SCROLLS[action],)
    if action == "review":
        return view, (_differences(compared),)
    if action == "compare":
        return view, (_asked(compared.names, checks=True),)
    shown = _go(view, compared.name)
    if action == "take" and shown.session is not None:
        return take(shown, shown.session)
    return (shown, ()) if action in {"open", "switch"} else (view, ())


def _differences(compared: Compared) -> Review:
    """Review the marked session against the one after it, and then against the others in their order."""
    names, at = compared.names, compared.at
    return Review(compared.name, others=(*names[at + 1 :], *names[:at]))


def _go(view: View, name: str) -> View:
    """Select a session in the list, also one that is folded away or filtered out."""
    if name not in view.names:
        view = arranged(replace(with_filter(view, ""), folded=frozenset()))
    return select(replace(view, mode=Mode.LIST), name)
