"""When the ages on the screen are painted anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestra.control.ages import Ages

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Passing:
    """A clock, and the ages that were shown when it stood at 0."""

    def __init__(self, *old: int) -> None:
        self.passed = 0
        self.moments = [NOW - timedelta(seconds=seconds) for seconds in old]
        self.ages = Ages(lambda: float(self.passed))
        self.ages.show(self.moments, NOW)

    def are_old_after(self, seconds: int) -> bool:
        self.passed = seconds
        return self.ages.are_old(self.moments, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("old", "painted"),
    [
        ((5,), (True, True)),
        ((59,), (True, True)),
        ((300, 5), (True, True)),
        ((119,), (False, True)),
        ((119, 179, 3599), (False, True)),
        ((61,), (False, False)),
        ((), (False, False)),
    ],
)
def test_seconds_are_painted_at_once_and_the_rest_together(old: tuple[int, ...], painted: tuple[bool, bool]) -> None:
    assert (Passing(*old).are_old_after(1), Passing(*old).are_old_after(10)) == painted


def test_another_number_of_them_is_painted_at_once() -> None:
    passing = Passing(61)
    passing.moments.append(NOW - timedelta(hours=2))
    assert passing.are_old_after(1)


def test_what_was_painted_is_not_painted_again() -> None:
    passing = Passing(119)
    assert passing.are_old_after(10)
    passing.ages.show(passing.moments, NOW + timedelta(seconds=10))
    assert not passing.are_old_after(11)
    assert not passing.are_old_after(60)
    assert passing.are_old_after(61)
