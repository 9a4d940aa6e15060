"""Receive hook calls, in which agents report what they do and may get messages back."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestra.agents import Family, family_of
from orchestra.errors import OrchestraError, UsageError
from orchestra.lifecycle import age
from orchestra.model import State
from orchestra.service.auth import CALLER
from orchestra.service.context import Caller
from orchestra.service.delivery import hook_reply
from orchestra.service.delivery.wake import LISTEN_EVENT, listen
from orchestra.service.limits import seconds_to_wait

log = logging.getLogger("orchestra.service.hooks")

LAUNCH_EVENT = "Launched"
"""The event just before an agent's program is started."""
START_EVENT = "SessionStart"
"""The event after which an agent may send its first prompt."""
PROMPT_EVENT = "UserPromptSubmit"
"""The event before an agent sends a prompt."""
AWAIT_EVENT = "AwaitMessages"
"""The event with which a program beside an agent waits for messages, which it fetches when the agent is ready."""
LONGEST_AWAIT = 60.0
"""The longest that such a request stays open, in seconds."""
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
_EVENT = re.compile(r"[A-Za-z]{1,40}")


async def take(request: Request, *, tools_deadline: float = TOOLS_DEADLINE) -> Response:
    """Answer ``POST /hooks/{event}``; an error here never makes the agent fail."""
    event = request.path_params["event"]
    if not _EVENT.fullmatch(event):
        return JSONResponse({"error": "no event has this name"}, status_code=404)
    payload = _payload(await request.body())
    if payload is None:
        return JSONResponse({"error": "the body must be a JSON object"}, status_code=400)
    caller: Caller = request.scope[CALLER]
    if event == AWAIT_EVENT:
        try:
            seconds = seconds_to_wait(payload.get("seconds", 0), LONGEST_AWAIT)
        except UsageError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"waiting": await caller.context.arrival(caller.session, AWAIT_EVENT, seconds)})
    if event == LISTEN_EVENT:
        return JSONResponse(await listen(request, payload))
    if event == START_EVENT or (event == PROMPT_EVENT and caller.session.state is State.STARTING):
        # Claude Code connects to MCP servers while it sends the first prompt, which would go out without tools.
        await _tools_fetched(caller, tools_deadline)
    if event == LAUNCH_EVENT:
        caller.context.presence.starts(caller.session.id)
    if event == PROMPT_EVENT and _has_trait(caller, lambda family: family.TOOLS_LATE):
        begins = caller.session.state is State.STARTING
        held = caller.context.presence.takes_in(
            caller.session.id, begins=begins, least=TAKEN_IN, quick=QUICK, longest=LATEST
        )
        await anyio.sleep(held)
    return JSONResponse(await _reply(caller, event, payload))


def _payload(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body or b"{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_number(text: str) -> None:
    """Refuse numbers that Python accepts but JSON does not have."""
    raise ValueError(text)


async def _tools_fetched(caller: Caller, deadline: float) -> None:
    session = caller.session
    begun = monotonic()
    since = age(session.state_since, datetime.now(UTC)) if session.state is State.STARTING else _RECENT
    with anyio.move_on_after(deadline):
        while True:
            if caller.context.presence.has_tools(session.id, within=since + monotonic() - begun):
                return
            await anyio.sleep(_SHORT_POLL)


def _has_trait(caller: Caller, trait: Callable[[Family], bool]) -> bool:
    try:
        return trait(family_of(caller.context.project.profile(caller.session.agent)))
    except OrchestraError:
        return False


async def _reply(caller: Caller, event: str, payload: dict[str, Any]) -> dict[str, Any]:
    # One at a time: the messages in an earlier reply count as delivered once it has been sent.
    await caller.read_alone()
    try:
        reply = await caller.context.act_soon(
            hook_reply.take_hook, caller.session, event, payload, presence=caller.context.presence
        )
        caller.answers.extend([reply] if reply else [])
        return reply
    except OrchestraError as error:
        log.warning("hook %s of %s: %s", event, caller.name, error)
    except Exception:  # an agent's turn must not depend on a bug of ours
        log.exception("hook %s of %s", event, caller.name)
    return {}
