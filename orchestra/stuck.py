"""Decide from evidence whether a session makes no progress; pure, without effects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestra.model import Evidence, Sign, State

NEARLY_FULL = 90.0
"""The share of a model's window, in percent, from which on it counts as nearly full."""
TIMES = 3
"""How often the same command fails in a row until its session counts as stuck."""
FAILED = ": failed"
"""How the text of a tool's event ends if the tool failed."""
_LIMITED = re.compile(
    r"\b429\b|rate.?limit|too many requests|quota|usage limit|hit your limit|exhausted your capacity", re.IGNORECASE
)
_UNDER_WAY = frozenset({State.STARTING, State.WORKING})
_RUNNING = _UNDER_WAY | {State.UNKNOWN, State.WAITING, State.IDLE, State.DONE, State.FAILED}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a session when it is judged.

    ``last_sign`` is the time of its last event, or of the last change of its files. ``tools`` are
    the texts of its last events about tools, oldest first. ``quiet`` is how long it may work
    without a sign; None for ever.
    """

    now: datetime
    state: State
    evidence: Evidence
    last_sign: datetime
    tools: Sequence[str] = ()
    context: float | None = None
    limited_until: datetime | None = None
    quiet: timedelta | None = None


def stuck(facts: Facts) -> str:
    """Return why a session seems to make no progress, in a few words; empty if it makes some."""
    if facts.state not in _RUNNING:
        return ""
    return _limited(facts) or _repeats(facts) or _full(facts) or _silent(facts)


def is_limited(evidence: Evidence) -> bool:
    """Return whether a turn failed because of a limit of the model's service."""
    return evidence.sign is Sign.TURN_FAILED and _LIMITED.search(evidence.text) is not None


def due(facts: Facts) -> datetime | None:
    """Return when `stuck` may have another answer without any new evidence; None if never."""
    times = [facts.limited_until] if facts.limited_until else []
    if facts.state in _UNDER_WAY and facts.quiet:
        times.append(facts.last_sign + facts.quiet)
    return min((time for time in times if time > facts.now), default=None)


def clock_time(time: datetime, now: datetime) -> str:
    """Return a time as clocks here show it, with the date unless it is today."""
    there, here = time.astimezone(), now.astimezone()
    return f"{there:%H:%M}" if there.date() == here.date() else f"{there:%Y-%m-%d %H:%M}"


def _limited(facts: Facts) -> str:
    failed = facts.state is State.FAILED and is_limited(facts.evidence)
    if facts.limited_until and facts.now < facts.limited_until and (failed or facts.state in _UNDER_WAY):
        return f"rate-limited until {clock_time(facts.limited_until, facts.now)}"
    return "rate-limited" if failed and not facts.limited_until else ""


def _repeats(facts: Facts) -> str:
    if facts.state not in _UNDER_WAY:
        return ""
    command, times = failures(facts.tools)
    return f"failed {times} times in a row: {command}" if times >= TIMES else ""


def failures(tools: Sequence[str]) -> tuple[str, int]:
    """Return the last tool call, and how often it failed in a row; a success or another call ends the row.

    An agent reports a call before and after it, so that a success is the same text twice.
    """
    command, times, begun = "", 0, False
    for text in tools:
        failed = text.endswith(FAILED)
        now = text.removesuffix(FAILED)
        if now != command:
            command, times, begun = now, 0, False
        if failed:
            times, begun = times + 1, False
        elif begun:
            times, begun = 0, False
        else:
            begun = True
    return command, times


def _full(facts: Facts) -> str:
    if facts.context is None or facts.context < NEARLY_FULL:
        return ""
    return f"its context is nearly full: {min(facts.context, 100):.0f}%"


def _silent(facts: Facts) -> str:
    if facts.state not in _UNDER_WAY or not facts.quiet or facts.now - facts.last_sign < facts.quiet:
        return ""
    return f"no sign of work since {clock_time(facts.last_sign, facts.now)}"
