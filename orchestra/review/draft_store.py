"""Store a comment while it is written, so that a killed program loses nothing of it but the last letters."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from orchestra.errors import OrchestraError
from orchestra.model import Changes
from orchestra.review.source import ReviewSource
from orchestra.review.state import Writing


class DraftStore:
    """Stores the newest text of one draft after the other, in a thread of its own; ``failed`` is called there."""

    def __init__(self, source: ReviewSource, failed: Callable[[OrchestraError], None]) -> None:
        self._source, self._failed = source, failed
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="draft")
        self._lock = threading.Lock()
        self._newest: tuple[Changes, Writing] | None = None
        self._number = 0
        self._stored = ""

    def begin(self, writing: Writing) -> None:
        """Begin with a draft, a new one or one that is stored."""
        self._worker.submit(self._begin, writing)

    def keep(self, changes: Changes, writing: Writing) -> None:
        """Store the text as it is now; while one is being stored, only the newest waits."""
        with self._lock:
            waits, self._newest = self._newest is not None, (changes, writing)
        if not waits:
            self._worker.submit(self._store)

    def end(self, then: Callable[[], None]) -> None:
        """Call something once everything is stored."""
        self._worker.submit(then)

    def close(self) -> None:
        """Wait until everything is stored."""
        self._worker.shutdown(wait=True)

    def _begin(self, writing: Writing) -> None:
        self._number, self._stored = writing.number, writing.text

    def _store(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is None or newest[1].text == self._stored:
            return
        try:
            self._number = self._write(*newest)
        except OrchestraError as error:
            self._failed(error)
            return
        self._stored = newest[1].text

    def _write(self, changes: Changes, writing: Writing) -> int:
        if writing.text.strip():
            return self._source.save_comment(changes, writing.target, writing.text, self._number)
        if self._number:
            self._source.delete_comment(self._number)
        return 0
