"""The thread that looks at the open pull requests now and then, and pushes what their sessions commit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from orchestra.actions.landing import pull_requests
from orchestra.errors import OrchestraError
from orchestra.model import PullRequest
from orchestra.project import Project

log = logging.getLogger("orchestra.service.pulls")

PERIOD = 60.0
"""Seconds between two looks at an open pull request."""
SLOWEST = 900.0
"""The longest pause while looking fails."""
APART = 5.0
"""Seconds between two looks at the database for commits to push."""


class PullWatch:
    """Follows the open pull requests; while there is none, it only reads the database once it has changed."""

    def __init__(
        self, project: Project, *, period: float = PERIOD, apart: float = APART,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._project = project
        self._period = period
        self._apart = apart
        self._clock = clock
        self._told = threading.Event()
        self._stop = threading.Event()
        self._due: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name="pulls", daemon=True)

    def start(self) -> None:
        """Start looking."""
        self._told.set()
        self._thread.start()

    def wake(self) -> None:
        """Look soon for commits to push, because the database has changed."""
        self._told.set()

    def stop(self) -> None:
        """Stop; a push that was begun ends by itself, or is repeated the next time."""
        self._stop.set()
        self._told.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._told.wait(self._pause())
            self._told.clear()
            try:
                for pull in [] if self._stop.is_set() else self._project.store.pulls.open():
                    self._attend(pull)
            except Exception:  # a bug here must not end what else the service does
                log.exception("looking at pull requests")
            self._stop.wait(self._apart)

    def _pause(self) -> float | None:
        """Return the seconds until a look is due; None while no pull request is open."""
        return max(0.0, min(self._due.values()) - self._clock()) if self._due else None

    def _attend(self, pull: PullRequest) -> None:
        try:
            pull_requests.follow_commits(self._project, pull)
            if self._clock() >= self._due.get(pull.session, 0.0):
                pull_requests.look(self._project, pull)
                self._next(pull, self._period)
        except OrchestraError as error:
            self._failed(pull, error)

    def _failed(self, pull: PullRequest, error: OrchestraError) -> None:
        if pull.trouble != error.message:
            log.warning("the pull request %s: %s", pull.url, error)
            self._project.store.pulls.update(pull.session, trouble=error.message)
        self._next(pull, min(SLOWEST, 2 * self._pauses.get(pull.session, self._period)))

    def _next(self, pull: PullRequest, pause: float) -> None:
        self._pauses[pull.session] = pause
        self._due = {number: at for number, at in self._due.items() if number != pull.session}
        now = self._project.store.pulls.of(pull.session)
        if now is not None and now.is_open:
            self._due[pull.session] = self._clock() + pause
