"""What every door of the service shares: the project, who is present, and threads to work in."""

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
from orchestra.service.presence import Presence

log = logging.getLogger("orchestra.service")

ANSWER_DEADLINE = 10.0
"""Seconds an answer may be on its way until the next request does not wait for it any more."""
TEXT_LIMIT = 64 * 1024
"""The longest text an agent may send, in bytes of UTF-8."""

T = TypeVar("T")


def _pool(size: int, name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix=name)


@dataclass(frozen=True, slots=True)
class Desk:
    """The project and the threads that actions run in; hooks have their own, so that no build keeps them waiting."""

    project: Project
    presence: Presence = field(default_factory=Presence)
    actions: ThreadPoolExecutor = field(default_factory=lambda: _pool(32, "action"))
    short: ThreadPoolExecutor = field(default_factory=lambda: _pool(8, "hook"))
    reading: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def act(self, action: Callable[..., T], *args: Any, **keywords: Any) -> T:  # noqa: ANN401 -- passed through
        """Run an action in a thread and return its result; the action finishes even when the caller goes away."""
        return await asyncio.shield(self._submit(self.actions, action, *args, **keywords))

    async def act_soon(self, action: Callable[..., T], *args: Any, **keywords: Any) -> T:  # noqa: ANN401 -- as above
        """Run something short in a thread that no long action occupies."""
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
    """One authenticated session at the desk; ``shown`` are the messages that the answer to its request holds."""

    desk: Desk
    session: Session
    shown: list[int] = field(default_factory=list)
    holds: list[asyncio.Lock] = field(default_factory=list)

    async def read_alone(self, *, deadline: float = ANSWER_DEADLINE) -> None:
        """Wait until no answer on its way to the session holds messages that are not marked yet."""
        lock = self.desk.reading[self.session.id]
        with anyio.move_on_after(deadline):
            await lock.acquire()
            self.holds.append(lock)

    def answered(self) -> None:
        """Let the session's next request read its messages."""
        while self.holds:
            self.holds.pop().release()

    @property
    def name(self) -> str:
        """The session's name; the only sender the caller can have."""
        return self.session.name
