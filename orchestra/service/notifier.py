"""The thread that notifies the person, so that nothing else waits for it."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from orchestra.actions.messaging import notify
from orchestra.errors import OrchestraError
from orchestra.events import Event
from orchestra.notifications import Notification, Told
from orchestra.project import Project

log = logging.getLogger("orchestra.service.notifier")

SETTLED = 2.0
"""Seconds after which a notification is sent, if its session is still in that state: what a rule answers is no news."""
MOST = 100
"""How many notifications may wait; while a service does not answer, further ones are dropped."""
TROUBLE = "trouble"


class Notifier:
    """Sends notifications one after another; each failure is logged once until something else happens."""

    def __init__(
        self, project: Project, *, settled: float = SETTLED, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._project = project
        self._settled = settled
        self._clock = clock
        self._told = Told()
        self._queue: queue.Queue[tuple[float, Notification] | None] = queue.Queue(MOST)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is not sent yet is dropped, and what is being sent is not waited for."""
        self._stop.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)

    def take(self, event: Event) -> None:
        """Take an event; this never waits."""
        notification = self._told.take(event)
        if notification is None or not self._project.usable_settings.notify:
            return
        try:
            self._queue.put_nowait((self._clock() + self._settled, notification))
        except queue.Full:
            log.info("too many notifications wait")

    def _run(self) -> None:
        while not self._stop.is_set():
            waiting = self._queue.get()
            if waiting is not None and not self._stop.wait(max(0.0, waiting[0] - self._clock())):
                self._send(waiting[1])

    def _send(self, notification: Notification) -> None:
        try:
            session = self._project.store.sessions.find(notification.session)
            if notify.is_wanted(self._project, notification, session):
                if session is not None and notification.text and session.evidence.text.startswith(notification.text):
                    notification = replace(notification, text=session.evidence.text)
                self._note("; ".join(map(str, notify.notify(self._project, notification))))
        except OrchestraError as error:
            self._note(str(error))
        except Exception:  # a way to notify must not end the others
            log.exception("a notification of %s", notification.session)

    def _note(self, trouble: str) -> None:
        """Log what went wrong, once until it changes, where `orchestra log main` shows it too."""
        if trouble and trouble != self._trouble:
            log.warning("notifications: %s", trouble)
            self._project.store.events.log("main", TROUBLE, f"you could not be notified: {trouble}")
        self._trouble = trouble
