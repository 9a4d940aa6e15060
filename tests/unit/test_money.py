"""Amounts of money as text."""

from __future__ import annotations

import pytest

from orchestra.money import dollars


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "$0.00"),
        (1204.5, "$1,204.50"),
        (0.01, "$0.01"),
        (0.0042, "$0.0042"),
        (0.005, "$0.005"),
        (0.00012, "$0.00012"),
        (0.00009, "<$0.0001"),
    ],
)
def test_an_amount_is_never_told_as_nothing_unless_it_is(amount: float, text: str) -> None:
    assert dollars(amount) == text
