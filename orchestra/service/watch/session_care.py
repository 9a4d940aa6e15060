"""Look after the files of sessions: their commits, changes and specs, each when it has changed."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from functools import partial

from orchestra.actions.work import refresh, spec
from orchestra.actions.work.comment_places import note_answers
from orchestra.errors import DeadlineExceeded, NotFound, OrchestraError
from orchestra.model import Intent, Session, State
from orchestra.project import Project
from orchestra.service.watch import file_stamps
from orchestra.service.watch.count_pace import CountPace
from orchestra.service.watch.jobs import Jobs
from orchestra.service.watch.pace import Pace
from orchestra.service.watch.session_files import REFS, SPEC, WORK, SessionFiles
from orchestra.service.watch.touched import Subject, Touched

log = logging.getLogger("orchestra.service.watch.watcher")

_BUSY = frozenset({State.STARTING, State.WORKING, State.UNKNOWN})
_TRIES = 3
_SLOWEST = 600.0
"""The longest pause between two failing counts of a worktree, in seconds."""


class SessionCare:
    """What was seen of each session's files, and what is to be done about it; only the jobs run in other threads."""

    def __init__(self, project: Project, jobs: Jobs, touched: Touched, files: SessionFiles, pace: Pace) -> None:
        self._project = project
        self._jobs = jobs
        self._touched = touched
        self._files = files
        self._pace = pace
        self._counts = CountPace(pace)
        self._changed: set[Subject] = set()
        self._noted: set[int] = set()
        self._rests: dict[int, tuple[float, object]] = {}
        self._known: set[int] = set()
        self._watched: dict[int, bool] = {}
        self._unwatched: set[Subject] = set()
        self._events: dict[int, int | None] = {}
        self._counted: dict[int, object] = {}
        self._told: dict[int, int | None] = {}
        self._imported: dict[int, file_stamps.Trace] = {}
        self._tries: Counter[tuple[int, file_stamps.Trace]] = Counter()
        self._specs: dict[int, file_stamps.Trace] = {}
        self._specs_before: dict[int, file_stamps.Trace] = {}
        self._met: dict[int, str] = {}

    def touch(self, subjects: Collection[Subject]) -> None:
        """Note that something may have changed."""
        self._changed.update(subjects)
        self._noted.update(number for _, number in subjects)

    def touch_unwatched(self) -> None:
        """Note that everything may have changed of which no event would tell."""
        self.touch(self._unwatched)

    def touch_all(self) -> None:
        """Note that the refs and specs of all sessions may have changed, in case an event was missed."""
        self.touch([(kind, number) for number in self._known for kind in (REFS, SPEC)])

    def keep(self, sessions: Collection[Session]) -> None:
        """Begin with new sessions, and forget those that are gone."""
        now = {session.id for session in sessions}
        self.touch([(kind, number) for number in now - self._known for kind in (REFS, SPEC, WORK)])
        gone, self._known = self._known - now, now
        for number in gone:
            for known in (
                self._watched,
                self._events,
                self._counted,
                self._told,
                self._imported,
                self._specs,
                self._rests,
            ):
                known.pop(number, None)
        self._changed = {subject for subject in self._changed if subject[1] in now}
        self._noted &= now
        self._unwatched = {subject for subject in self._unwatched if subject[1] in now}
        self._counts.keep(now)
        self._files.forget_others(now)

    def tend(self, session: Session, event: int | None) -> float:
        """Start the due jobs of one session; return in how many seconds to look at it again.

        ``event`` is its last event's number. A session of which nothing has changed rests until then.
        Errors do not affect the other sessions.
        """
        seen, now = (session.intent, session.state, event), time.monotonic()
        until, before = self._rests.get(session.id, (0.0, None))
        if session.id in self._noted or seen != before or now >= until:
            self._noted.discard(session.id)
            until = now + self._tend(session, event)
            self._rests[session.id] = until, seen
        return until - now

    def _tend(self, session: Session, event: int | None) -> float:
        try:
            again = [self._spec(session), self._summary(session, event)]
            if session.intent is not Intent.RUN:
                self._files.rest(session.id)
                if session.counting:
                    self._tell(session, "")
            elif session.state is not State.STARTING:
                again += [self._commits(session), self._diff(session)]
            return min(again)
        except Exception as error:
            if self._met.get(session.id) != repr(error):
                self._met[session.id] = repr(error)
                log.exception("looking after %s", session.name)
            return self._pace.look

    def _tell(self, session: Session, how: str) -> None:
        """Record how a session's changes are counted; braces stand for the seconds between two counts."""
        text = how.format(self._counts.unprompted(session.id, busy=session.state in _BUSY))
        # The session may be deleted at this moment.
        with suppress(NotFound):
            if self._project.store.sessions.get(session.name).counting != text:
                self._project.store.sessions.update(session.id, counting=text)

    def _follow(self, session: Session, kind: str) -> None:
        watched = self._files.follow(session, kind)
        (self._unwatched.discard if watched else self._unwatched.add)((kind, session.id))

    def _spec(self, session: Session) -> float:
        if (SPEC, session.id) not in self._changed:
            return self._pace.beat
        self._follow(session, SPEC)
        trace = file_stamps.of_spec(self._project, session)
        still = self._specs_before.get(session.id) == trace
        self._specs_before[session.id] = trace
        # Wait until the trace is the same twice, because an editor may write in two steps.
        if not still:
            return self._pace.tick
        if not trace or self._specs.get(session.id) == trace:
            self._changed.discard((SPEC, session.id))
            return self._pace.beat
        job = partial(self._notice, session.name, session.id, trace)
        self._jobs.offer(("spec", session.name), job, pause=self._pace.tick)
        return self._pace.tick

    def _notice(self, name: str, number: int, trace: file_stamps.Trace) -> None:
        spec.notice_change(self._project, name)
        self._specs[number] = trace
        self._rests.pop(number, None)

    def _summary(self, session: Session, event: int | None) -> float:
        if self._told.get(session.id, -1) == event:
            return self._pace.beat
        job = partial(refresh.refresh_summary, self._project, session.name)
        if self._jobs.offer(("summary", session.name), job, pause=1.0):
            self._told[session.id] = event
        return self._pace.tick

    def _commits(self, session: Session) -> float:
        if (REFS, session.id) not in self._changed:
            return self._pace.beat
        self._follow(session, REFS)
        trace = file_stamps.of_refs(self._project, session)
        if self._imported.get(session.id) == trace:
            self._changed.discard((REFS, session.id))
            return self._pace.beat
        job = partial(self._import, session.name, trace)
        self._jobs.offer(("commits", session.name), job, pause=self._pace.tick)
        return self._pace.tick

    def _import(self, name: str, trace: file_stamps.Trace) -> None:
        session = self._project.store.sessions.get(name)
        key = session.id, trace
        self._tries[key] += 1
        # A temporary failure passes, so a changed trace gets a few attempts.
        if refresh.import_commits(self._project, session) or self._tries[key] >= _TRIES:
            self._imported[session.id] = trace
            del self._tries[key]
            self._rests.pop(session.id, None)
            note_answers(self._project, self._project.store.sessions.get(name))

    def _diff(self, session: Session) -> float:
        number, watched = session.id, self._watched.get(session.id, False)
        # Without events of the files, those of the agent tell that something may have changed.
        evidence = self._imported.get(number), None if watched else self._told.get(number)
        changed = (WORK, number) in self._changed or self._counted.get(number) != evidence
        wait = self._counts.due(number, changed=changed, busy=session.state in _BUSY, watched=watched)
        if wait:
            return wait
        job = partial(self._count, session.name, evidence)
        if self._jobs.offer(("diff", session.name), job, pause=self._pace.diff, slowest=_SLOWEST):
            self._changed.discard((WORK, number))
            return self._pace.beat
        return self._pace.tick

    def _count(self, name: str, evidence: object) -> None:
        session = self._project.store.sessions.get(name)
        began = time.monotonic()
        self._counted[session.id] = evidence
        try:
            directories = refresh.refresh_diff(self._project, session)
        except BaseException as error:
            self._counts.counted(session.id, began, in_vain=isinstance(error, DeadlineExceeded))
            self._touched.note({(WORK, session.id)})
            if isinstance(error, OrchestraError):
                self._tell(session, f"not counted: {error.message}; tried again every {{}} s")
            raise
        self._counts.counted(session.id, began)
        self._watched[session.id], fresh = self._files.follow_work(session, directories)
        why = "" if self._watched[session.id] else self._files.why_unwatched(directories)
        self._tell(session, f"counted every {{}} s: {why}" if why else "")
        if fresh:
            # It may have changed after it was read and before it was watched.
            self._touched.note({(WORK, session.id)})
