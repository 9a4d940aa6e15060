"""Views of the control pane, and keys pressed in them."""

from __future__ import annotations

from datetime import timedelta

from orchestra.attention import Need, NeedKind
from orchestra.control.cursor import with_data, with_painted
from orchestra.control.reducer import press
from orchestra.control.state import (
    Data,
    Effect,
    Held,
    Tab,
    View,
)
from orchestra.review.keys import Key
from tests.support.scenes import NOW, designer, session


def scene(selected: str = "b") -> View:
    data = Data(sessions=(designer(), session("a"), session("b"), session("c")))
    return with_data(View(selected=selected), data)


def pressed(view: View, *keys: str) -> tuple[View, list[Effect]]:
    """Press keys, each once the view is painted; what is held back is done, as nothing follows quickly."""
    effects: list[Effect] = []
    for key in keys:
        view, more = press(painted(view), Key(key))
        effects += [one.effect if isinstance(one, Held) else one for one in more]
    return view, effects


def painted(view: View, now: float = float("-inf"), *, whole: bool = True) -> View:
    """Return the view once the terminal shows it."""
    return with_painted(view, view.item, now, whole=whole)


def waiting(number: int = 1, kind: NeedKind = NeedKind.PERMISSION, name: str = "b", *, answerable: bool = True) -> Need:
    since = NOW - timedelta(minutes=9 - number)
    return Need(kind, name, since, "wants: rm -rf build", "rm -rf build", number, answerable)


def asked(*needs: Need) -> View:
    """Return a view of the tab that lists the needs."""
    sessions = (designer(), session("a"), session("b"), session("c"))
    return with_data(View(selected="b", tab=Tab.NEEDS), Data(sessions, needs=needs))
