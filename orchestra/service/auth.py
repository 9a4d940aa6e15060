"""Authentication: check Host and Origin, then the bearer token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import anyio
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestra.model import Intent, Session
from orchestra.project import Project
from orchestra.service.context import Caller, ServiceContext
from orchestra.service.limits import REFUSAL_DELAY

CALLER = "orchestra.caller"
"""The key of the `Caller` in the ASGI scope behind `AuthMiddleware`."""


def fingerprint(token: str) -> str:
    """Return the stored form of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def session_of(project: Project, token: str) -> Session | None:
    """Return the session of a token; deleted sessions have none."""
    wanted = fingerprint(token)
    session = project.store.sessions.by_token(wanted) if token else None
    if session is None or not hmac.compare_digest(session.token_hash, wanted):
        return None
    return None if session.deleted_at or session.intent is Intent.DELETE else session


class AllowedHosts:
    """The allowed ``host:port`` pairs of requests; the container network adds one."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.hosts: set[str] = set(hosts)

    def refusal(self, headers: Headers) -> Response | None:
        """Return the refusal of a request from a foreign web page or host name, or None for an allowed one."""
        if headers.get("host", "") not in self.hosts:
            return refuse(421, "host not allowed")
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return refuse(403, "origin not allowed")
        return None


class HostMiddleware:
    """Refuse requests with another Host or Origin.

    Starlette's own TrustedHostMiddleware (1.10) compares names without ports, with a fixed list.
    """

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app, self._allowed = app, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on an allowed request."""
        await (self._allowed.refusal(Headers(scope=scope)) or self._app)(scope, receive, send)


class AuthMiddleware:
    """Identify the calling session by its bearer token."""

    def __init__(self, app: ASGIApp, context: ServiceContext) -> None:
        self._app, self._desk = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with its caller in the scope, or refuse it."""
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        caller = await self._caller(token.strip()) if kind.lower() == "bearer" else None
        if caller is not None:
            await self._app({**scope, CALLER: caller}, receive, send)
            return
        await anyio.sleep(REFUSAL_DELAY)
        await refuse(401, "no session has this token", {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    async def _caller(self, token: str) -> Caller | None:
        session = await self._desk.act_soon(session_of, token)
        return Caller(self._desk, session) if session else None


def refuse(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """Return a refusal, after which the connection is closed."""
    return JSONResponse({"error": message}, status_code=status, headers={"Connection": "close", **(headers or {})})
