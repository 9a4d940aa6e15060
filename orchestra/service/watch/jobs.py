"""Run small jobs in threads: one at a time for each key, with pauses, and backing off while they fail."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orchestra.errors import EngineDown, OrchestraError

log = logging.getLogger("orchestra.service.watch.watcher")

SLOWEST = 30.0
"""The longest pause between two attempts of a failing job, in seconds."""
ENGINE_REST = 5.0
"""The longest pause between two attempts of a job that only needs an engine, in seconds."""
SHARE = 4.0
"""A long job pauses this many times its duration, so that big repositories do not use up the machine."""
_THREADS = 128
"""The most jobs in progress, hanging ones included."""
OVERTIME = 2.0
"""Seconds after which a running job no longer counts, so that a hanging one does not block others."""


@dataclass(slots=True)
class _Record:
    busy: bool = False
    began: float = 0.0
    not_before: float = 0.0
    failures: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class _Rest:
    """The pauses of a job, in seconds."""

    pause: float
    share: float
    longest: float

    def after(self, took: float, failures: int) -> float:
        doubled = min(self.pause * 2.0 ** min(failures, 20), max(SLOWEST, self.pause))
        return min(max(doubled, took * self.share), self.longest)


class Jobs:
    """Runs a few jobs at a time in threads; a failing one is logged once, and retried after growing pauses.

    ``ended`` is called after each job, in its thread.
    """

    def __init__(
        self,
        at_once: int = 4,
        clock: Callable[[], float] = time.monotonic,
        ended: Callable[[], object] = lambda: None,
    ) -> None:
        self._at_once = at_once
        self._ended = ended
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[Hashable, _Record] = {}
        self._closed = False
        # Threads are kept, because each has a connection to the database.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="job")

    def offer(
        self,
        key: Hashable,
        job: Callable[[], object],
        *,
        pause: float,
        slowest: float = SLOWEST,
        share: float = SHARE,
        urgent: bool = False,
    ) -> bool:
        """Start a job unless one with its key runs or pauses, or too many run; returns whether it was started.

        It then pauses for ``pause`` seconds, or ``share`` times its duration, and longer after
        failures, up to ``slowest`` seconds. An ``urgent`` job does not wait for others.
        """
        with self._lock:
            record = self._records.setdefault(key, _Record())
            if self._closed or record.busy or self._clock() < record.not_before:
                return False
            if not urgent and self._at_work() >= self._at_once:
                return False
            record.busy, record.began = True, self._clock()
        rest = _Rest(pause, share, slowest)
        self._threads.submit(self._run, key, record, job, rest)
        return True

    def close(self) -> None:
        """Start no more jobs; running ones end on their own."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(wait=False)

    def _at_work(self) -> int:
        now = self._clock()
        return sum(record.busy and now - record.began < OVERTIME for record in self._records.values())

    def _run(self, key: Hashable, record: _Record, job: Callable[[], object], rest: _Rest) -> None:
        error: BaseException | None = None
        try:
            job()
        except BaseException as raised:  # noqa: BLE001 -- whatever a job meets, the record must not stay busy
            error = raised
        now = self._clock()
        with self._lock:
            record.failures = record.failures + 1 if error else 0
            longest = ENGINE_REST if isinstance(error, EngineDown) else rest.longest
            record.not_before = now + min(rest.after(now - record.began, record.failures), longest)
            record.busy = False
            known, record.trouble = record.trouble, str(error) if error else ""
        self._ended()
        if error is not None and known != str(error):
            unexpected = not isinstance(error, OrchestraError)
            log.log(
                logging.ERROR if unexpected else logging.WARNING,
                "%s: %s",
                key,
                error,
                exc_info=error if unexpected else None,
            )
