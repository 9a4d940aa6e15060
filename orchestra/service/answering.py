"""Handle the requests of an authenticated caller: limits, bodies, and whether answers were sent."""

from __future__ import annotations

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestra.actions.messaging.messages import mark_read
from orchestra.project import Project
from orchestra.service.auth import CALLER, refuse
from orchestra.service.context import Caller
from orchestra.service.delivery.in_flight import answer_left
from orchestra.service.http_protocol import CONNECTION
from orchestra.service.limits import OPEN_REQUESTS, Connections

BODY_LIMIT = 1024 * 1024
"""The largest request body, in bytes."""
_PATIENCE = 8 * BODY_LIMIT
BODY_DEADLINE = 30.0
"""Seconds a caller may take to send its request."""
BODY = "orchestra.body"
"""The key of the ASGI scope under which `LimitsMiddleware` leaves the body it has read."""


class LimitsMiddleware:
    """Enforce the limits for a caller, and read its request."""

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app, self._connections = app, connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body in the scope, or refuse it."""
        caller: Caller = scope[CALLER]
        session, shares = caller.session.id, caller.context.shares
        if (connection := scope.get("state", {}).get(CONNECTION)) is not None:
            self._connections.showed_token(connection, session)
        with shares.request(session) as admitted:
            if not admitted:
                refusal = refuse(429, f"{caller.name} has {OPEN_REQUESTS} open requests, which is the limit")
                await refusal(scope, receive, send)
                return
            await shares.turn(session)
            body = await self._whole_body(scope, receive, send)
            if body is not None:
                await self._app({**scope, BODY: body}, receive, send)

    async def _whole_body(self, scope: Scope, receive: Receive, send: Send) -> bytes | None:
        try:
            body = await _body(receive)
        except ClientDisconnect:
            return None
        except TimeoutError:
            await refuse(408, "the request took too long to arrive")(scope, receive, send)
            return None
        if body is None:
            await refuse(413, f"a request may have at most {BODY_LIMIT} bytes")(scope, receive, send)
        return body


class AnswerMiddleware:
    """Record the content of an answer once it has been sent, so that an interrupted answer can be repeated."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a caller until it is answered or disconnects."""
        caller: Caller = scope[CALLER]
        try:
            answered = await _while_connected(self._app, scope, scope[BODY], receive, send)
            if answered and (caller.shown or caller.repeatable or caller.answers):
                await caller.context.act_soon(_record_answer, caller)
        finally:
            caller.answered()


def _record_answer(project: Project, caller: Caller) -> None:
    with project.store.together():
        mark_read(project, caller.shown)
        project.store.requests.forget(caller.repeatable)
        if caller.answers:
            answer_left(project, caller.session)


async def _body(receive: Receive) -> bytes | None:
    """Return the body, or None if it is too large; then enough is read for the caller to see the answer."""
    body = bytearray()
    size = 0
    with anyio.fail_after(BODY_DEADLINE):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece = message.get("body", b"")
            size += len(piece)
            if size <= BODY_LIMIT:
                body += piece
            if size > _PATIENCE or not message.get("more_body", False):
                return bytes(body) if size <= BODY_LIMIT else None


async def _while_connected(app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
    """Run the application until it has answered or the caller disconnects; returns whether it answered.

    The library's JSON mode does not notice that the caller has disconnected.
    """
    unread = [body]
    answered = False
    gone = anyio.Event()

    async def replay() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            group.cancel_scope.cancel()

        group.start_soon(watch)
        await app(scope, replay, send)
        answered = True
        group.cancel_scope.cancel()
    return answered
