"""What may have changed and was not looked at yet, and the bell that wakes who looks."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import TypeAlias

Subject: TypeAlias = tuple[str, int]
"""What is watched, such as ``work`` or ``refs``, and the session's number; 0 for the project."""


class Touched:
    """A set that many threads fill and one empties; each subject is in it once, however often it changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subjects: set[Subject] = set()
        self._bell = threading.Event()

    def note(self, subjects: Collection[Subject]) -> None:
        """Add subjects, and ring the bell."""
        with self._lock:
            self._subjects.update(subjects)
        self._bell.set()

    def ring(self) -> None:
        """Wake the one who waits, for another reason."""
        self._bell.set()

    def wait(self, seconds: float) -> set[Subject]:
        """Wait for the bell, at most so many seconds; return what was added, and forget it."""
        self._bell.wait(seconds)
        self._bell.clear()
        with self._lock:
            taken, self._subjects = self._subjects, set()
        return taken
