"""The one table that all sections fill: Orchestra, the raw work beside it, their ratio, and the goal."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_COLUMNS = (("what", 60), ("Orchestra", 11), ("raw", 11), ("ratio", 8), ("goal", 10), ("", 6), ("made of", 0))
_TEXTS = 5
"""The columns from here on hold words."""
_SHOWN_RATIOS = 1000.0
"""From this ratio on, the raw work is practically nothing."""


@dataclass(frozen=True)
class Goal:
    """The most that is wanted: of Orchestra's own value, in the row's unit, or of the ratio."""

    most: float
    of_ratio: bool = False

    def is_met(self, ours: float, ratio: float) -> bool:
        """Return whether a row meets it."""
        return (ratio if self.of_ratio else ours) <= self.most


@dataclass(frozen=True)
class Row:
    """One comparison; both values are in ``unit``, and ``note`` says in a few words what they are made of.

    ``ratio`` is the median of the ratios of pairs; without it, it is that of the two values.
    """

    what: str
    ours: float
    raw: float
    unit: str
    goal: Goal | None = None
    ratio: float | None = None
    note: str = ""

    def __str__(self) -> str:
        """Return the row as a line of the table."""
        ratio = self.ratio if self.ratio is not None else self.ours / self.raw if self.raw > 0 else _SHOWN_RATIOS
        goal, met = "", ""
        if self.goal is not None:
            limit = f"{self.goal.most:.2f}" if self.goal.of_ratio else shown(self.goal.most, self.unit)
            goal, met = f"≤ {limit}", "met" if self.goal.is_met(self.ours, ratio) else "missed"
        times = f"{ratio:.2f}" if ratio < _SHOWN_RATIOS else "–"
        return _line((self.what, shown(self.ours, self.unit), shown(self.raw, self.unit), times, goal, met, self.note))


def shown(value: float, unit: str) -> str:
    """Return a value with its unit, with as many digits as are worth reading."""
    digits = {"%": 2, "s": 1, "MB": 0}.get(unit, 0 if value >= 100 else 1)  # noqa: PLR2004 -- from three digits on
    return f"{value:.{digits}f} {unit}"


def _line(cells: Sequence[str]) -> str:
    first, *others = (width for _, width in _COLUMNS)
    padded = (cell.rjust(width) for cell, width in zip(cells[1:], others, strict=True))
    return f"| {' | '.join((cells[0].ljust(first), *padded))} |"


def heading() -> str:
    """Return what the numbers depend on, and the table's first two lines."""
    rules = ["-" * (max(width, 3) + 1) for _, width in _COLUMNS]
    rule = "|".join(f"{each}{':' if 0 < at < _TEXTS else '-'}" for at, each in enumerate(rules))
    return f"{machine()}\n\n{_line([name for name, _ in _COLUMNS])}\n|{rule}|"


def machine() -> str:
    """Return what this machine is, and how much else it has to do now."""
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    programs = (("docker", "version", "--format", "Docker {{.Server.Version}}"), ("git", "--version"), ("tmux", "-V"))
    known = [text for text in map(_said, programs) if text]
    python = f"Python {sys.version.split()[0]}"
    return f"{os.cpu_count()} cores, load average {load}; {', '.join((python, *known))}"


def _said(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def median(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return statistics.median(seconds) * 1000


def p95(seconds: Sequence[float]) -> float:
    """Return what 95 of 100 do not exceed, in milliseconds."""
    return sorted(seconds)[max(0, -(-len(seconds) * 95 // 100) - 1)] * 1000


def of_pairs(
    what: str,
    pairs: Sequence[tuple[float, float]],
    goal: Goal | None = None,
    *,
    by: Callable[[Sequence[float]], float] = median,
    note: str = "",
) -> Row:
    """Return a row in milliseconds from pairs of seconds, Orchestra's and the raw ones, each measured in turn."""
    ours, raw = (by(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs) if by is median else ours / raw
    return Row(what, ours, raw, "ms", goal, ratio, note)
