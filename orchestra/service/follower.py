"""The thread that lets the person's checkout follow the session that is tried in it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from orchestra.actions.landing import tryout
from orchestra.errors import OrchestraError
from orchestra.project import Project

log = logging.getLogger("orchestra.service.follower")

SHARE = 0.2
"""The most of the time that is spent on it while the session keeps writing."""
RETRY = 5.0
"""Seconds after which it is tried again if it failed."""


class Follower:
    """Follows the tried session; while none is tried, nothing runs except one look when the database has changed."""

    def __init__(self, project: Project, *, retry: float = RETRY, clock: Callable[[], float] = time.monotonic) -> None:
        self._project = project
        self._retry = retry
        self._clock = clock
        self._told = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Start following."""
        self._thread.start()

    def wake(self) -> None:
        """Look soon, because the database has changed."""
        self._told.set()

    def stop(self) -> None:
        """Stop; what was begun is finished the next time."""
        self._stop.set()
        self._told.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        said = ""
        while not self._stop.is_set():
            self._told.wait()
            self._told.clear()
            began = self._clock()
            try:
                if not self._stop.is_set() and tryout.follow(self._project):
                    self._stop.wait((self._clock() - began) * (1 / SHARE - 1))
                said = ""
            except OrchestraError as error:
                said = self._failed(str(error), said)
            except Exception as error:  # a bug here must not end what else the service does
                log.exception("following the tried session")
                said = self._failed(repr(error), said)

    def _failed(self, what: str, said: str) -> str:
        if what != said:
            log.warning("the checkout does not follow for now: %s", what)
        self._stop.wait(self._retry)
        self._told.set()
        return what
