"""How long an agent is held that asked for its tools just now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestra.service import presence
from orchestra.service.presence import Presence


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self, _zone: object) -> datetime:
        return self.time

    def goes(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(presence, "datetime", made)
    return made


@pytest.mark.parametrize(
    ("start", "then", "held"),
    [(0.5, 0.0, 0.25), (4.0, 0.0, 1.0), (4.0, 0.75, 0.25), (4.0, 2.0, 0.0)],
    ids=["quick", "slow", "slow, and its prompt too", "long ago"],
)
def test_an_agent_that_was_slow_to_start_is_held_longer(clock: Clock, start: float, then: float, held: float) -> None:
    """On a busy machine it takes longer until the tools' list is taken in, counted from when that was asked for."""
    seen = Presence()
    seen.starts(1)
    clock.goes(start)
    seen.saw_tools(1)
    clock.goes(then)
    assert seen.takes_in(1, least=0.25, quick=1.0, share=0.25) == held


def test_an_agent_is_not_held_that_never_asked_or_whose_start_nobody_saw(clock: Clock) -> None:
    seen = Presence()
    assert seen.takes_in(1, least=0.25, quick=1.0, share=0.25) == 0
    seen.saw_tools(1)
    clock.goes(0.125)
    assert seen.takes_in(1, least=0.25, quick=1.0, share=0.25) == 0.125
