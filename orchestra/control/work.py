"""Run slow work in threads, so that no key waits for it."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from orchestra.errors import OrchestraError

T = TypeVar("T")


class Mailbox:
    """Finished work for the event loop, and the pipe that wakes it."""

    def __init__(self) -> None:
        self._done: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.wakes, self.wake_end = os.pipe()
        os.set_blocking(self.wakes, False)
        os.set_blocking(self.wake_end, False)

    def post(self, call: Callable[[], None]) -> None:
        """Let the loop make a call soon."""
        self._done.put(call)
        # A full pipe wakes the loop too, and a closed one has no loop.
        with contextlib.suppress(OSError):
            os.write(self.wake_end, b"\0")

    def drain(self) -> None:
        """Empty the pipe, and make the calls that were posted."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.wakes, 1024):
                pass
        while True:
            try:
                call = self._done.get_nowait()
            except queue.Empty:
                return
            call()


def start(mailbox: Mailbox, work: Callable[[], T], then: Callable[[T | OrchestraError], None]) -> None:
    """Run ``work`` in its own thread, and let the loop call ``then`` with the result or the error.

    The thread does not keep the process alive; the service finishes what it began.
    """
    threading.Thread(target=_Task(mailbox, work, then).run, daemon=True).start()


class _Task(Generic[T]):
    def __init__(self, mailbox: Mailbox, work: Callable[[], T], then: Callable[[T | OrchestraError], None]) -> None:
        self._mailbox = mailbox
        self._work = work
        self._then = then

    def run(self) -> None:
        result: T | OrchestraError | None = None
        bug: BaseException | None = None
        try:
            result = self._work()
        except OrchestraError as error:
            result = error
        except BaseException as error:  # noqa: BLE001 -- a bug must end the loop, not a thread that nobody watches
            bug = error
        self._mailbox.post(lambda: self._deliver(result, bug))

    def _deliver(self, result: T | OrchestraError | None, bug: BaseException | None) -> None:
        if bug is not None:
            raise bug
        self._then(result)  # type: ignore[arg-type]  # None is T's own value here


class Throttle:
    """Limits work to one run at a time, and to one in so many seconds."""

    def __init__(self, period: float) -> None:
        self.period = period
        self._running = False
        self._last = float("-inf")

    def due(self, now: float) -> bool:
        """Return whether a run may begin now."""
        return not self._running and now - self._last >= self.period

    def begin(self, now: float) -> None:
        """Record that a run begins."""
        self._running, self._last = True, now

    def end(self) -> None:
        """Record that the run has ended."""
        self._running = False

    def hasten(self) -> None:
        """Allow the next run at once, unless one is running."""
        self._last = float("-inf")
