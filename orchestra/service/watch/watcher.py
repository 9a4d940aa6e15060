"""The loop that keeps the database up to date: commits, diffs, boxes, specs, messages.

It sleeps until something happens: the kernel tells of files, among them the database's, and the
engine of containers. A look at everything now and then finds what no event told.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from functools import partial

from orchestra.actions.messaging.messages import send
from orchestra.actions.work import refresh
from orchestra.actions.workspace import status_line
from orchestra.errors import OrchestraError
from orchestra.model import BoxEnd, Intent, MessageKind, SandboxKind, Session, State
from orchestra.names import PERSON, SYSTEM
from orchestra.project import Project
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.typed import TypedDelivery
from orchestra.service.watch.box_events import BoxEvents
from orchestra.service.watch.jobs import Jobs
from orchestra.service.watch.pace import Pace
from orchestra.service.watch.session_care import SessionCare
from orchestra.service.watch.session_files import DATABASE, WINDOWS, SessionFiles
from orchestra.service.watch.touched import Subject, Touched

__all__ = ["Pace", "Watcher"]

log = logging.getLogger("orchestra.service.watch.watcher")

_BOXES: Subject = ("boxes", 0)
_JUDGED = frozenset({State.STARTING, State.WORKING, State.UNKNOWN})
"""States that are judged by the output in the window, for agents without hooks."""
_VISIBLE = 0.5
"""Seconds within which a write to the database's file is visible to readers."""
_SOON, _APART = 0.01, 0.1
"""Seconds between two checks for such a write at first, and between two readings of all sessions."""
_LIVELY = 2.0
"""Seconds after a change for which deliveries are tried at their pace; then once in `_PATIENT` seconds."""
_PATIENT = 1.0
_STATUS = 1.0
"""Seconds between two changes of tmux's own lines."""
_LISTED = 1.0
"""Seconds after which the engine's list shows what it told of."""


class Watcher:
    """Watches every session of a project in its own thread; errors in one session do not stop it.

    ``written`` is called, in another thread, after any process has written to the database, and
    ``changed`` once what was written can be read.
    """

    def __init__(
        self,
        project: Project,
        presence: Presence,
        *,
        pace: Pace | None = None,
        typist: TypedDelivery | None = None,
        vanished: Callable[[], object] = lambda: None,
        written: Callable[[], object] = lambda: None,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._project = project
        self._vanished = vanished
        self._written = written
        self._changed = changed
        self._pace = pace or Pace()
        self._typist = typist or TypedDelivery(project, presence)
        self._touched = Touched()
        self._jobs = Jobs(ended=self._touched.ring)
        self._files = SessionFiles(project, self._note)
        self._boxes = BoxEvents(project, self._box_changed)
        self._care = SessionCare(project, self._jobs, self._touched, self._files, self._pace)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._until = 0.0
        self._version, self._read_at, self._visible_until = -1, 0.0, 0.0
        self._shown: object = None
        self._stale, self._compared = True, 0.0
        self._sessions: list[Session] = []
        self._waiting: set[str] = set()
        self._events: dict[str, int] = {}
        self._newest = 0
        self._first = 0
        self._swept, self._looked, self._looked_at_panes, self._unwatched_at = (0.0,) * 4
        self._look, self._busy, self._unseen = True, False, set[SandboxKind]()
        self._again, self._look_again = _LISTED, math.inf
        self._told = ""

    def start(self) -> None:
        """Start watching."""
        self._files.events.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._touched.ring()
        self._boxes.close()
        self._thread.join(timeout=5)
        self._jobs.close()
        self._files.events.close()

    def _note(self, subjects: Collection[Subject]) -> None:
        if DATABASE in subjects:
            self._written()
        self._touched.note(subjects)

    def _box_changed(self, end: BoxEnd | None) -> None:
        if end is not None:
            job = partial(refresh.note_end, self._project, end)
            self._jobs.offer(("end", end.name), job, pause=0.0, share=0.0, urgent=True)
        self._touched.note({_BOXES})

    def _run(self) -> None:
        trouble = ""
        while True:
            touched = self._touched.wait(max(0.0, self._until - time.monotonic()))
            if self._stop.is_set():
                return
            if not self._project.paths.database.exists():
                # The project's state directory was removed, so there is nothing to watch.
                self._vanished()
                return
            try:
                self.look_around(touched)
                trouble = ""
            except OrchestraError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("%s", error)
                self._stop.wait(self._pace.tick)
            except Exception:  # sessions must stay looked after, whatever bug one of them meets
                log.exception("one round failed")
                self._stop.wait(self._pace.diff_busy)

    def look_around(self, touched: Collection[Subject] = ()) -> None:
        """Do one round: start every job that is due."""
        self._until = time.monotonic() + (self._pace.beat if self._files.events.works else self._pace.tick)
        self._take(touched)
        fresh = self._refresh()
        self._sweep()
        for session in self._in_turn():
            self._soon(self._care.tend(session, self._events.get(session.name)))
        self._look_at_boxes()
        self._look_at_panes()
        self._status(fresh=fresh)
        self._deliveries(fresh=fresh)

    def _soon(self, seconds: float) -> None:
        """Let the next round begin in so many seconds at the latest."""
        self._until = min(self._until, time.monotonic() + seconds)

    def _take(self, touched: Collection[Subject]) -> None:
        self._care.touch(touched)
        self._look = self._look or _BOXES in touched
        if DATABASE in touched:
            self._visible_until = time.monotonic() + _VISIBLE
        if WINDOWS in touched:
            self._shown, self._stale = None, True

    def _refresh(self) -> bool:
        """Read the sessions again if the database has changed; otherwise this takes a few microseconds."""
        store, now = self._project.store, time.monotonic()
        if self._version >= 0 and now - self._read_at < _APART:
            self._soon(_APART)
            return False
        version = store.data_version()
        if version == self._version:
            if now < self._visible_until:
                self._soon(max(_SOON, (now - self._visible_until + _VISIBLE) / 2))
            return False
        self._version, self._read_at, self._visible_until = version, now, 0.0
        self._sessions = store.sessions.all()
        self._waiting = store.messages.recipients()
        for event in store.events.select(after_id=self._newest, limit=500):
            self._events[event.session] = self._newest = event.id
        self._care.keep(self._sessions)
        self._changed()
        return True

    def _sweep(self) -> None:
        """Look at everything now and then, in case no event told of a change."""
        now = time.monotonic()
        if now - self._swept > self._pace.sweep:
            self._swept = now
            self._care.touch_all()
            self._files.follow_database()
            self._files.follow_windows()
            self._tell_of_limits()
        if now - self._unwatched_at > (self._pace.look if self._files.events.works else 0):
            self._unwatched_at = now
            self._care.touch_unwatched()

    def _tell_of_limits(self) -> None:
        trouble = self._files.events.trouble
        if not trouble or trouble == self._told:
            return
        self._told = trouble
        log.warning("%s", trouble)
        known = self._project.store.messages.select(sender=SYSTEM, recipient=PERSON, limit=200)
        if not any(message.text == trouble for message in known):
            send(self._project, sender=SYSTEM, recipient=PERSON, text=trouble, kind=MessageKind.NOTICE)

    def _in_turn(self) -> list[Session]:
        """Return the sessions, starting with another one each round, so that none is always last."""
        self._first = (self._first + 1) % max(1, len(self._sessions))
        return self._sessions[self._first :] + self._sessions[: self._first]

    def _running(self) -> list[Session]:
        return [session for session in self._sessions if session.intent is Intent.RUN]

    def _look_at_boxes(self) -> None:
        running, now = self._running(), time.monotonic()
        if not running:
            return
        followed = [self._boxes.follow(kind) for kind in {session.sandbox for session in running}]
        starts = self._busy or any(session.state is State.STARTING for session in running)
        pause = self._pace.sweep if all(followed) and not starts else self._pace.look
        if self._look:
            self._again = _APART
        wait = min(self._looked + pause, self._look_again) - now
        if wait > 0 and not self._look:
            self._soon(wait)
        elif self._jobs.offer("boxes", self._compare_boxes, pause=_APART, share=1.0, slowest=5.0):
            self._look, self._looked = False, now
            # The engine tells of an end some tenths of a second before its list shows it (Docker 20.10).
            self._look_again = now + self._again if self._again < _LISTED else math.inf
            self._again *= 2
            self._soon(self._look_again - now)
        else:
            self._soon(self._pace.tick)

    def _compare_boxes(self) -> None:
        looked = refresh.look_at_boxes(self._project)
        self._unseen = set(looked.troubles)
        self._busy = looked.busy
        for error in looked.troubles.values():
            raise error

    def _look_at_panes(self) -> None:
        judged = {session.state for session in self._running()} & _JUDGED
        if not judged:
            return
        now = time.monotonic()
        pause = self._pace.panes if judged == {State.UNKNOWN} else self._pace.look
        if now - self._looked_at_panes > pause:
            job = partial(refresh.look_at_panes, self._project, unseen=frozenset(self._unseen))
            if self._jobs.offer("panes", job, pause=self._pace.look, slowest=5.0):
                self._looked_at_panes = now
        self._soon(pause)

    def _status(self, *, fresh: bool) -> None:
        self._stale = self._stale or fresh
        wait = self._compared + _STATUS - time.monotonic()
        if not self._stale:
            return
        if wait > 0:
            self._soon(wait)
            return
        self._stale, self._compared = False, time.monotonic()
        now = status_line.shown(self._project, self._sessions)
        if self._shown == now:
            return
        if self._jobs.offer("status", partial(status_line.show_status, self._project), pause=_STATUS):
            self._shown = now
        else:
            self._stale = True
            self._soon(self._pace.tick)

    def _deliveries(self, *, fresh: bool) -> None:
        for session in self._sessions:
            if fresh and self._typist.prompts.is_due(session):
                learn = partial(self._typist.prompts.learn, session.name)
                self._jobs.offer(("prompt", session.name), learn, pause=self._pace.deliver, share=0.0, urgent=True)
            if session.name in self._waiting:
                self._deliver(session)

    def _deliver(self, session: Session) -> None:
        lively = time.monotonic() - self._read_at < _LIVELY
        self._soon(self._pace.deliver if lively else _PATIENT)
        if self._typist.wanted(session):
            self._soon(self._pace.deliver)
            job = partial(self._typist.attend, session.name)
            self._jobs.offer(("deliver", session.name), job, pause=self._pace.deliver, share=0.0, urgent=True)
