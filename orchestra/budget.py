"""Decide how a cost stands to a budget; pure."""

from __future__ import annotations

from enum import StrEnum

from orchestra.model import Session

_NEAR = 0.8
"""The share of a budget from which on the person is told."""


class Standing(StrEnum):
    """How much of a budget is used."""

    WITHIN = "within"
    NEAR = "near"
    OVER = "over"


def is_over(session: Session, budget: float) -> bool:
    """Return whether a session has cost more than its budget allows."""
    return standing(session.cost, budget, session.allowance) is Standing.OVER


def standing(cost: float | None, budget: float, allowance: float = 0.0) -> Standing:
    """Return how a cost stands to a budget, both in US dollars; 0 is no budget.

    The cost up to ``allowance`` does not count, because the person has allowed it. An unknown cost
    is within every budget.
    """
    if not budget or cost is None:
        return Standing.WITHIN
    used = cost - allowance
    return Standing.OVER if used >= budget else Standing.NEAR if used >= _NEAR * budget else Standing.WITHIN
