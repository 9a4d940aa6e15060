"""Decide when a session's changes may be counted again: at once after a rest, and fairly while many write."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestra.service.watch.pace import Pace

SHARE = 0.06
"""The share of a processor that counting may use while sessions keep writing."""
_LATEST = 10.0
"""Seconds within which a change is counted, however many sessions write; a large worktree takes longer."""
_BURST, _COUNTS = 0.15, 3.0
"""Seconds of counting, or so many times the last count, that a session may use at once after a rest."""
_LARGE = 4.0
"""A session that has used that pauses at least so many times the duration of a count that takes seconds."""
_ACTIVE = 10.0
"""Seconds after a count for which a session counts as writing."""
_UNPROMPTED = 50.0
"""Without a noticed change, counting uses at most this share of the time, so large worktrees are counted less often."""
_LONGEST = 600.0
"""The longest pause between two counts of a worktree that is not watched, in seconds."""
_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
"""What is said of such pauses, so that it changes seldom."""


@dataclass(slots=True)
class _Last:
    at: float
    took: float
    credit: float
    in_vain: bool


class CountPace:
    """The pauses between the counts of all sessions."""

    def __init__(self, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = pace
        self._clock = clock
        self._last: dict[int, _Last] = {}

    def counted(self, session: int, began: float, *, in_vain: bool = False) -> None:
        """Note that a count has ended; one that was ``in_vain`` is not repeated because of a change."""
        now = self._clock()
        took = now - began
        last = self._last.get(session)
        credit = max(_BURST, _COUNTS * took) if last is None else self._credit(last)
        self._last[session] = _Last(now, took, credit - took, in_vain)

    def keep(self, sessions: set[int]) -> None:
        """Forget all other sessions."""
        self._last = {number: last for number, last in self._last.items() if number in sessions}

    def due(self, session: int, *, changed: bool, busy: bool, watched: bool) -> float:
        """Return in how many seconds a session is to be counted; 0 for now, infinite for not without a change."""
        last = self._last.get(session)
        if last is None:
            return 0.0
        late = self._unprompted(last, busy=busy, watched=watched)
        pause = min(self._pause(last), late) if changed and not last.in_vain else late
        return max(0.0, last.at + pause - self._clock())

    def unprompted(self, session: int, *, busy: bool) -> int:
        """Return about how many seconds pass between two counts of a session that is not watched."""
        last = self._last.get(session)
        exact = self._unprompted(last, busy=busy, watched=False) if last is not None else 0.0
        return next((step for step in _STEPS if step >= exact), _STEPS[-1])

    def _pause(self, last: _Last) -> float:
        owed = -last.credit
        wait = min(owed / self._rate(), max(_LATEST, last.took * _LARGE)) if owed > 0 else 0.0
        return max(self._pace.diff, wait)

    def _credit(self, last: _Last) -> float:
        """Return the seconds of counting that a session may use now; below 0 if it has used too many."""
        most = max(_BURST, _COUNTS * last.took)
        return min(most, max(last.credit, -most) + (self._clock() - last.at) * self._rate())

    def _rate(self) -> float:
        """Return each writing session's share of a processor."""
        since = self._clock() - _ACTIVE
        return SHARE / max(1, sum(other.at > since for other in self._last.values()))

    def _unprompted(self, last: _Last, *, busy: bool, watched: bool) -> float:
        if watched:
            return self._pace.sweep_work
        usual = self._pace.diff_busy if busy else self._pace.diff_idle
        return min(max(usual, _UNPROMPTED * last.took), _LONGEST, math.inf)
