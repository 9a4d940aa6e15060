"""The service: MCP, hooks, the local socket and the watcher, in one process for one project."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import Future, ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from orchestra.actions.session.troubles import Trouble
from orchestra.actions.workspace import recover
from orchestra.errors import OrchestraError
from orchestra.lifecycle import ENDED
from orchestra.model import SandboxKind
from orchestra.project import Project
from orchestra.service import hooks, permission_wait
from orchestra.service.action_socket import ActionSocket
from orchestra.service.answering import AnswerMiddleware, LimitsMiddleware
from orchestra.service.auth import AllowedHosts, AuthMiddleware, HostMiddleware
from orchestra.service.context import ServiceContext, log
from orchestra.service.follower import Follower
from orchestra.service.forecaster import ForecastKeeper
from orchestra.service.http_servers import Listeners, loopback_socket
from orchestra.service.lander import Lander
from orchestra.service.limits import Connections
from orchestra.service.mcp.late import LateMcpApp
from orchestra.service.oversight import Oversight
from orchestra.service.pull_watch import PullWatch
from orchestra.service.summarizer import Summarizer
from orchestra.service.watch.watcher import Watcher

FINISH_DEADLINE = 10.0
"""Seconds for running actions when the service is asked to end."""
GATEWAY_PERIOD = 10.0
"""Seconds between two checks of the address of the container network."""
GATEWAY_WANTED = 0.3
"""Seconds between two checks while no address is known, because an agent calls soon after its container starts."""
_ASKED_WITHIN = 0.3
"""Seconds within which a command that starts the service asks it for what it started it for."""
_QUIET = 1.0
"""Seconds without an action of the person's after which the MCP tools are loaded, before any agent asks for them."""


def application(context: ServiceContext, allowed: AllowedHosts, connections: Connections, mcp: ASGIApp) -> Starlette:
    """Return the ASGI application that all listeners share."""
    return Starlette(
        routes=[Route("/mcp", mcp), Route("/mcp/", mcp), Route("/hooks/{event}", hooks.take, methods=["POST"])],
        middleware=[
            Middleware(HostMiddleware, allowed=allowed),
            Middleware(AuthMiddleware, context=context),
            Middleware(LimitsMiddleware, connections=connections),
            Middleware(AnswerMiddleware),
        ],
        exception_handlers={HTTPException: _in_json},
    )


async def _in_json(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


class Service:
    """Everything that runs in the process."""

    def __init__(self, project: Project) -> None:
        self._desk = ServiceContext(project)
        allowed, connections = AllowedHosts(), Connections()
        self._mcp = LateMcpApp(self._desk, allowed)
        app = application(self._desk, allowed, connections, self._mcp)
        self._listeners = Listeners(app, allowed, connections)
        self._leaving = asyncio.Event()
        self._socket = ActionSocket(self._desk, lambda: self._listeners.port, self._leaving.set)

    async def serve(self) -> None:
        """Serve until SIGTERM, SIGINT or a ``quit`` on the local socket."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leaving.set)
        project = self._desk.project
        oversight, summarizer, lander = Oversight(project), Summarizer(project), Lander(project)
        forecast = ForecastKeeper(project)
        follower, pulls = Follower(project), PullWatch(project)

        def changed() -> None:
            oversight.ring()
            summarizer.tell()
            lander.wake()
            forecast.tell()
            follower.wake()
            pulls.wake()

        watcher = Watcher(
            project,
            self._desk.presence,
            vanished=lambda: loop.call_soon_threadsafe(self._leaving.set),
            written=lambda: loop.call_soon_threadsafe(self._desk.changes.tell),
            changed=changed,
        )
        async with self._mcp.open():
            self._listeners.listen(await asyncio.to_thread(loopback_socket, project))
            door = await self._socket.open(project.paths.socket)
            work = (self._follow_gateway(), self._load_when_quiet(), self._reconcile())
            beside = [asyncio.create_task(each) for each in work]
            permission_wait.look_after(self._desk)
            watcher.start()
            oversight.start()
            summarizer.start()
            lander.start()
            forecast.start()
            follower.start()
            pulls.start()
            await self._leaving.wait()
            log.info("leaving")
            door.close()
            for task in beside:
                task.cancel()
            self._desk.waiting.stop()
            ends = (
                asyncio.to_thread(each.stop)
                for each in (watcher, oversight, summarizer, lander, forecast, follower, pulls)
            )
            await asyncio.gather(self._socket.finish(deadline=FINISH_DEADLINE), *ends)
            await self._listeners.close()
        project.paths.socket.unlink(missing_ok=True)

    async def _reconcile(self) -> None:
        """Settle the sessions, unless whoever started the service for it has just done that."""
        await asyncio.sleep(_ASKED_WITHIN)
        if await self._socket.has_done("up", "reconcile"):
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="reconcile")
        pool.submit(recover.reconcile, self._desk.project).add_done_callback(_log_troubles)
        pool.shutdown(wait=False)

    async def _load_when_quiet(self) -> None:
        """Load the MCP tools once nothing else is done: what a person waits for goes first."""
        await self._socket.until_quiet(_QUIET)
        self._mcp.load()

    async def _follow_gateway(self) -> None:
        """Listen on the container network's address as soon as a session needs it and the network exists."""
        trouble = ""
        while True:
            address = ""
            try:
                # A thread for each of these checks costs more than the check.
                await self._desk.changes.until(lambda: needs_network(self._desk.project))
                address = await self._desk.act_soon(gateway)
                trouble = ""
            except OrchestraError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("no address for containers: %s", error)
            listens = bool(address) and self._listeners.listen_also(address)
            await asyncio.sleep(GATEWAY_PERIOD if listens else GATEWAY_WANTED)


def needs_network(project: Project) -> bool:
    """Return whether a session has a container; after ``down --stop``, whether one has been started since."""
    sessions = project.store.sessions
    # Asked after each change of the database, mostly where no session has one.
    if SandboxKind.DOCKER not in sessions.sandboxes():
        return False
    inside = [session for session in sessions.all() if session.sandbox is SandboxKind.DOCKER]
    ended = all(session.state in ENDED for session in inside)
    return not (ended and project.store.workspace.get().resting)


def gateway(project: Project) -> str:
    """Return the address of this machine for containers; empty for a project that does not need it.

    Raises EngineDown and other errors of the engine, because this creates the network.
    """
    if not needs_network(project):
        return ""
    return project.sandbox(SandboxKind.DOCKER).gateway()


def _log_troubles(done: Future[list[Trouble]]) -> None:
    error = done.exception()
    if error is not None:
        log.error("reconcile", exc_info=error)
        return
    for trouble in done.result():
        log.warning("reconcile: %s", trouble)
