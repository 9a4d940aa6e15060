"""Small pieces of work in threads: each alone under its key, paced, and backing off while it fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from orchestra.errors import OrchestraError

log = logging.getLogger("orchestra.service.watcher")

SLOWEST = 30.0
"""The most seconds between two tries of something that keeps failing."""
Rest = Callable[[float, int], float]
"""How long a job rests, in seconds, from how long it took and how often it failed."""
SHARE = 4.0
"""A job that takes long rests this many times as long, so that big repositories do not eat the machine."""


@dataclass(slots=True)
class _Record:
    busy: bool = False
    began: float = 0.0
    not_before: float = 0.0
    failures: int = 0
    trouble: str = ""


class Jobs:
    """Runs jobs in a few threads; one that fails says so once, and is tried again later and later."""

    def __init__(self, threads: int = 4, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="watch")
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[Hashable, _Record] = {}

    def offer(
        self,
        key: Hashable,
        job: Callable[[], object],
        *,
        pause: float,
        slowest: float = SLOWEST,
        share: float = SHARE,
    ) -> bool:
        """Start a job unless one with its key runs or rests; True when started.

        It rests for ``pause`` seconds, or ``share`` times as long as it took, and for longer after
        failures, up to ``slowest`` seconds.
        """
        with self._lock:
            record = self._records.setdefault(key, _Record())
            if record.busy or self._clock() < record.not_before:
                return False
            record.busy = True
            record.began = self._clock()
        rest = partial(_rest, pause=pause, slowest=slowest, share=share)
        future = self._pool.submit(job)
        future.add_done_callback(lambda done: self._settle(key, record, done, rest))
        return True

    def _settle(
        self, key: Hashable, record: _Record, done: Future[object], rest: Callable[[float, int], float]
    ) -> None:
        error = None if done.cancelled() else done.exception()
        now = self._clock()
        with self._lock:
            record.failures = record.failures + 1 if error else 0
            record.not_before = now + rest(now - record.began, record.failures)
            record.busy = False
            known, record.trouble = record.trouble, str(error) if error else ""
        if error is not None and known != str(error):
            unexpected = not isinstance(error, OrchestraError)
            log.log(logging.ERROR if unexpected else logging.WARNING, "%s: %s", key, error, exc_info=unexpected)

    def close(self) -> None:
        """Start no more jobs; those that run end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _rest(took: float, failures: int, *, pause: float, slowest: float, share: float) -> float:
    doubled: float = pause * 2.0 ** min(failures, 20)
    return min(max(doubled, took * share), slowest)
