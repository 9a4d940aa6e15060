"""A person's mouse: what a terminal sends for it, into the terminal that a person sits at (xterm's SGR reports)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import TypeAlias

import pytest
from rich.cells import cell_len

from tests.support.person import Person, eventually, without_clocks

_CLICK = 0.4
"""Seconds; within 0.3 after another one, tmux takes a press for a second click and drops the drag that it begins."""
_DRAGS, _SEEN = 4, 3.0
"""How often a drag is begun at most, and the seconds in which it shows."""
Place: TypeAlias = tuple[int, int]
"""A column and a row of the screen, both from 1 on."""


def find(person: Person, pattern: str, *, left: int = 0) -> Place | None:
    """Return where a pattern is first to be seen from a column on, its first group if it has one."""
    for row, line in enumerate(person.screen().splitlines(), 1):
        found = re.search(pattern, line[left:])
        if found:
            return cell_len(line[: left + found.start(found.lastindex or 0)]) + 1, row
    return None


def place(person: Person, pattern: str, *, left: int = 0) -> Place:
    """Wait until a pattern is to be seen, and return where."""
    return eventually(lambda: find(person, pattern, left=left), what=f"{pattern!r} on\n{person.screen()}") or (0, 0)


def clicks(person: Person, pattern: str, *, times: int = 1, left: int = 0) -> None:
    """Click on what a pattern finds."""
    clicks_at(person, place(person, pattern, left=left), times=times)


def clicks_at(person: Person, at: Place, *, times: int = 1) -> None:
    """Press and let go of the left button, at once: what comes later is no double click."""
    column, row = at
    _sends_at_once(person, *(f"0;{column};{row}{end}" for _ in range(times) for end in "Mm"))


def wheels(person: Person, at: Place, by: int = 1) -> None:
    """Turn the wheel over a place; ``by`` is 1 for down, -1 for up."""
    column, row = at
    _sends(person, f"{65 if by > 0 else 64};{column};{row}M")


def wheels_until(person: Person, at: Place, enough: Callable[[], bool], by: int = 1) -> None:
    """Turn the wheel over a place, click by click, until that is enough; each click is seen to work before the next."""
    for turns in count():
        if enough():
            return
        before = without_clocks(person.screen())
        assert turns < 200, before
        wheels(person, at, by)
        eventually(
            lambda: without_clocks(person.screen()) != before or enough(),  # noqa: B023 -- asked at once
            what=f"the wheel does something:\n{before}",
        )


def drags(person: Person, start: Place, end: Place) -> None:
    """Hold the left button down from one place to another, not so soon after a click that tmux drops it."""
    end_of_click = time.monotonic() + _CLICK
    eventually(lambda: time.monotonic() > end_of_click)
    (column, row), (to_column, to_row) = start, end
    half = f"{(column + to_column) // 2};{(row + to_row) // 2}"
    _sends(person, f"0;{column};{row}M", f"32;{half}M", f"32;{to_column};{to_row}M", f"0;{to_column};{to_row}m")


def drags_until(person: Person, start: Place, end: Place, there: Callable[[], bool]) -> None:
    """Drag, and once more if tmux has dropped it, as a person does who sees that nothing moves."""
    for _ in range(_DRAGS - 1):
        drags(person, start, end)
        with suppress(pytest.fail.Exception):
            eventually(there, within=_SEEN)
            return
    drags(person, start, end)
    eventually(there, what=f"it is where it was dragged to:\n{person.screen()}")


def _sends(person: Person, *reports: str) -> None:
    for report in reports:
        _sends_at_once(person, report)


def _sends_at_once(person: Person, *reports: str) -> None:
    text = "".join(f"\x1b[<{report}" for report in reports)
    person.tmux("send-keys", "-H", *(f"{byte:x}" for byte in text.encode()))
