"""Run slow work in threads, so that no key waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from textual.message_pump import MessagePump

from orchestra.errors import OrchestraError

T = TypeVar("T")


def start(pump: MessagePump, work: Callable[[], T], then: Callable[[T | OrchestraError], None]) -> None:
    """Run ``work`` in its own thread, and let the app call ``then`` with the result or the error.

    The thread does not keep the process alive, as one of Textual's workers would; the service
    finishes what it began.
    """
    threading.Thread(target=_Task(pump, work, then).run, daemon=True).start()


class _Task(Generic[T]):
    def __init__(self, pump: MessagePump, work: Callable[[], T], then: Callable[[T | OrchestraError], None]) -> None:
        self._pump = pump
        self._work = work
        self._then = then

    def run(self) -> None:
        result: T | OrchestraError | None = None
        bug: BaseException | None = None
        try:
            result = self._work()
        except OrchestraError as error:
            result = error
        except BaseException as error:  # noqa: BLE001 -- a bug must end the app, not a thread that nobody watches
            bug = error
        self._pump.call_later(self._deliver, result, bug)

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

    @property
    def running(self) -> bool:
        """Whether a run has begun and not ended."""
        return self._running

    def due(self, now: float) -> bool:
        """Return whether a run may begin now."""
        return not self._running and self.wait(now) <= 0

    def wait(self, now: float) -> float:
        """Return the seconds until the next run may begin, if none is running then; not positive if it may now."""
        return self._last + self.period - now

    def begin(self, now: float) -> None:
        """Record that a run begins."""
        self._running, self._last = True, now

    def end(self) -> None:
        """Record that the run has ended."""
        self._running = False

    def hasten(self) -> None:
        """Allow the next run at once, unless one is running."""
        self._last = float("-inf")
