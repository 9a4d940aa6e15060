"""One look for several threads that want to know the same at the same time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

_Seen = TypeVar("_Seen")


class SharedLooks(Generic[_Seen]):
    """Looks by key; everybody gets the result, or the error, of one that began after they asked.

    So nobody is told what was true before, and many that ask at once cause two looks. What is
    returned belongs to all of them and must not be changed. Whoever asks may wait for the look
    before theirs, so for twice its deadline.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[Hashable, Future[_Seen]] = {}
        self._waiting: Counter[Hashable] = Counter()
        self._running: dict[Hashable, Future[_Seen]] = {}

    def ask(self, key: Hashable, look: Callable[[], _Seen]) -> _Seen:
        """Return what a look by ``key`` sees; raises what it raises."""
        with self._lock:
            joined, before = self._next.get(key), self._running.get(key)
            if joined is None:
                mine = self._next[key] = Future()
            self._waiting[key] += 1
        if joined is not None:
            return joined.result()
        try:
            if before is not None:
                wait([before])
            self._begin(key)
            mine.set_result(look())
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            self._end(key, mine)
        return mine.result()

    def waiting(self, key: Hashable) -> int:
        """Return how many wait for the next look."""
        with self._lock:
            return self._waiting[key]

    def _begin(self, key: Hashable) -> None:
        """From now on, whoever asks needs another look."""
        with self._lock:
            self._running[key] = self._next.pop(key)
            self._waiting.pop(key)

    def _end(self, key: Hashable, mine: Future[_Seen]) -> None:
        with self._lock:
            if self._next.get(key) is mine:
                self._waiting.pop(key)
            for known in (self._next, self._running):
                if known.get(key) is mine:
                    del known[key]
