"""The thread that works through the queues of landings, a thread of its own for each target branch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from orchestra.actions.landing.merge import SERVED
from orchestra.actions.landing.process import lock_of, process
from orchestra.actions.landing.take import PATIENCE, delete_the_others
from orchestra.errors import DeadlineExceeded, OrchestraError
from orchestra.project import Project

log = logging.getLogger("orchestra.service.lander")

BEAT = 5.0
"""Seconds between two looks at the queue if nobody tells of a change."""
RETRY = 30.0
"""Seconds after which a queue is tried again that the engine or the disk stopped."""
_TARGETS = 8
_TAKEN = "sessions that were not taken"
"""What their deletion is called among the branches; no branch has a space in its name."""


class Lander:
    """Lands what is queued; nothing runs while no entry waits, except one look at the database each beat."""

    def __init__(
        self, project: Project, *, beat: float = BEAT, retry: float = RETRY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._project = project
        self._beat = beat
        self._retry = retry
        self._clock = clock
        self._told = threading.Event()
        self._stop = threading.Event()
        self._version = -1
        self._busy: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(_TARGETS, thread_name_prefix="queue")
        self._thread = threading.Thread(target=self._run, name="lander", daemon=True)

    def start(self) -> None:
        """Start working through the queues."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue soon, because the database has changed."""
        self._told.set()

    def stop(self) -> None:
        """Stop after what is being landed; checks that run are ended, and run again the next time."""
        self._stop.set()
        self._told.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                # Others work through a queue only while no service does.
                with self._project.lock(SERVED, deadline=0.0):
                    self._serve()
            except DeadlineExceeded:
                self._stop.wait(self._beat / 10)
            except OrchestraError as error:
                log.warning("%s", error)
                self._stop.wait(self._retry)
            except Exception:  # what is queued must be looked at again, whatever bug one look meets
                log.exception("one look at the queue failed")
                self._stop.wait(self._retry)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._told.wait(self._beat)
            self._told.clear()
            self.look()

    def look(self) -> None:
        """Start the work on every queue in which somebody waits."""
        version = self._project.store.data_version()
        if version == self._version and not self._not_before:
            return
        self._version = version
        queue = self._project.store.queue
        for target in (*queue.targets(), *([_TAKEN] if queue.taken() else [])):
            if target not in self._busy and self._not_before.get(target, 0) <= self._clock():
                self._busy.add(target)
                self._pool.submit(self._process, target)

    def _process(self, target: str) -> None:
        self._not_before.pop(target, None)
        try:
            self._work(target)
        except OrchestraError as error:
            log.warning("the queue of %s waits: %s", target, error)
            self._try_later(target, error.message)
        except Exception as error:  # a bug in one landing must not end the others
            log.exception("the queue of %s", target)
            self._try_later(target, f"a fault of Orchestra's own, {type(error).__name__}; see the service's log")
        finally:
            self._busy.discard(target)
            self._version = -1
            self._told.set()

    def _try_later(self, target: str, why: str) -> None:
        self._not_before[target] = self._clock() + self._retry
        try:
            self._project.store.queue.held_up(target, why)
        except OrchestraError as error:
            log.warning("%s", error)

    def _work(self, target: str) -> None:
        if target == _TAKEN:
            # Whoever took one may be doing the same.
            delete_the_others(self._project, progress=log.info, patience=PATIENCE)
            return
        with suppress(DeadlineExceeded), self._project.lock(lock_of(target), deadline=0.0):
            process(self._project, target, progress=log.info, stop=self._stop.is_set)
