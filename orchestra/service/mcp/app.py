"""The MCP servers, one per role, so that each role sees only its own tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import UnexpectedToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, InputRequiredResult
from starlette.types import Receive, Scope, Send

from orchestra import __version__
from orchestra.errors import OrchestraError
from orchestra.model import Role
from orchestra.service.answering import BODY_LIMIT
from orchestra.service.auth import CALLER, AllowedHosts
from orchestra.service.context import Caller, ServiceContext, log
from orchestra.service.mcp.tool_support import refused
from orchestra.service.mcp.tools import TOOLS

_TELLS_KINDS = frozenset({"initialize", "server/discover"})
_SHOWS_TOOLS = frozenset({"tools/list", "tools/call"})


class RoleServer(MCPServer[Any]):
    """An MCP server with the tools of one role."""

    def __init__(self, role: Role, context: ServiceContext) -> None:
        super().__init__("orchestra", version=__version__, log_level="WARNING", subscriptions=False)
        self._role = role
        self._log = context.project.paths.log
        self.middleware.append(_note_presence)
        for tool in TOOLS[role]:
            self.add_tool(tool, structured_output=False)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; our own errors become tool failures, everything else is logged."""
        others = {tool.__name__: role for role, tools in TOOLS.items() for tool in tools if role is not self._role}
        own = {tool.__name__ for tool in TOOLS[self._role]}
        if name in others and name not in own:
            return refused(
                f"{name} is a tool of the {others[name]}; you are an {self._role}"
                if self._role is Role.EXECUTOR
                else f"{name} is a tool of executors; you are the designer"
            )
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as error:
            cause = error.__cause__
            if isinstance(cause, OrchestraError):
                return refused(str(cause))
            log.error("tool %s", name, exc_info=cause)
            return refused(f"internal error, see the log: {self._log}")


async def _note_presence(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    result = await call_next(ctx)
    if ctx.method in _TELLS_KINDS and isinstance(result, dict):
        # There are no prompts or resources; an agent that does not ask for them has its tools sooner.
        for kind in ("prompts", "resources"):
            result["capabilities"].pop(kind, None)
    if ctx.method in _SHOWS_TOOLS and ctx.request is not None:
        caller: Caller = ctx.request.scope[CALLER]
        caller.context.tools.saw_tools(caller.session.id)
    return result


class McpApp:
    """The ASGI application behind ``/mcp``, which passes each caller to the server of its role."""

    def __init__(self, context: ServiceContext, allowed: AllowedHosts) -> None:
        self._allowed = allowed
        self._security = TransportSecuritySettings(enable_dns_rebinding_protection=True)
        self._servers = {role: RoleServer(role, context) for role in Role}
        for server in self._servers.values():
            server.streamable_http_app(
                stateless_http=True,
                json_response=True,
                max_request_body_size=BODY_LIMIT,
                transport_security=self._security,
            )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accept calls for as long as the block lasts."""
        async with AsyncExitStack() as stack:
            for server in self._servers.values():
                await stack.enter_async_context(server.session_manager.run())
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one MCP request."""
        self._security.allowed_hosts = sorted(self._allowed.hosts)
        self._security.allowed_origins = [f"http://{host}" for host in self._security.allowed_hosts]
        caller: Caller = scope[CALLER]
        await self._servers[caller.session.role].session_manager.handle_request(scope, receive, send)
