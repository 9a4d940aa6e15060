"""Receive hook calls, in which agents report what they do and may get messages back."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestra.errors import OrchestraError, UsageError
from orchestra.service import permission_wait
from orchestra.service.auth import CALLER
from orchestra.service.context import Caller
from orchestra.service.delivery import hook_reply
from orchestra.service.delivery.pull import arrival
from orchestra.service.delivery.wake import LISTEN_EVENT, listen
from orchestra.service.limits import seconds_to_wait
from orchestra.service.permission_wait import ASK_EVENT
from orchestra.service.tool_hold import hold

log = logging.getLogger("orchestra.service.hooks")

AWAIT_EVENT = "AwaitMessages"
"""The event with which a program beside an agent waits for messages, which it fetches when the agent is ready."""
LONGEST_AWAIT = 60.0
"""The longest that such a request stays open, in seconds."""
_EVENT = re.compile(r"[A-Za-z]{1,40}")


async def take(request: Request) -> Response:
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
        return JSONResponse({"waiting": await arrival(caller.context, caller.session, AWAIT_EVENT, seconds)})
    if event == ASK_EVENT:
        return JSONResponse(await permission_wait.ask(caller, payload))
    if event == LISTEN_EVENT:
        return JSONResponse(await listen(request, payload))
    await hold(caller, event)
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


async def _reply(caller: Caller, event: str, payload: dict[str, Any]) -> dict[str, Any]:
    # One at a time: the messages in an earlier reply count as delivered once it has been sent.
    await caller.read_alone()
    try:
        if denial := await caller.context.act_soon(permission_wait.denial, caller.session, event, payload):
            return denial
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
