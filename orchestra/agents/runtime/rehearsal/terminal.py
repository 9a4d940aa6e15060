"""The rehearsal agent's terminal: prints lines and reads typed lines."""

from __future__ import annotations

import queue
import sys
import threading
from typing import Any

BANNER = "rehearsal agent: plays a story, not a model"

Happening = tuple[str, Any]
"""``("typed", line)`` or ``("message", message)``."""


def plain(text: str) -> str:
    """Return a text without control characters."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


class Stage:
    """What the person sees and types."""

    def __init__(self) -> None:
        self.happenings: queue.Queue[Happening] = queue.Queue()
        self._colour = sys.stdout.isatty()
        self._lock = threading.Lock()

    def open(self, session: str, role: str, worktree: str) -> None:
        """Show the banner."""
        self._write(self._shade("1", f"── {BANNER} ──"))
        self._write(self._shade("2", f"   {session} ({role}) in {worktree}"))
        self._write("")

    def line(self, text: str) -> None:
        """Show one line."""
        self._write(f"• {plain(text)}")

    def detail(self, text: str) -> None:
        """Show a detail of the line above."""
        for line in plain(text).splitlines():
            self._write(self._shade("2", f"    {line}"))

    def listen(self) -> None:
        """Turn typed lines into happenings, in the background."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            if line.strip():
                self.happenings.put(("typed", line.strip()))

    def _write(self, text: str) -> None:
        with self._lock:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def _shade(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
