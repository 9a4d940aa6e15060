"""Give the control pane the whole window while it shows what needs the room."""

from __future__ import annotations

import threading
from collections.abc import Callable

from textual.message_pump import MessagePump

from orchestra.control.work import start


class WholeWindow:
    """Asks for the whole window and gives it back; ``zoom`` does either, and returns whether that changed anything."""

    def __init__(self, pump: MessagePump, zoom: Callable[[bool], bool]) -> None:
        self._pump, self._zoom = pump, zoom
        self._lock = threading.Lock()
        self._wanted = self._given = False

    def want(self, wanted: bool) -> None:  # noqa: FBT001 -- which of the two
        """Have the whole window from now on, or no longer."""
        if wanted is not self._wanted:
            self._wanted = wanted
            start(self._pump, self._follow, lambda _: None)

    def _follow(self) -> None:
        # Of two at once, the later one does what is wanted last.
        with self._lock:
            if self._wanted is self._given:
                return
            # A window that the person gave the pane stays theirs.
            self._given = self._zoom(self._wanted) and self._wanted
