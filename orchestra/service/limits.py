"""Limits for the callers of the service; docs/reliability.md lists these numbers."""

from __future__ import annotations

import asyncio
import math
import resource
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Protocol

from orchestra.errors import Refused, UsageError

STRANGERS_PER_ADDRESS = 64
"""Connections without a token from one address; one more closes the oldest."""
STRANGERS = 256
"""Connections without a token from all addresses."""
CONNECTIONS_PER_SESSION = 64
"""Open connections of one session; one more closes the oldest."""
HEAD_LIMIT = 16 * 1024
"""The largest head of a request, in bytes."""
HEAD_DEADLINE = 10.0
"""Seconds from a connection's or a request's first byte until its head must have arrived."""
OPEN_REQUESTS = 32
"""Requests of one session in progress; one more is refused with 429."""
REQUEST_RATE, REQUEST_BURST = 50.0, 200.0
"""Requests of one session in a second, and at once; more of them wait."""
MESSAGE_RATE, MESSAGE_BURST = 5.0, 300.0
"""Messages of one session in a second, and at once; more are refused."""
ACTIONS_PER_SESSION = 8
"""Tool calls of one session in progress; more of them wait."""
REFUSAL_DELAY = 0.2
"""Seconds until a wrong token is answered, to slow down guessing."""
LOCAL_CONNECTIONS = 256
"""Connections to the local socket; one more is closed at once."""
LOCAL_DEADLINE = 60.0
"""Seconds until a connection to the local socket must have sent a request."""
LONGEST_WISH = 3600.0
"""The most seconds that a caller may ask to wait; the actual wait may be shorter."""
FILES = 8192
"""The number of file descriptors that the service asks for."""


class Connection(Protocol):
    """One open HTTP connection."""

    @property
    def address(self) -> str:
        """The remote address."""

    def drop(self) -> None:
        """Close it at once."""


class Connections:
    """The open connections; only used in the event loop's thread.

    A new connection without a token replaces one without, and a session replaces its own, so that
    nobody can lock out others.
    """

    def __init__(self) -> None:
        self._strangers: dict[Connection, str] = {}
        self._known: dict[Connection, int] = {}

    def opened(self, connection: Connection) -> None:
        """Record a new connection without a token."""
        self._strangers[connection] = connection.address
        of_address = [stranger for stranger, address in self._strangers.items() if address == connection.address]
        self._end_oldest(of_address, STRANGERS_PER_ADDRESS)
        self._end_oldest(list(self._strangers), STRANGERS)

    def showed_token(self, connection: Connection, session: int) -> None:
        """Record that a connection has shown a session's token."""
        self._strangers.pop(connection, None)
        self._known[connection] = session
        self._end_oldest([known for known, owner in self._known.items() if owner == session], CONNECTIONS_PER_SESSION)

    def closed(self, connection: Connection) -> None:
        """Remove a connection."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def _end_oldest(self, connections: list[Connection], most: int) -> None:
        for connection in connections[: max(0, len(connections) - most)]:
            self.closed(connection)
            connection.drop()


class Bucket:
    """A token bucket: a rate per second, and a burst."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = burst, clock()

    def take(self) -> float:
        """Take one and return 0, or return the seconds until there is one."""
        now = self._clock()
        self._left, self._at = min(self._burst, self._left + (now - self._at) * self._rate), now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0


class Shares:
    """The current use of the service by each session; only the event loop's thread counts requests."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._requests: defaultdict[int, Bucket] = defaultdict(lambda: Bucket(REQUEST_RATE, REQUEST_BURST))
        self._messages: defaultdict[int, Bucket] = defaultdict(lambda: Bucket(MESSAGE_RATE, MESSAGE_BURST))
        self._actions: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(ACTIONS_PER_SESSION))

    @contextmanager
    def request(self, session: int) -> Iterator[bool]:
        """Count a request for as long as the block lasts; yields False if the session has too many."""
        if self._open[session] >= OPEN_REQUESTS:
            yield False
            return
        self._open[session] += 1
        try:
            yield True
        finally:
            self._open[session] -= 1

    async def turn(self, session: int) -> None:
        """Wait until the session may make its next request."""
        if (wait := self._requests[session].take()) > 0:
            await asyncio.sleep(wait)
            await self.turn(session)

    def actions(self, session: int) -> asyncio.Semaphore:
        """Return the semaphore for a session's tool calls."""
        return self._actions[session]

    def message(self, session: int) -> None:
        """Count a message of a session; raises Refused if it has sent too many."""
        wait = self._messages[session].take()
        if wait > 0:
            most = f"{MESSAGE_BURST:.0f} messages at once and {MESSAGE_RATE * 60:.0f} a minute"
            raise Refused(f"a session may send {most}", hint=f"wait {math.ceil(wait)} s, and put more into one message")


def seconds_to_wait(wish: object, longest: float) -> float:
    """Return how long to wait; raises UsageError for an invalid number."""
    number = wish if isinstance(wish, int | float) and not isinstance(wish, bool) else math.nan
    if not 0 <= number <= LONGEST_WISH:
        message = f"{str(wish)[:40]!r} is not a number of seconds from 0 to {LONGEST_WISH:.0f}"
        raise UsageError(message, hint=f"ask for at most {longest:.0f} seconds, then ask again")
    return min(float(number), longest)


def raise_file_limit(most: int = FILES) -> None:
    """Raise the limit of open files, because every connection needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
