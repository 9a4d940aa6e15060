"""How much one caller may ask of the service; docs/reliability.md lists these numbers."""

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
"""Connections from one address on which nobody has shown a token yet; the oldest ends for one more."""
STRANGERS = 256
"""The same, from all addresses."""
CONNECTIONS_PER_SESSION = 64
"""Connections that one session keeps open; the oldest ends for one more."""
HEAD_LIMIT = 16 * 1024
"""The largest head of a request, in bytes."""
HEAD_DEADLINE = 10.0
"""Seconds from a connection's or a request's first byte until its head must have arrived."""
OPEN_REQUESTS = 32
"""Requests of one session that are being answered at a time; one more is refused with 429."""
REQUEST_RATE, REQUEST_BURST = 50.0, 200.0
"""Requests of one session in a second, and at once; more of them wait."""
MESSAGE_RATE, MESSAGE_BURST = 5.0, 300.0
"""Messages of one session in a second, and at once; more are refused."""
ACTIONS_PER_SESSION = 8
"""Tool calls of one session that work at a time; more of them wait."""
REFUSAL_DELAY = 0.2
"""Seconds until a wrong token is answered, so that few can be tried."""
LOCAL_CONNECTIONS = 256
"""Connections to the local socket; one more is closed at once."""
LOCAL_DEADLINE = 60.0
"""Seconds until a connection to the local socket must have asked for something."""
LONGEST_WISH = 3600.0
"""The most seconds that a caller may wish to wait; how long it does wait is shorter."""
FILES = 8192
"""The file descriptors that the service asks the system for."""


class Connection(Protocol):
    """One open HTTP connection."""

    @property
    def address(self) -> str:
        """Where it comes from."""

    def drop(self) -> None:
        """End it at once."""


class Connections:
    """Who is connected; used in the event loop's thread alone.

    Strangers make room for strangers and a session for itself, so nobody keeps anybody else out by being there first.
    """

    def __init__(self) -> None:
        self._strangers: dict[Connection, str] = {}
        self._known: dict[Connection, int] = {}

    def opened(self, connection: Connection) -> None:
        """Note a new connection, of which nothing is known yet."""
        self._strangers[connection] = connection.address
        of_address = [one for one, address in self._strangers.items() if address == connection.address]
        self._end_oldest(of_address, STRANGERS_PER_ADDRESS)
        self._end_oldest(list(self._strangers), STRANGERS)

    def showed_token(self, connection: Connection, session: int) -> None:
        """Note that a session's token came over a connection."""
        self._strangers.pop(connection, None)
        self._known[connection] = session
        self._end_oldest([one for one, owner in self._known.items() if owner == session], CONNECTIONS_PER_SESSION)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def _end_oldest(self, connections: list[Connection], most: int) -> None:
        for one in connections[: max(0, len(connections) - most)]:
            self.closed(one)
            one.drop()


class Bucket:
    """A rate: so much in a second, and so much at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = burst, clock()

    def take(self) -> float:
        """Take one, and return 0; or return for how many seconds there is none to take."""
        now = self._clock()
        self._left, self._at = min(self._burst, self._left + (now - self._at) * self._rate), now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0


class Shares:
    """What each session uses of the service now; the event loop's thread alone counts requests."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._requests: defaultdict[int, Bucket] = defaultdict(lambda: Bucket(REQUEST_RATE, REQUEST_BURST))
        self._messages: defaultdict[int, Bucket] = defaultdict(lambda: Bucket(MESSAGE_RATE, MESSAGE_BURST))
        self._actions: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(ACTIONS_PER_SESSION))

    @contextmanager
    def request(self, session: int) -> Iterator[bool]:
        """Count a request for as long as the block lasts; False where the session has too many of them."""
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
        """Return what a session's tool calls pass through."""
        return self._actions[session]

    def message(self, session: int) -> None:
        """Count a message that a session sends; raises Refused where it has sent too many."""
        wait = self._messages[session].take()
        if wait > 0:
            most = f"{MESSAGE_BURST:.0f} messages at once and {MESSAGE_RATE * 60:.0f} a minute"
            raise Refused(f"a session may send {most}", hint=f"wait {math.ceil(wait)} s, and put more into one message")


def seconds_to_wait(wish: object, longest: float) -> float:
    """Return how long to wait; raises UsageError for a wish that is no such number."""
    number = wish if isinstance(wish, int | float) and not isinstance(wish, bool) else math.nan
    if not 0 <= number <= LONGEST_WISH:
        message = f"{str(wish)[:40]!r} is not a number of seconds from 0 to {LONGEST_WISH:.0f}"
        raise UsageError(message, hint=f"ask for at most {longest:.0f} seconds, then ask again")
    return min(float(number), longest)


def raise_file_limit(most: int = FILES) -> None:
    """Ask the system for more open files; every connection takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
