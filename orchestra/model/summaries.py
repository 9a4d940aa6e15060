"""What a model says of a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """At most two lines by the profile ``by``: a model's words, and no fact.

    ``drift`` says in what the work leaves the spec, if the model thinks so. ``trouble`` says why the last try made
    none; the lines are then those of an earlier one, made ``at`` a time.
    """

    lines: tuple[str, ...] = ()
    drift: str = ""
    at: datetime | None = None
    by: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class MonitorDay:
    """How often a model was asked for summaries on one day, and what that cost as far as it was told."""

    calls: int = 0
    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
