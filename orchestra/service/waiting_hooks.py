"""Which permission requests a hook waits for, and since when none does; nothing of it must survive a restart."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

SILENT = 10.0
"""Seconds after which a hook that no longer asks is gone; it asks again within one."""
CUT_OFF = 1.0
"""Seconds until a hook whose connection broke must have asked again; it breaks when the hook is ended."""


class WaitingHooks:
    """The hooks that wait now, by the id of their request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[int] = Counter()
        self._until: dict[int, float] = {}
        self._began = monotonic()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def waits(self, request: int) -> Iterator[None]:
        """Record that a hook waits for the answer to a request for as long as the block lasts."""
        grace = CUT_OFF
        with self._lock:
            self._waiting[request] += 1
        try:
            yield
            grace = SILENT
        finally:
            with self._lock:
                self._waiting[request] -= 1
                self._until[request] = monotonic() + grace

    def is_gone(self, request: int, *, asked: float) -> bool:
        """Return whether nobody waits for a request that was made ``asked`` seconds ago."""
        with self._lock:
            if self._waiting[request]:
                return False
            if request in self._until:
                return monotonic() > self._until[request]
            return asked > SILENT and monotonic() > self._began + SILENT

    def keep(self, requests: set[int]) -> None:
        """Forget all other requests."""
        with self._lock:
            for request in self._until.keys() - requests:
                del self._until[request]
                self._waiting.pop(request, None)

    def keep_running(self, start: Callable[[], asyncio.Task[None]]) -> None:
        """Start the task that looks after the requests, unless it runs."""
        if self._task is None or self._task.done():
            self._task = start()

    def stop(self) -> None:
        """Stop that task."""
        if self._task is not None:
            self._task.cancel()
