"""The shared context of the service: the project, the callers, and threads to work in."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio

from orchestra.model import Session
from orchestra.project import Project
from orchestra.service.changes import Changes
from orchestra.service.delivery.presence import Presence
from orchestra.service.limits import Shares
from orchestra.service.tool_hold import ToolHold
from orchestra.service.waiting_hooks import WaitingHooks
from orchestra.store import Store

log = logging.getLogger("orchestra.service")

ANSWER_DEADLINE = 10.0
"""Seconds after which the next request no longer waits for an answer that is being sent."""
TEXT_LIMIT = 64 * 1024
"""The longest text an agent may send, in bytes of UTF-8."""

T = TypeVar("T")


def _pool(size: int, name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix=name)


class Queued:
    """Who has queued messages, read once after each change; only used in the event loop's thread."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store, self._changes = store, changes
        self._version = -1
        self._sessions: set[int] = set()

    def has(self, session: int) -> bool:
        """Return whether a message is queued for a session."""
        if self._version != self._changes.version:
            self._version, self._sessions = self._changes.version, self._store.messages.waited_for()
        return session in self._sessions


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The project and the threads that actions run in.

    Hooks have their own threads, so that no build delays them, and so has the person.
    """

    project: Project
    presence: Presence = field(default_factory=Presence)
    tools: ToolHold = field(default_factory=ToolHold)
    waiting: WaitingHooks = field(default_factory=WaitingHooks)
    actions: ThreadPoolExecutor = field(default_factory=lambda: _pool(32, "action"))
    short: ThreadPoolExecutor = field(default_factory=lambda: _pool(8, "hook"))
    local: ThreadPoolExecutor = field(default_factory=lambda: _pool(16, "local"))
    shares: Shares = field(default_factory=Shares)
    changes: Changes = field(init=False)
    queued: Queued = field(init=False)
    reading: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    sending: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", Changes(self.project.store.data_version))
        object.__setattr__(self, "queued", Queued(self.project.store, self.changes))

    async def act(self, action: Callable[..., T], *args: Any, **keywords: Any) -> T:  # noqa: ANN401 -- passed through
        """Run an action in a thread and return its result; the action finishes even when the caller goes away."""
        return await asyncio.shield(self._submit(self.actions, action, *args, **keywords))

    async def act_soon(self, action: Callable[..., T], *args: Any, **keywords: Any) -> T:  # noqa: ANN401 -- as above
        """Run something short in a thread that is never used for long actions."""
        return await asyncio.shield(self._submit(self.short, action, *args, **keywords))

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        action: Callable[..., T],
        *args: Any,  # noqa: ANN401 -- passed through
        **keywords: Any,  # noqa: ANN401 -- passed through
    ) -> asyncio.Future[T]:
        return asyncio.wrap_future(pool.submit(action, self.project, *args, **keywords))


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated session of a request.

    ``shown`` are the messages in the answer to its request, ``repeatable`` the requests that count
    as the same if they are repeated before the answer was sent, ``answers`` the replies to hooks
    that contain messages.
    """

    context: ServiceContext
    session: Session
    shown: list[int] = field(default_factory=list)
    repeatable: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    holds: list[asyncio.Lock] = field(default_factory=list)

    async def act(self, action: Callable[..., T], *args: Any, **keywords: Any) -> T:  # noqa: ANN401 -- passed through
        """Run an action for this session in a thread; one session cannot use all threads."""
        async with self.context.shares.actions(self.session.id):
            return await self.context.act(action, *args, **keywords)

    async def read_alone(self, *, deadline: float = ANSWER_DEADLINE) -> None:
        """Wait until every earlier answer with messages to the session is sent and marked."""
        await self._hold(self.context.reading[self.session.id], deadline)

    async def send_alone(self, *, deadline: float = ANSWER_DEADLINE) -> None:
        """Wait until the answer to the earlier message of the session is sent or lost."""
        await self._hold(self.context.sending[self.session.id], deadline)

    async def _hold(self, lock: asyncio.Lock, deadline: float) -> None:
        with anyio.move_on_after(deadline):
            await lock.acquire()
            self.holds.append(lock)

    def answered(self) -> None:
        """Let the session's next request read its messages."""
        while self.holds:
            self.holds.pop().release()

    @property
    def name(self) -> str:
        """The session's name, which is the sender of its messages."""
        return self.session.name
