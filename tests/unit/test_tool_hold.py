"""How long an agent is held that asked for its tools just now."""

from __future__ import annotations

import pytest

from orchestra.service import tool_hold
from orchestra.service.tool_hold import ToolHold


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def goes(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tool_hold, "monotonic", made.now)
    return made


@pytest.mark.parametrize(
    ("start", "then", "begins", "held"),
    [
        (0.5, 0.0, False, 0.25),
        (2.0, 0.0, False, 2.25),
        (2.0, 0.75, False, 1.5),
        (2.0, 4.0, False, 0.0),
        (0.5, 0.25, True, 0.25),
        (1.5, 0.5, True, 2.25),
        (9.0, 900.0, True, 4.25),
    ],
    ids=["quick", "slow", "slow, and its prompt too", "long ago", "begins", "begins, slowly", "begins, much later"],
)
def test_an_agent_that_was_slow_to_start_is_held_longer(
    clock: Clock, start: float, then: float, *, begins: bool, held: float
) -> None:
    """On a busy machine it takes longer until the tools' list is taken in, counted from when that could begin."""
    seen = ToolHold()
    seen.starts(1)
    clock.goes(start)
    seen.saw_tools(1)
    clock.goes(then)
    assert seen.takes_in(1, begins=begins, least=0.25, quick=1.0, longest=4.0) == held


def test_an_agent_that_calls_its_tools_is_not_held_for_that(clock: Clock) -> None:
    """It has them; and how long ago it was launched says nothing of the machine then."""
    seen = ToolHold()
    seen.starts(1)
    seen.saw_tools(1)
    clock.goes(60.0)
    seen.saw_tools(1)
    assert seen.takes_in(1, begins=False, least=0.25, quick=1.0, longest=4.0) == 0
    seen.starts(1)
    seen.saw_tools(1)
    assert seen.takes_in(1, begins=False, least=0.25, quick=1.0, longest=4.0) == 0.25


def test_an_agent_is_held_no_longer_whose_start_nobody_saw_and_not_at_all_that_never_asked(clock: Clock) -> None:
    seen = ToolHold()
    assert seen.takes_in(1, begins=False, least=0.25, quick=1.0, longest=4.0) == 0
    assert seen.takes_in(1, begins=True, least=0.25, quick=1.0, longest=4.0) == 0.25
    seen.saw_tools(1)
    clock.goes(0.125)
    assert seen.takes_in(1, begins=False, least=0.25, quick=1.0, longest=4.0) == 0.125
