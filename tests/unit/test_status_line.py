"""The segment in tmux's status line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestra.actions.workspace.status_line import segment
from orchestra.attention import Need, NeedKind
from orchestra.model import Intent, State
from tests.support.scenes import session
from tests.support.stores import START


def need(name: str) -> Need:
    return Need(NeedKind.QUESTION, name, START, "asks")


@pytest.mark.parametrize(
    ("needs", "states", "text"),
    [
        ((), (), "shop: quiet"),
        ((), (State.WORKING, State.IDLE, State.WORKING), "shop: 2 working"),
        (("a",), (State.WORKING,), "shop: a needs you, 1 working"),
        (("a", "a", "b"), (), "shop: a, b need you"),
        (("a", "b", "c", "d"), (), "shop: a, b and 2 more need you"),
    ],
)
def test_it_names_who_needs_the_person_and_counts_who_works(
    needs: tuple[str, ...], states: tuple[State, ...], text: str
) -> None:
    sessions = [replace(session(f"s{number}"), state=state) for number, state in enumerate(states)]
    stopped = replace(session("stopped"), state=State.WORKING, intent=Intent.STOP)
    assert segment("shop", [*sessions, stopped], [need(name) for name in needs]) == text
