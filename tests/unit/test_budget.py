"""How a cost stands to a budget."""

from __future__ import annotations

import pytest

from orchestra.budget import Standing, standing


@pytest.mark.parametrize(
    ("cost", "budget", "allowance", "expected"),
    [
        (None, 5.0, 0.0, Standing.WITHIN),
        (100.0, 0.0, 0.0, Standing.WITHIN),
        (3.99, 5.0, 0.0, Standing.WITHIN),
        (4.0, 5.0, 0.0, Standing.NEAR),
        (4.99, 5.0, 0.0, Standing.NEAR),
        (5.0, 5.0, 0.0, Standing.OVER),
        (5.0, 5.0, 5.0, Standing.WITHIN),
        (10.0, 5.0, 5.0, Standing.OVER),
    ],
)
def test_it_is_near_from_four_fifths_on(
    cost: float | None, budget: float, allowance: float, expected: Standing
) -> None:
    assert standing(cost, budget, allowance) is expected
