"""Decide when the ages on the screen are painted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from orchestra.views.text import age

_LAG = 10.0
"""Seconds that an age in minutes or more may be late, so that those of many sessions are painted together."""


class Ages:
    """The ages that are shown."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown: tuple[str, ...] = ()
        self._since = clock()

    def show(self, moments: Iterable[datetime], now: datetime) -> None:
        """Note that the ages of these moments are painted now."""
        self._shown, self._since = _ages(moments, now), self._clock()

    def are_old(self, moments: Iterable[datetime], now: datetime) -> bool:
        """Return whether to paint again: at once if seconds are shown that have passed, else after a while."""
        ages = _ages(moments, now)
        if ages == self._shown or self._clock() - self._since >= _LAG:
            return ages != self._shown
        return len(ages) != len(self._shown) or any(
            one != before and before.endswith("s") for before, one in zip(self._shown, ages, strict=True)
        )


def _ages(moments: Iterable[datetime], now: datetime) -> tuple[str, ...]:
    return tuple(age(moment, now) for moment in moments)
