"""The thread that lets a model sum up sessions, if the person wants that; it sleeps until something has changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from orchestra.actions.work import summaries
from orchestra.errors import OrchestraError
from orchestra.model import SandboxKind
from orchestra.project import Project

log = logging.getLogger("orchestra.service.summarizer")

APART = 5.0
"""Seconds between two looks, however much is written."""
IDLE = 600.0
"""Seconds after which it looks although nobody told it of a change."""


class Summarizer:
    """Asks the monitor about one session after another in its own thread."""

    def __init__(
        self,
        project: Project,
        *,
        apart: float = APART,
        vanished: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project = project
        self._apart = apart
        self._clock = clock
        self._vanished = vanished or (lambda: not project.paths.database.exists())
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._asking = False
        self._version = -1
        self._due: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="summarizer", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Start looking."""
        self._thread.start()

    def tell(self) -> None:
        """Say that the database has changed; this never waits."""
        self._changed.set()

    def stop(self) -> None:
        """Stop looking; a monitor that runs is ended."""
        self._stop.set()
        self._changed.set()
        if self._asking:
            with suppress(OrchestraError):
                self._project.sandbox(SandboxKind.DOCKER).end_once(self._project.monitor_box)
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set() and not self._vanished():
            try:
                self.look()
            except OrchestraError as error:
                self._failed(str(error))
            except Exception:  # a bug in one summary must not end all others
                log.exception("one summary failed")
            # Not at once: an agent at work writes many times a second.
            self._stop.wait(self._apart)
            self._changed.wait(self._pause())
            self._changed.clear()

    def look(self) -> None:
        """Make the summary that is due, if one is."""
        if not self._project.usable_settings.monitor:
            self._due, self._version = None, -1
            return
        store = self._project.store
        version = store.data_version()
        if version == self._version and (self._due is None or store.now() < self._due):
            return
        self._asking = True
        try:
            self._due = summaries.summarize_next(self._project)
        finally:
            self._asking = False
        self._version = version

    def _pause(self) -> float:
        """Return the seconds to sleep at most, unless something changes."""
        if self._due is None:
            return IDLE
        return min(IDLE, max(0.0, (self._due - self._project.store.now()).total_seconds()))

    def _failed(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble
