"""The thread that keeps the forecast of conflicts up to date; it sleeps until it is told that something has changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from orchestra.actions.landing.forecast import KEPT, Forecaster
from orchestra.errors import DeadlineExceeded, OrchestraError
from orchestra.project import Project

log = logging.getLogger("orchestra.service.forecaster")

APART = 1.0
"""Seconds between two looks while changes follow each other."""
SHARE = 10.0
"""A comparison pauses this many times its duration, so that many writing sessions do not use up the machine."""
LONGEST = 60.0
"""The longest of these pauses, in seconds."""
BEAT = 10.0
"""Seconds after which the next change of the database makes it look at the branches, whatever has changed."""
RETRY = 30.0
"""Seconds after which something that failed is tried again."""


class ForecastKeeper:
    """Compares the sessions of a project in its own thread."""

    def __init__(
        self,
        project: Project,
        *,
        apart: float = APART,
        retry: float = RETRY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project = project
        self._forecaster = Forecaster(project)
        self._apart, self._retry, self._clock = apart, retry, clock
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._changed.set()
        self._version = -1
        self._looked = float("-inf")
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="forecast", daemon=True)

    def start(self) -> None:
        """Start comparing."""
        self._thread.start()

    def tell(self) -> None:
        """Say that the database has changed; this never waits."""
        self._changed.set()

    def stop(self) -> None:
        """Stop after the comparison that is being made."""
        self._stop.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                # Whoever asks for the forecast looks at the worktrees itself while nobody has this.
                with self._project.lock(KEPT, deadline=0.0):
                    self._keep()
            except DeadlineExceeded:
                self._stop.wait(self._apart)
            except OrchestraError as error:
                self._failed(str(error))

    def _keep(self) -> None:
        while not self._stop.is_set():
            self._changed.wait()
            self._changed.clear()
            began = self._clock()
            try:
                self.look()
                self._trouble = ""
            except OrchestraError as error:
                self._failed(str(error))
            except Exception:  # a bug in one comparison must not end all later ones
                log.exception("one comparison failed")
                self._stop.wait(self._retry)
            self._stop.wait(min(max(self._apart, SHARE * (self._clock() - began)), LONGEST))

    def look(self) -> bool:
        """Compare what has changed, and return whether anything was compared."""
        version = self._project.store.data_version()
        if self._stop.is_set() or version == self._version:
            return False
        now = self._clock()
        anyway = now - self._looked > BEAT
        compared = self._forecaster.bring_up_to_date(anyway=anyway)
        if anyway or compared:
            self._looked = now
        self._version = version
        return compared

    def _failed(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("the forecast of conflicts waits: %s", trouble)
        self._trouble = trouble
        self._changed.set()
        self._stop.wait(self._retry)
