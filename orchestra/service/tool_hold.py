"""Hold back an agent whose request would otherwise go out without the tools that it fetches."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from orchestra.agents import Family, family_of
from orchestra.errors import OrchestraError
from orchestra.lifecycle import age
from orchestra.model import State

if TYPE_CHECKING:
    from orchestra.service.context import Caller

LAUNCH_EVENT = "Launched"
"""The event just before an agent's program is started."""
START_EVENT = "SessionStart"
"""The event after which an agent may send its first prompt."""
PROMPT_EVENT = "UserPromptSubmit"
"""The event before an agent sends a prompt."""
TOOLS_DEADLINE = 5.0
"""Seconds for which an agent that has not fetched its tools is held back."""
TAKEN_IN = 0.1
"""Seconds after which an agent that fetched its tools uses them in its next request (Claude Code 2.1.197: 0.06)."""
QUICK = 0.7
"""Seconds from its launch until then on an idle machine."""
LATEST = 2.0
"""The most seconds by which it is held longer on a busy machine."""
_SHORT_POLL = 0.005
_RECENT = 3.0


@dataclass(slots=True)
class _Seen:
    """When an agent was launched, first requested its tools after that, and last requested or called one."""

    started: float | None = None
    fetched: float | None = None
    tools: float | None = None


class ToolHold:
    """Which sessions have their tools, and since when; nothing of it must survive a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: defaultdict[int, _Seen] = defaultdict(_Seen)

    def saw_tools(self, session: int) -> None:
        """Record that the session's agent has requested its tools or called one."""
        with self._lock:
            seen = self._seen[session]
            seen.tools = now = monotonic()
            seen.fetched = now if seen.fetched is None else seen.fetched

    def starts(self, session: int) -> None:
        """Record that the session's agent is being started."""
        with self._lock:
            self._seen[session].started, self._seen[session].fetched = monotonic(), None

    def takes_in(self, session: int, *, begins: bool, least: float, quick: float, longest: float) -> float:
        """Return for how many seconds an agent is held back until it uses the tools that it requested.

        This is ``least``, plus twice the time beyond ``quick`` since its launch, up to ``longest``,
        because everything takes longer on a busy machine. It counts from the first request or, for
        an agent that ``begins``, from now, because it may have made the request long before it can
        use the answer.
        """
        now = monotonic()
        with self._lock:
            asked, started = self._seen[session].fetched, self._seen[session].started
        since = now if begins else asked
        if since is None:
            return 0.0
        late = since - started - quick if started is not None else 0.0
        return max(0.0, least + min(max(0.0, 2 * late), longest) - (now - since))

    def has_tools(self, session: int, *, within: float) -> bool:
        """Return whether the session's agent has requested its tools in the last ``within`` seconds."""
        with self._lock:
            seen = self._seen[session].tools
        return seen is not None and monotonic() - seen <= within


async def hold(caller: Caller, event: str, *, deadline: float = TOOLS_DEADLINE) -> None:
    """Hold back an agent before its event is answered; at most ``deadline`` seconds until it requests its tools."""
    tools, session = caller.context.tools, caller.session
    begins = session.state is State.STARTING
    if event == START_EVENT or (event == PROMPT_EVENT and begins):
        # Claude Code connects to MCP servers while it sends the first prompt, which would go out without tools.
        await _fetched(caller, deadline)
    if event == LAUNCH_EVENT:
        tools.starts(session.id)
    if event == PROMPT_EVENT and _has_trait(caller, lambda family: family.TOOLS_LATE):
        held = tools.takes_in(session.id, begins=begins, least=TAKEN_IN, quick=QUICK, longest=LATEST)
        await anyio.sleep(held)


async def _fetched(caller: Caller, deadline: float) -> None:
    session = caller.session
    begun = monotonic()
    since = age(session.state_since, datetime.now(UTC)) if session.state is State.STARTING else _RECENT
    with anyio.move_on_after(deadline):
        while True:
            if caller.context.tools.has_tools(session.id, within=since + monotonic() - begun):
                return
            await anyio.sleep(_SHORT_POLL)


def _has_trait(caller: Caller, trait: Callable[[Family], bool]) -> bool:
    try:
        return trait(family_of(caller.context.project.profile(caller.session.agent)))
    except OrchestraError:
        return False
