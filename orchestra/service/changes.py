"""Wait for changes of the database, with one check for all who wait, and none if nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from orchestra.errors import OrchestraError

log = logging.getLogger("orchestra.service")

_POLL = 0.05
_BEAT = 1.0
"""Seconds between two checks if somebody tells of writes."""
_TOLD, _TOLD_POLL = 0.5, 0.01
"""Seconds in which a write that was told of becomes visible, and between the first two checks meanwhile."""


class Changes:
    """Wakes all waiting tasks when the database has changed; only used in the event loop's thread."""

    def __init__(self, version: Callable[[], int]) -> None:
        self._look = version
        self._version = -1
        self._changed = asyncio.Event()
        self._waiting = 0
        self._kicks = 0
        self._poller: asyncio.Task[None] | None = None
        self._told = asyncio.Event()
        self._trusts = False

    @property
    def version(self) -> int:
        """The version of the database that was seen last."""
        return self._version

    def tell(self) -> None:
        """Say that somebody has begun to write to the database; from then on it is checked less often by itself."""
        self._trusts = True
        self._told.set()

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until ``wanted``, called after each change, returns True."""
        self._waiting += 1
        try:
            self._saw(self._look())
            while not wanted():
                await self._after(self._version)
        finally:
            self._waiting -= 1

    def wake(self) -> None:
        """Let all waiting tasks check again, because something else has changed."""
        self._kicks += 1
        self._ring()

    def _saw(self, version: int) -> None:
        if version > self._version:
            self._version = version
            self._ring()

    def _ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _after(self, version: int) -> None:
        kicks = self._kicks
        while self._version <= version and self._kicks == kicks:
            if self._poller is None or self._poller.done():
                self._poller = asyncio.create_task(self._poll())
            await self._changed.wait()

    async def _next(self) -> None:
        """Wait until a write is visible, for at most a beat."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), _BEAT)
        if not self._told.is_set():
            return
        self._told.clear()
        before, pause = self._version, _TOLD_POLL
        self._saw(self._look())
        while self._waiting and self._version == before and pause < _TOLD:
            await asyncio.sleep(pause)
            self._saw(self._look())
            pause *= 2

    async def _poll(self) -> None:
        try:
            while self._waiting:
                self._saw(self._look())
                if not self._trusts:
                    await asyncio.sleep(_POLL)
                else:
                    await self._next()
        except OrchestraError as error:
            log.warning("%s", error)
            # The waiting tasks then check themselves and get the same error.
            self._saw(self._version + 1)
