"""The thread that keeps budgets, notices who is stuck, and lets agents go on after a limit.

It sleeps until it is told of a change of the database, or until time alone changes something.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from orchestra.actions.messaging.hook_events import RESULT
from orchestra.actions.work import oversight
from orchestra.actions.work.search_sources import read_commits, read_conversations
from orchestra.errors import OrchestraError
from orchestra.events import Event, Outcome
from orchestra.model import Session, Sign
from orchestra.notifications import BUDGET_EVENT, STUCK_EVENT
from orchestra.project import Project
from orchestra.service.notifier import Notifier
from orchestra.stuck import Facts, due, stuck

log = logging.getLogger("orchestra.service.oversight")

BEAT = 60.0
"""Seconds between two looks at whether anything has changed, in case nobody told of a change."""
APART = 1.0
"""Seconds between two looks while changes follow each other."""
RETRY = 10.0
"""Seconds after which something that failed is tried again."""
_TOOLS = 12
_PAGE = 500
READING = 5.0
"""Seconds for indexing one session at the end of its turn."""
_READ_AFTER = frozenset({Sign.TURN_ENDED.value, Sign.COMPLETED.value, "commit"})
_OF_TOOLS = frozenset({Sign.TOOL_USED.value, RESULT})
_OWN = frozenset({BUDGET_EVENT, STUCK_EVENT})
"""The kinds of events that are no sign of the agent."""


class Oversight:
    """Looks after all sessions of a project in its own thread; ``beat`` is in seconds, as `BEAT` is."""

    def __init__(
        self,
        project: Project,
        *,
        beat: float = BEAT,
        vanished: Callable[[], bool] | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._project = project
        self._beat = beat
        self._vanished = vanished or (lambda: not project.paths.database.exists())
        self._stop = threading.Event()
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oversight", daemon=True)
        self._version = -1
        self._due: datetime | None = None
        self._newest = 0
        self._begun = False
        self._notifier = notifier or Notifier(project)
        self._last: dict[str, datetime] = {}
        self._tools: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_TOOLS))
        self._changed: dict[int, tuple[object, datetime]] = {}
        self._trouble = ""
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="search index")
        self._unread: set[str] = set()

    def start(self) -> None:
        """Start looking."""
        self._notifier.start()
        self._thread.start()

    @property
    def has_looked(self) -> bool:
        """Whether the events from before the start have been passed."""
        return self._begun

    def ring(self) -> None:
        """Say that the database has changed; this never waits."""
        self._bell.set()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._bell.set()
        self._notifier.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while self._waits() and not self._vanished():
            try:
                self.look()
            except OrchestraError as error:
                self._failed(str(error))
            except Exception:  # sessions must stay looked after, whatever bug one of them meets
                log.exception("one look failed")
                self._stop.wait(RETRY)

    def _waits(self) -> bool:
        """Wait until something may be due; returns False at the end."""
        if not self._stop.wait(min(APART, self._beat)):
            self._bell.wait(self._rest())
            self._bell.clear()
        return not self._stop.is_set()

    def _rest(self) -> float:
        """Return the seconds until the next look if nobody tells of a change before."""
        if self._trouble or not self._begun:
            return 0.0
        until = math.inf if self._due is None else (self._due - self._project.store.now()).total_seconds()
        return max(0.0, min(self._beat, until))

    def look(self) -> None:
        """Do everything that is due now."""
        store, now = self._project.store, self._project.store.now()
        version = store.data_version()
        if version == self._version and (self._due is None or now < self._due):
            return
        self._version = version
        self._read_events()
        sessions = store.sessions.all()
        oversight.end_limits(self._project, sessions, now)
        self._due = self._judge(sessions, now)
        troubles = oversight.keep_budgets(self._project)
        self._failed("; ".join(map(str, troubles)))

    def _failed(self, trouble: str) -> None:
        if trouble:
            self._version = -1
            self._stop.wait(RETRY if trouble == self._trouble else 0)
        if trouble and trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble

    def _read_events(self) -> None:
        earlier, self._begun = not self._begun, True
        for event in self._project.store.events.select(after_id=self._newest, limit=_PAGE):
            self._newest = event.id
            self._take(event)
            if not earlier:
                self._notifier.take(event)
                if event.kind in _READ_AFTER:
                    self._read_later(event.session)

    def _read_later(self, name: str) -> None:
        """Index what a session has said and committed, in a thread of its own, once for many events."""
        if name not in self._unread:
            self._unread.add(name)
            self._reader.submit(self._read, name)

    def _read(self, name: str) -> None:
        self._unread.discard(name)
        try:
            session = self._project.store.sessions.find(name)
            if session is not None:
                read_commits(self._project, session)
                read_conversations(self._project, session, end=time.monotonic() + READING)
        except OrchestraError as error:
            log.info("%s cannot be indexed: %s", name, error)
        except Exception:  # a file of an agent's must not end the indexing of others
            log.exception("indexing %s", name)

    def _take(self, event: Event) -> None:
        if event.kind not in _OWN:
            self._last[event.session] = event.at
        if event.kind in _OF_TOOLS:
            # The result of a call may be told after its end.
            if event.call is None or event.call.outcome is not Outcome.UNKNOWN:
                self._tools[event.session].append(event.text)
        elif event.kind == Sign.TURN_STARTED:
            self._tools[event.session].clear()

    def _judge(self, sessions: Sequence[Session], now: datetime) -> datetime | None:
        """Record who is stuck, and return when that may change without any new evidence."""
        quiet = timedelta(minutes=self._project.usable_settings.stuck_after)
        times = []
        for session in sessions:
            facts = self._facts(session, now, quiet)
            oversight.note_stuck(self._project, session, stuck(facts))
            times.append(due(facts))
        return min((time for time in times if time is not None), default=None)

    def _facts(self, session: Session, now: datetime, quiet: timedelta) -> Facts:
        seen = (session.diff, session.head)
        if self._changed.get(session.id, (None,))[0] != seen:
            self._changed[session.id] = seen, now
        changed = self._changed[session.id][1] if session.diff.files else session.state_since
        return Facts(
            now=now,
            state=session.state,
            evidence=session.evidence,
            last_sign=max(session.state_since, self._last.get(session.name, session.state_since), changed),
            tools=tuple(self._tools[session.name]),
            context=session.context,
            limited_until=session.limited_until,
            quiet=quiet or None,
        )
