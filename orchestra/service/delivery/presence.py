"""What the service remembers about its callers in memory; nothing of it must survive a restart."""

from __future__ import annotations

import math
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class _Seen:
    """What was seen of the callers of one session.

    ``pulling`` and ``listening`` are how many wait now, ``pulled`` and ``listened`` when the last one
    left. ``newest`` is the greatest number of a listener, ``waits`` how many waits of each kind have
    begun, and ``draft`` when the prompt was last seen to hold one.
    """

    pulling: int = 0
    pulled: float = -math.inf
    listening: int = 0
    listened: float | None = None
    newest: int = 0
    waits: Counter[str] = field(default_factory=Counter)
    draft: float = -math.inf


class Presence:
    """Which sessions fetch messages or listen for them, and since when."""

    def __init__(self, since: float | None = None) -> None:
        self._lock = threading.Lock()
        self._seen: defaultdict[int, _Seen] = defaultdict(_Seen)
        self._since = monotonic() if since is None else since

    def begin_wait(self, session: int, kind: str) -> int:
        """Return the ticket of a new wait; it ends the session's earlier one of this kind."""
        with self._lock:
            self._seen[session].waits[kind] += 1
            return self._seen[session].waits[kind]

    def is_newest_wait(self, session: int, kind: str, ticket: int) -> bool:
        """Return whether this is the latest wait of this kind in the session."""
        with self._lock:
            return self._seen[session].waits[kind] == ticket

    @contextmanager
    def pulling(self, session: int) -> Iterator[None]:
        """Record that the session waits for messages for as long as the block lasts."""
        with self._lock:
            seen = self._seen[session]
            seen.pulling += 1
        try:
            yield
        finally:
            with self._lock:
                seen.pulling -= 1
                seen.pulled = monotonic()

    def since_pulled(self, session: int) -> float:
        """Return the seconds since the session last waited for messages: 0 while it does, infinite if it never did."""
        with self._lock:
            seen = self._seen[session]
            return 0.0 if seen.pulling else monotonic() - seen.pulled

    @contextmanager
    def listening(self, session: int, listener: int) -> Iterator[None]:
        """Record a listener of the session, which messages wake; the one with the greatest number counts."""
        with self._lock:
            seen = self._seen[session]
            seen.newest = max(listener, seen.newest)
            seen.listening += 1
        try:
            yield
        finally:
            with self._lock:
                seen.listening -= 1
                seen.listened = monotonic()

    def is_newest(self, session: int, listener: int) -> bool:
        """Return whether this is the newest listener of the session."""
        with self._lock:
            return self._seen[session].newest <= listener

    def since_listened(self, session: int, *, expected: bool) -> float:
        """Return the seconds since the session last listened; 0 while it does.

        Infinite if it never did; an ``expected`` listener counts from the start of the service.
        """
        with self._lock:
            seen = self._seen[session]
            never = self._since if expected else -math.inf
            last = never if seen.listened is None else seen.listened
            return 0.0 if seen.listening else monotonic() - last

    def saw_draft(self, session: int, *, stands: bool) -> None:
        """Record whether the session's prompt holds a person's draft."""
        with self._lock:
            self._seen[session].draft = monotonic() if stands else -math.inf

    def has_draft(self, session: int, *, within: float = 3.0) -> bool:
        """Return whether a draft was seen in the last ``within`` seconds and has not ended."""
        with self._lock:
            return monotonic() - self._seen[session].draft < within
