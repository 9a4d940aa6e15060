"""Helpers for tools: the caller, a permitted target, a checked text, and results that a model can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent

from orchestra.actions import permissions
from orchestra.actions.messaging.messages import quoted
from orchestra.errors import UsageError
from orchestra.lifecycle import age
from orchestra.model import Message, Session
from orchestra.names import MAIN, digest
from orchestra.project import Project
from orchestra.protocol import plain
from orchestra.service.auth import CALLER
from orchestra.service.context import TEXT_LIMIT, Caller

AnyContext = Context[Any, Any]
REPEATED_WITHIN = 60.0
"""Seconds within which a repeated call counts as the same if its answer was not sent."""
_LONGEST_KEY = 200


def calling(context: AnyContext) -> Caller:
    """Return the caller of a tool, as authenticated by the request's token."""
    request: Any = context.request_context.request
    caller: Caller = request.scope[CALLER]
    return caller


def once(context: AnyContext) -> str | None:
    """Return the ``Idempotency-Key`` header: repeated calls with one key are done once."""
    request: Any = context.request_context.request
    key: str | None = request.headers.get("idempotency-key")
    return key[:_LONGEST_KEY] if key else None


def sent_once(project: Project, caller: Caller, about: list[str], send: Callable[[], Message]) -> Message:
    """Send a message, or return the one that the same call sent before if its answer was not sent since.

    A client that lost its connection repeats the call; one that has its answer means a second
    message.
    """
    store, key = project.store, f"{caller.session.id}.{digest(json.dumps(about), 32)}"
    with store.together():
        before = store.requests.get(key)
        sent = store.messages.get(int(before.answer)) if before is not None and before.answer else None
        if before is None or sent is None or age(before.begun_at, store.now()) > REPEATED_WITHIN:
            store.requests.forget([key])
            store.requests.begin(key, about[0], "")
            sent = send()
            store.requests.answer(key, str(sent.id))
    caller.repeatable.append(key)
    return sent


async def target(caller: Caller, action: str, session_id: str) -> Session:
    """Return the target session of an action, by default the caller's; raises NotFound and NotAllowed."""
    name = session_id.strip() or caller.name
    session = await caller.context.act(_session, name)
    permissions.permit(caller.session, action, session)
    return session


def _session(project: Project, name: str) -> Session:
    return project.store.sessions.get(name)


def check(text: str, what: str) -> str:
    """Return the text; raises UsageError for one longer than `TEXT_LIMIT`."""
    size = len(text.encode("utf-8", "replace"))
    if size > TEXT_LIMIT:
        message = f"{what} has {size} bytes, but the limit is {TEXT_LIMIT}"
        raise UsageError(message, hint="write the long part to a file in your worktree and send its name")
    return text


def answer(value: object) -> CallToolResult:
    """Return a tool's result: text unchanged, everything else as JSON and as structured content."""
    data = plain(value)
    if isinstance(data, str):
        return CallToolResult(content=[TextContent(text=data)])
    structured = data if isinstance(data, dict) else {"result": data}
    return CallToolResult(
        content=[TextContent(text=json.dumps(data, ensure_ascii=False, indent=1))],
        structured_content=structured,
    )


def handed(messages: list[Message], *, more: bool = False) -> CallToolResult:
    """Return messages as a tool's result: quoted with their senders for the model, and as data."""
    text = quoted(messages) if messages else "No new messages."
    if more:
        text = f"{text}\n\n(There are more messages: call read_messages again.)"
    return CallToolResult(content=[TextContent(text=text)], structured_content={"messages": plain(messages)})


def refused(text: str) -> CallToolResult:
    """Return a tool's failure as text."""
    return CallToolResult(content=[TextContent(text=text)], is_error=True)


def recipient(session_id: str) -> str:
    """Return the recipient of a message; an empty name and ``main`` are the designer."""
    return session_id.strip() or MAIN
