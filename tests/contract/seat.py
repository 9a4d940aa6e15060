"""A person in front of the control pane of a stage: faces one request there, and presses the keys that answer it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import pytest

from tests.contract.stage import Stage
from tests.support.person import Person, eventually
from tests.support.screens import sees_tab

_MOMENT = 5.0
"""Seconds after which the cursor has moved, or is at the end of the list."""
_LOOKS = 0.05
"""Seconds between two looks."""
_READS = 0.5
"""Seconds between two keys of a person who reads; two that come quicker are taken for text."""


@dataclass
class Seat:
    """The control pane's list of what waits for the person, on a real terminal that stays open for a whole stage."""

    stage: Stage

    @property
    def person(self) -> Person:
        return self.stage.person

    def sits_down(self) -> None:
        """Open the terminal, and go to the control pane."""
        self.person.sit_down("up")
        self.person.sees("─ Needs you")
        self.person.goes_to_control()

    def under_cursor(self) -> str:
        """Return what stands under the cursor in the list: whose it is, and exactly what."""
        rows = self.person.control().splitlines()
        start = next((number for number, row in enumerate(rows) if row.startswith("─ Needs")), len(rows))
        return "\n".join(row.removeprefix("▌").rstrip() for row in rows[start + 1 :] if row.startswith("▌"))

    def faces(self, name: str, command: str) -> None:
        """Move the cursor to a session's request, wherever it is in the list."""
        if self.person.focus() != "control":
            self.person.goes_to_control()
        self.person.press("w")
        sees_tab(self.person, "Needs")
        keys = cycle("kj" if self._is_above(name) else "jk")
        self._until(
            lambda: self._is_on(name, command) or self._reaches(name, command, next(keys)),
            f"{name}: {command} under the cursor",
        )

    def _is_above(self, name: str) -> bool:
        """Return whether a request of a session is to be seen above the cursor."""
        above = self.person.control().partition("─ Needs")[2].partition("\n▌")[0]
        return f"◆ {name} " in above

    def _is_on(self, name: str, command: str) -> bool:
        here = self.under_cursor()
        return here.startswith(f"◆ {name} ") and (not command or f"▏ {command}" in here.splitlines())

    def _reaches(self, name: str, command: str, key: str) -> bool:
        """Move the cursor with a key until it is there, or moves no more; no key is pressed before the last has worked.

        A key that is still on its way would lead away from what is found.
        """
        while self._moves(key):
            if self._is_on(name, command):
                return True
        return False

    def _moves(self, key: str) -> bool:
        before, end = self.under_cursor(), time.monotonic() + _MOMENT
        self.person.press(key)
        while self.under_cursor() in {before, ""} and time.monotonic() < end:
            time.sleep(_LOOKS)
        return self.under_cursor() != before

    def answers(self, key: str, name: str, command: str, reason: str | None = None) -> None:
        """Face a request and answer it by its key, no quicker than one reads; a denial is ended with its reason."""
        self.faces(name, command)
        self.person.says(key)
        if reason is not None:
            self.person.sees(f"why {name} may not")
            self.person.types(reason)
            self.person.press("Enter")

    def presses(self, key: str) -> None:
        """Press a key that would answer, where nothing takes an answer, no quicker than one reads that."""
        read = time.monotonic() + _READS
        eventually(lambda: time.monotonic() > read, what="a moment to read")
        self.person.press(key)

    def reads(self, *texts: str) -> None:
        """Wait until texts are in the control pane, whose lines break anywhere."""

        def words() -> str:
            return " ".join(row.strip("▌▏ ─│") for row in self.person.control().splitlines())

        def seen() -> bool:
            shown = "".join(words().split())
            return all("".join(text.split()) in shown for text in texts)

        self._until(seen, f"{texts} in the control pane")

    def _until(self, seen: Callable[[], bool], what: str) -> None:
        try:
            eventually(seen, what=what)
        except pytest.fail.Exception as failed:
            pytest.fail(f"{failed}; the screen shows:\n{self.person.screen()}")
