"""When a session's changes are counted again."""

from __future__ import annotations

from orchestra.service.watch.count_pace import SHARE, CountPace
from orchestra.service.watch.pace import Pace


class Clock:
    """A time that only the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counted(pace: CountPace, clock: Clock, session: int, took: float) -> None:
    began = clock.now
    clock.now += took
    pace.counted(session, began)


def test_a_change_after_a_rest_is_counted_at_once() -> None:
    clock = Clock()
    pace = CountPace(Pace(), clock)
    assert pace.due(1, changed=True, busy=False, watched=False) == 0
    counted(pace, clock, 1, 0.02)
    assert 0 < pace.due(1, changed=True, busy=True, watched=True) < 0.5
    clock.now += 0.5
    assert pace.due(1, changed=True, busy=True, watched=True) == 0


def test_many_writing_sessions_share_what_counting_may_use() -> None:
    clock = Clock()
    pace = CountPace(Pace(), clock)
    waited, counts = 0.0, 0
    while clock.now < 1300:
        pauses = [pace.due(session, changed=True, busy=True, watched=True) for session in range(10)]
        clock.now += min(pauses)
        counted(pace, clock, pauses.index(min(pauses)), 0.03)
        waited, counts = max(waited, *pauses), counts + 1
    assert counts * 0.03 / 300 <= 2 * SHARE
    assert waited <= 10, "nobody waits for longer"


def test_without_a_change_only_the_unwatched_are_counted_soon() -> None:
    clock = Clock()
    pace = CountPace(Pace(), clock)
    counted(pace, clock, 1, 0.02)
    assert pace.due(1, changed=False, busy=False, watched=True) > 600
    assert 9 < pace.due(1, changed=False, busy=True, watched=False) <= 10
    assert 29 < pace.due(1, changed=False, busy=False, watched=False) <= 30


def test_a_large_worktree_takes_a_small_share_of_the_time() -> None:
    clock = Clock()
    pace = CountPace(Pace(), clock)
    for _ in range(6):
        clock.now += pace.due(1, changed=True, busy=True, watched=True)
        counted(pace, clock, 1, 4.0)
    assert pace.due(1, changed=True, busy=True, watched=True) >= 16
    assert pace.due(1, changed=False, busy=True, watched=False) >= 200
