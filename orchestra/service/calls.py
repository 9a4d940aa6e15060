"""What every tool needs: the caller, a permitted target, a checked text, and answers a model can read."""

from __future__ import annotations

import json
from typing import Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent

from orchestra.actions import access
from orchestra.actions.message import quoted
from orchestra.errors import UsageError
from orchestra.model import Message, Session
from orchestra.names import MAIN
from orchestra.project import Project
from orchestra.service.auth import CALLER
from orchestra.service.desk import TEXT_LIMIT, Caller
from orchestra.wire import plain

AnyContext = Context[Any, Any]
_LONGEST_KEY = 200


def calling(context: AnyContext) -> Caller:
    """Return who calls a tool, as the gate found out from the request's token."""
    request: Any = context.request_context.request
    caller: Caller = request.scope[CALLER]
    return caller


def once(context: AnyContext) -> str | None:
    """Return the ``Idempotency-Key`` header: a caller that repeats itself under one key is heard once."""
    request: Any = context.request_context.request
    key: str | None = request.headers.get("idempotency-key")
    return key[:_LONGEST_KEY] if key else None


async def target(caller: Caller, action: str, session_id: str) -> Session:
    """Return the session an action is about, by default the caller's; raises NotFound and NotAllowed."""
    name = session_id.strip() or caller.name
    session = await caller.desk.act(_session, name)
    access.permit(caller.session, action, session)
    return session


def _session(project: Project, name: str) -> Session:
    return project.store.session(name)


def check(text: str, what: str) -> str:
    """Return the text; raises UsageError for one longer than `TEXT_LIMIT`."""
    size = len(text.encode("utf-8", "replace"))
    if size > TEXT_LIMIT:
        message = f"{what} has {size} bytes; at most {TEXT_LIMIT} are taken"
        raise UsageError(message, hint="write the long part to a file in your worktree and name the file")
    return text


def answer(value: object) -> CallToolResult:
    """Return a tool's result: text as it is, everything else as JSON, also in structured form."""
    data = plain(value)
    if isinstance(data, str):
        return CallToolResult(content=[TextContent(text=data)])
    structured = data if isinstance(data, dict) else {"result": data}
    return CallToolResult(
        content=[TextContent(text=json.dumps(data, ensure_ascii=False, indent=1))],
        structured_content=structured,
    )


def handed(messages: list[Message]) -> CallToolResult:
    """Return messages as a tool's result: quoted and labelled for the model, and as data."""
    text = quoted(messages) if messages else "No new messages."
    return CallToolResult(content=[TextContent(text=text)], structured_content={"messages": plain(messages)})


def refused(text: str) -> CallToolResult:
    """Return a tool's failure, in words."""
    return CallToolResult(content=[TextContent(text=text)], is_error=True)


def recipient(session_id: str) -> str:
    """Return the recipient a caller means; nothing, and ``main``, is the designer."""
    return session_id.strip() or MAIN
