"""The MCP application behind ``/mcp``, loaded late: its libraries take longer than the rest of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from orchestra.service.auth import AllowedHosts, refuse
from orchestra.service.context import ServiceContext, log

if TYPE_CHECKING:
    from orchestra.service.mcp.app import McpApp


class LateMcpApp:
    """Loads `McpApp` in a thread at the first request or when told to; requests wait for it meanwhile."""

    def __init__(self, context: ServiceContext, allowed: AllowedHosts) -> None:
        self._desk, self._allowed = context, allowed
        self._wanted = asyncio.Event()
        self._loaded: asyncio.Future[McpApp] = asyncio.get_running_loop().create_future()

    def load(self) -> None:
        """Begin to load it, unless that has begun."""
        self._wanted.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accept calls for as long as the block lasts."""
        leaving = asyncio.Event()
        # In a task of its own, because what it opens must be closed by the task that opened it.
        opened = asyncio.create_task(self._open(leaving))
        try:
            yield
        finally:
            leaving.set()
            if not self._loaded.done():
                opened.cancel()
            await asyncio.gather(opened, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one MCP request."""
        self.load()
        try:
            app = await asyncio.shield(self._loaded)
        except Exception:  # noqa: BLE001 -- it was logged when it happened
            message = f"the MCP tools cannot be loaded, see the log: {self._desk.project.paths.log}"
            await refuse(500, message)(scope, receive, send)
            return
        await app(scope, receive, send)

    async def _open(self, leaving: asyncio.Event) -> None:
        await self._wanted.wait()
        try:
            app = await self._made()
        except Exception as error:  # noqa: BLE001 -- a library may raise anything while it is loaded
            log.exception("the MCP tools cannot be loaded")
            self._loaded.set_exception(error)
            return
        async with app.open():
            self._loaded.set_result(app)
            await leaving.wait()

    async def _made(self) -> McpApp:
        # Not in a thread of the event loop, which would wait for it when the service ends.
        pool = ThreadPoolExecutor(1, thread_name_prefix="mcp")
        try:
            return await asyncio.wrap_future(pool.submit(self._make))
        finally:
            pool.shutdown(wait=False)

    def _make(self) -> McpApp:
        from orchestra.service.mcp.app import McpApp  # noqa: PLC0415 -- takes longer than all else that the service loads

        return McpApp(self._desk, self._allowed)
