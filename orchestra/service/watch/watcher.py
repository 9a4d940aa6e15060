"""The loop that keeps the database up to date: commits, diffs, boxes, specs, messages."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from orchestra.actions.work import refresh, spec
from orchestra.actions.workspace import status_line
from orchestra.errors import OrchestraError
from orchestra.model import Intent, Session, State
from orchestra.project import Project
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.typed import TypedDelivery
from orchestra.service.watch import file_stamps
from orchestra.service.watch.jobs import Jobs

log = logging.getLogger("orchestra.service.watch.watcher")

_BUSY = frozenset({State.STARTING, State.WORKING, State.UNKNOWN})
_TRIES = 3
_UNPROMPTED = 50.0
"""Without a noticed change, scanning uses at most this share of the time, so large worktrees are scanned less often."""
_LONGEST_REST = 600.0
"""The longest pause between two scans of a worktree, in seconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Periods of the scans, in seconds.

    ``diff``: the least after a noticed change; ``diff_busy`` and ``diff_idle``: without one, for
    working and idle agents.
    """

    tick: float = 0.3
    look: float = 1.5
    diff: float = 2.0
    diff_busy: float = 10.0
    diff_idle: float = 30.0
    deliver: float = 0.3


class Watcher:
    """Watches every session of a project in its own thread; errors in one session do not stop it."""

    def __init__(
        self,
        project: Project,
        presence: Presence,
        *,
        pace: Pace | None = None,
        typist: TypedDelivery | None = None,
        vanished: Callable[[], object] = lambda: None,
    ) -> None:
        self._project = project
        self._vanished = vanished
        self._pace = pace or Pace()
        self._typist = typist or TypedDelivery(project, presence)
        self._jobs = Jobs()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._version = -1
        self._shown = -1
        self._sessions: list[Session] = []
        self._waiting: set[str] = set()
        self._events: dict[str, int] = {}
        self._newest = 0
        self._imported: dict[int, file_stamps.Trace] = {}
        self._tries: Counter[tuple[int, file_stamps.Trace]] = Counter()
        self._met: dict[int, str] = {}
        self._counted: dict[int, tuple[object, float]] = {}
        self._took: dict[int, float] = {}
        self._first = 0
        self._specs: dict[int, file_stamps.Trace] = {}
        self._specs_before: dict[int, file_stamps.Trace] = {}

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(timeout=5)
        self._jobs.close()

    def _run(self) -> None:
        trouble = ""
        while not self._stop.wait(self._pace.tick):
            if not self._project.paths.database.exists():
                # The project's state directory was removed, so there is nothing to watch.
                self._vanished()
                return
            try:
                self.look_around()
                trouble = ""
            except OrchestraError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("%s", error)
            except Exception:  # sessions must stay looked after, whatever bug one of them meets
                log.exception("one round failed")
                self._stop.wait(self._pace.diff_busy)

    def look_around(self) -> None:
        """Do one round: start every job that is due."""
        self._refresh()
        for session in self._in_turn():
            self._tend(session)
        if any(session.intent is Intent.RUN for session in self._sessions):
            self._jobs.offer("boxes", partial(refresh.look, self._project), pause=self._pace.look, slowest=5.0)
        shown = partial(status_line.show_status, self._project)
        if self._shown != self._version and self._jobs.offer("status", shown, pause=1.0):
            self._shown = self._version
        self._deliveries()

    def _tend(self, session: Session) -> None:
        """Start the due jobs of one session; errors do not affect the others."""
        try:
            self._spec(session)
            if session.intent is Intent.RUN and session.state is not State.STARTING:
                self._commits(session)
                self._diff(session)
        except Exception as error:
            if self._met.get(session.id) != repr(error):
                self._met[session.id] = repr(error)
                log.exception("looking after %s", session.name)

    def _in_turn(self) -> list[Session]:
        """Return the sessions, starting with another one each round, so that none is always last."""
        self._first = (self._first + 1) % max(1, len(self._sessions))
        return self._sessions[self._first :] + self._sessions[: self._first]

    def _refresh(self) -> None:
        """Read the sessions again if the database has changed; otherwise this takes a few microseconds."""
        store = self._project.store
        version = store.data_version()
        if version == self._version:
            return
        self._version = version
        self._sessions = store.sessions.all()
        self._waiting = store.messages.recipients()
        for event in store.events.select(after_id=self._newest, limit=500):
            self._events[event.session] = self._newest = event.id

    def _commits(self, session: Session) -> None:
        trace = file_stamps.of_refs(self._project, session)
        if self._imported.get(session.id) != trace:
            self._jobs.offer(
                ("commits", session.name), partial(self._import, session.name, trace), pause=self._pace.tick
            )

    def _import(self, name: str, trace: file_stamps.Trace) -> None:
        session = self._project.store.sessions.get(name)
        key = session.id, trace
        self._tries[key] += 1
        # A temporary failure passes, so a changed trace gets a few attempts.
        if refresh.import_commits(self._project, session) or self._tries[key] >= _TRIES:
            self._imported[session.id] = trace
            del self._tries[key]

    def _diff(self, session: Session) -> None:
        work = file_stamps.of_work(self._project, session)
        evidence = (self._events.get(session.name), self._imported.get(session.id), work)
        known, at = self._counted.get(session.id, (None, 0.0))
        age = time.monotonic() - at
        late = self._pace.diff_busy if session.state in _BUSY else self._pace.diff_idle
        late = min(max(late, _UNPROMPTED * self._took.get(session.id, 0.0)), _LONGEST_REST)
        if (evidence != known and age > self._pace.diff) or age > late:
            job = partial(self._count, session.name, evidence)
            self._jobs.offer(("diff", session.name), job, pause=self._pace.diff, slowest=_LONGEST_REST)

    def _count(self, name: str, evidence: object) -> None:
        session = self._project.store.sessions.get(name)
        began = time.monotonic()
        self._counted[session.id] = evidence, began
        refresh.refresh_diff(self._project, session)
        self._took[session.id] = time.monotonic() - began

    def _spec(self, session: Session) -> None:
        trace = file_stamps.of_spec(self._project, session)
        still = self._specs_before.get(session.id) == trace
        self._specs_before[session.id] = trace
        # Wait until the trace is the same twice, because an editor may write in two steps.
        if trace and still and self._specs.get(session.id) != trace:
            job = partial(self._notice, session.name, session.id, trace)
            self._jobs.offer(("spec", session.name), job, pause=self._pace.tick)

    def _notice(self, name: str, number: int, trace: file_stamps.Trace) -> None:
        spec.notice_change(self._project, name)
        self._specs[number] = trace

    def _deliveries(self) -> None:
        for session in self._sessions:
            if self._typist.prompts.is_due(session):
                learn = partial(self._typist.prompts.learn, session.name)
                self._jobs.offer(("prompt", session.name), learn, pause=self._pace.deliver, share=0.0, urgent=True)
            if session.name in self._waiting and self._typist.wanted(session):
                job = partial(self._typist.attend, session.name)
                self._jobs.offer(("deliver", session.name), job, pause=self._pace.deliver, share=0.0, urgent=True)
