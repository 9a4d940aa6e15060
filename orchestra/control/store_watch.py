"""Notice what other processes write into the store, as the kernel tells it, or by looking where it does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from textual.message_pump import MessagePump

from orchestra.drivers.file_events import FileEvents
from orchestra.errors import StoreError
from orchestra.store import Store

_REST = 0.05
"""The least seconds between two looks."""
_LOOK, _CHECK = 0.1, 2.0
"""Seconds between looks without events of the kernel, and with them, in case one got lost."""


class StoreWatch(threading.Thread):
    """Has a function called by the app once after the store has changed."""

    def __init__(self, pump: MessagePump, records: Store, changed: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="store-watch")
        self._pump, self._records, self._changed = pump, records, changed
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._events: FileEvents[Path] = FileEvents(lambda _: self._woken.set())

    def run(self) -> None:
        """Look until the end; an error counts as a change, so that whoever reads then tells it."""
        period = self._follow()
        version: int | None = -1
        while not self._ended.is_set():
            self._woken.clear()
            try:
                now: int | None = self._records.data_version()
            except StoreError:
                now = None
            if now != version:
                version = now
                self._pump.call_later(self._changed)
            self._ended.wait(_REST)
            self._woken.wait(period)
        self._events.close()

    def _follow(self) -> float:
        """Begin to follow the store's file; return the seconds between looks besides."""
        log = self._records.log_file
        self._events.start()
        works = self._events.watch_files(log, [(log.parent, log.name)], written=True)
        return _CHECK if works else _LOOK

    def end(self) -> None:
        """End the thread soon."""
        self._ended.set()
        self._woken.set()
