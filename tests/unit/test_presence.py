"""How long an agent is held that asked for its tools just now."""

from __future__ import annotations

import math
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


@pytest.mark.parametrize(("start", "late"), [(0.5, 0.0), (4.0, 3.0)])
def test_a_slow_start_is_known_by_when_the_tools_were_asked_for(clock: Clock, start: float, late: float) -> None:
    """On a busy machine it takes longer until the tools' list is taken in."""
    seen = Presence()
    seen.starts(1)
    clock.goes(start)
    seen.saw_tools(1)
    clock.goes(0.125)
    assert seen.late(1, quick=1.0) == late
    assert seen.since_tools(1) == 0.125


def test_nothing_is_known_of_an_agent_that_never_asked_or_whose_start_nobody_saw(clock: Clock) -> None:
    seen = Presence()
    assert (seen.since_tools(1), seen.late(1, quick=0.0)) == (math.inf, 0.0)
    clock.goes(9.0)
    seen.saw_tools(1)
    assert (seen.since_tools(1), seen.late(1, quick=0.0)) == (0.0, 0.0)
