"""Who calls, and whether to listen: Host, Origin, bearer token, size, and callers that hang up."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import anyio
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestra.actions.evidence import answer_left
from orchestra.actions.message import mark_read
from orchestra.model import Intent, Session
from orchestra.project import Project
from orchestra.service.desk import Caller, Desk
from orchestra.service.http import CONNECTION
from orchestra.service.limits import OPEN_REQUESTS, REFUSAL_DELAY, Connections

CALLER = "orchestra.caller"
"""The key of the ASGI scope under which the applications behind the gate find their `Caller`."""
BODY_LIMIT = 1024 * 1024
"""The largest request body, in bytes."""
_PATIENCE = 8 * BODY_LIMIT
BODY_DEADLINE = 30.0
"""Seconds a caller may take to send its request."""


def fingerprint(token: str) -> str:
    """Return what is stored of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def session_of(project: Project, token: str) -> Session | None:
    """Return the session that a token belongs to; a deleted session's token belongs to nobody."""
    wanted = fingerprint(token)
    session = project.store.session_by_token(wanted) if token else None
    if session is None or not hmac.compare_digest(session.token_hash, wanted):
        return None
    return None if session.deleted_at or session.intent is Intent.DELETE else session


class Addresses:
    """The ``host:port`` pairs that requests may name; one more when a container network appears."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.hosts: set[str] = set(hosts)

    def refusal(self, headers: Headers) -> Response | None:
        """Return the answer to a request that a foreign web page or name led here, or None for a good one."""
        if headers.get("host", "") not in self.hosts:
            return _refuse(421, "this service has another name")
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return _refuse(403, "requests from other origins are refused")
        return None


class Gate:
    """The ASGI application in front of all others."""

    def __init__(self, desk: Desk, addresses: Addresses, connections: Connections, inner: ASGIApp) -> None:
        self._desk = desk
        self._connections = connections
        self._addresses = addresses
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller named in the scope, or refuse it."""
        headers = Headers(scope=scope)
        refusal = self._addresses.refusal(headers)
        caller = None if refusal else await self._caller(headers)
        if refusal is None and caller is None:
            await anyio.sleep(REFUSAL_DELAY)
            refusal = _refuse(401, "no session has this token", {"WWW-Authenticate": "Bearer"})
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if caller is not None:
            await self._admit(caller, scope, receive, send)

    async def _admit(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a known caller, as far as it does not ask for too much at once."""
        number, connection = caller.session.id, scope.get("state", {}).get(CONNECTION)
        if connection is not None:
            self._connections.showed_token(connection, number)
        with self._desk.shares.request(number) as admitted:
            if not admitted:
                await _refuse(429, f"{caller.name} has {OPEN_REQUESTS} open requests, the most it may")(
                    scope, receive, send
                )
                return
            await self._desk.shares.turn(number)
            body = await self._whole_body(scope, receive, send)
            if body is not None:
                await self._serve({**scope, CALLER: caller}, caller, body, receive, send)

    async def _whole_body(self, scope: Scope, receive: Receive, send: Send) -> bytes | None:
        try:
            body = await _body(receive)
        except ClientDisconnect:
            return None
        except TimeoutError:
            await _refuse(408, "the request took too long to arrive")(scope, receive, send)
            return None
        if body is None:
            await _refuse(413, f"a request may have {BODY_LIMIT} bytes")(scope, receive, send)
        return body

    async def _serve(self, scope: Scope, caller: Caller, body: bytes, receive: Receive, send: Send) -> None:
        try:
            answered = await _while_connected(self._inner, scope, body, receive, send)
            if answered and (caller.shown or caller.repeatable or caller.answers):
                # Only now: what was killed before its answer left is asked for again, and found again.
                await self._desk.act_soon(_settle, caller)
        finally:
            caller.answered()

    async def _caller(self, headers: Headers) -> Caller | None:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        session = await self._desk.act_soon(session_of, token.strip())
        return Caller(self._desk, session) if session else None


def _settle(project: Project, caller: Caller) -> None:
    with project.store.together():
        mark_read(project, caller.shown)
        project.store.forget_requests(caller.repeatable)
        if caller.answers:
            answer_left(project, caller.session)


def _refuse(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status_code=status, headers={"Connection": "close", **(headers or {})})


async def _body(receive: Receive) -> bytes | None:
    """Return the body, or None for one that is too large, of which enough is read for the caller to see the answer."""
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
    """Run the application until it has answered or the caller hangs up, and say whether it answered.

    The library's JSON mode does not look whether the caller is still there.
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
