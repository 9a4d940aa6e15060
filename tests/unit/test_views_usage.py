"""What was used, as it is shown."""

from __future__ import annotations

import pytest

from orchestra.views.usage import context_left, money, tokens


@pytest.mark.parametrize(
    ("dollars", "expected"),
    [(None, "unknown"), (0.0, "$0.00"), (0.004, "<$0.01"), (1.2, "$1.20"), (1234.5, "$1,234.50")],
)
def test_money(dollars: float | None, expected: str) -> None:
    assert money(dollars) == expected


def test_tokens_and_context() -> None:
    assert tokens(None, None) == "unknown"
    assert tokens(1_200_000, 34_000) == "1.2M/34k"
    assert tokens(5, None) == "5/0"
    assert [context_left(used) for used in (None, 62.0, 130.0)] == ["", "38%", "0%"]
