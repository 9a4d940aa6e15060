"""What the service remembers about its callers in memory; nothing of it must survive a restart."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic


class Presence:
    """Which sessions have their tools, fetch messages, or listen for them, and since when."""

    def __init__(self, since: float | None = None) -> None:
        self._lock = threading.Lock()
        self._tools_seen: dict[int, float] = {}
        self._started: dict[int, float] = {}
        self._fetched: dict[int, float] = {}
        self._pulled: dict[int, float] = {}
        self._waiting: Counter[int] = Counter()
        self._tickets: Counter[tuple[int, str]] = Counter()
        self._listeners: dict[int, int] = {}
        self._listening: Counter[int] = Counter()
        self._listened: dict[int, float] = {}
        self._drafts: dict[int, float] = {}
        self._since = monotonic() if since is None else since

    def saw_tools(self, session: int) -> None:
        """Record that the session's agent has requested its tools or called one."""
        with self._lock:
            self._tools_seen[session] = now = monotonic()
            self._fetched.setdefault(session, now)

    def starts(self, session: int) -> None:
        """Record that the session's agent is being started."""
        with self._lock:
            self._started[session] = monotonic()
            self._fetched.pop(session, None)

    def takes_in(self, session: int, *, begins: bool, least: float, quick: float, longest: float) -> float:
        """Return for how many seconds an agent is held back until it uses the tools that it requested.

        This is ``least``, plus twice the time beyond ``quick`` since its launch, up to ``longest``,
        because everything takes longer on a busy machine. It counts from the first request or, for
        an agent that ``begins``, from now, because it may have made the request long before it can
        use the answer.
        """
        now = monotonic()
        with self._lock:
            asked, started = self._fetched.get(session), self._started.get(session)
        since = now if begins else asked
        if since is None:
            return 0.0
        late = since - started - quick if started is not None else 0.0
        return max(0.0, least + min(max(0.0, 2 * late), longest) - (now - since))

    def has_tools(self, session: int, *, within: float) -> bool:
        """Return whether the session's agent has requested its tools in the last ``within`` seconds."""
        with self._lock:
            seen = self._tools_seen.get(session)
        return seen is not None and monotonic() - seen <= within

    def begin_wait(self, session: int, kind: str) -> int:
        """Return the ticket of a new wait; it ends the session's earlier one of this kind."""
        with self._lock:
            self._tickets[session, kind] += 1
            return self._tickets[session, kind]

    def is_newest_wait(self, session: int, kind: str, ticket: int) -> bool:
        """Return whether this is the latest wait of this kind in the session."""
        with self._lock:
            return self._tickets[session, kind] == ticket

    @contextmanager
    def pulling(self, session: int) -> Iterator[None]:
        """Record that the session waits for messages for as long as the block lasts."""
        with self._lock:
            self._waiting[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[session] -= 1
                self._pulled[session] = monotonic()

    def since_pulled(self, session: int) -> float:
        """Return the seconds since the session last waited for messages: 0 while it does, infinite if it never did."""
        with self._lock:
            if self._waiting[session] > 0:
                return 0.0
            return monotonic() - self._pulled.get(session, -math.inf)

    @contextmanager
    def listening(self, session: int, listener: int) -> Iterator[None]:
        """Record a listener of the session, which messages wake; the one with the greatest number counts."""
        with self._lock:
            self._listeners[session] = max(listener, self._listeners.get(session, 0))
            self._listening[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._listening[session] -= 1
                self._listened[session] = monotonic()

    def is_newest(self, session: int, listener: int) -> bool:
        """Return whether this is the newest listener of the session."""
        with self._lock:
            return self._listeners.get(session, 0) <= listener

    def since_listened(self, session: int, *, expected: bool) -> float:
        """Return the seconds since the session last listened; 0 while it does.

        Infinite if it never did; an ``expected`` listener counts from the start of the service.
        """
        with self._lock:
            if self._listening[session] > 0:
                return 0.0
            return monotonic() - self._listened.get(session, self._since if expected else -math.inf)

    def saw_draft(self, session: int, *, stands: bool) -> None:
        """Record whether the session's prompt holds a person's draft."""
        with self._lock:
            self._drafts.pop(session, None)
            if stands:
                self._drafts[session] = monotonic()

    def has_draft(self, session: int, *, within: float = 3.0) -> bool:
        """Return whether a draft was seen in the last ``within`` seconds and has not ended."""
        with self._lock:
            seen = self._drafts.get(session)
        return seen is not None and monotonic() - seen < within
