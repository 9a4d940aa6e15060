"""When the keys that answer count, so that they can be shown as such; pure."""

from __future__ import annotations

from orchestra.attention import NeedKind
from orchestra.bindings import Where
from orchestra.control.cursor import UNREAD
from orchestra.control.state import Mode, View
from orchestra.control.typing import RAPID

_READ_FIRST = frozenset({"allow", "always", "deny", "seen"})
_READ_WHOLE = frozenset({"allow", "always"})
_YES = frozenset({"yes"})


def counts_from(view: View) -> float:
    """Return from when on a key counts as an answer to what is shown; infinity while that is not in sight."""
    if view.mode is Mode.CONFIRM:
        return view.letter_at + RAPID
    if view.where is not Where.NEEDS or view.need is None:
        return float("-inf")
    read = view.painted.since + UNREAD if view.painted.item == view.item else float("inf")
    return max(read, view.letter_at + RAPID, view.typing_until)


def too_early(view: View, now: float) -> frozenset[str]:
    """Return the actions whose keys do not count yet."""
    if now < counts_from(view):
        return _YES if view.mode is Mode.CONFIRM else _READ_FIRST
    need = view.need if view.where is Where.NEEDS else None
    partly = need is not None and need.kind is NeedKind.PERMISSION and not view.painted.whole
    return _READ_WHOLE if partly else frozenset()
