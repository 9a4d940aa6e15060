"""The two listening sockets: loopback for host sessions, the container network's gateway for the others."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from orchestra.errors import ServiceDown
from orchestra.project import Project
from orchestra.service.auth import AllowedHosts
from orchestra.service.context import log
from orchestra.service.http_protocol import limited
from orchestra.service.limits import HEAD_LIMIT, Connections

LOOPBACK = "127.0.0.1"
"""The address for sessions on the host."""
REBIND_DEADLINE = 5.0
"""Seconds to wait until the previous service releases the port."""
_GRACE = 3
_POLL = 0.1


class _Server(uvicorn.Server):
    """A uvicorn server that does not handle the process's signals, and does not wake ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Let `serve` end."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Wait for `leave`; one tick sets the headers that all answers have."""
        await self.on_tick(0)
        await self._leaving.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(address: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 chooses a free port. Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made


def bind_again(address: str, port: int, *, deadline: float = REBIND_DEADLINE) -> socket.socket:
    """Bind to a port that an ending process may still hold; raises ServiceDown after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while True:
        try:
            return bind(address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > end:
                message = f"port {port} of {address} cannot be used: {error.strerror}"
                raise ServiceDown(message, hint=f"to see what uses it: ss -ltnp 'sport = :{port}'") from error
        time.sleep(_POLL)


def loopback_socket(project: Project) -> socket.socket:
    """Bind to the project's port on loopback, chosen at the first start; raises ServiceDown."""
    known = project.store.workspace.get().service_port
    made = bind_again(LOOPBACK, known) if known else bind(LOOPBACK, 0)
    # Containers know the port, so it stays the same if possible.
    project.store.workspace.update(service_port=made.getsockname()[1])
    return made


class Listeners:
    """The HTTP servers of this process, all for one application."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts, connections: Connections) -> None:
        self._app = app
        self._protocol = limited(connections)
        self._allowed = allowed
        self._servers: dict[str, tuple[_Server, asyncio.Task[None]]] = {}
        self._refused: set[str] = set()
        self.port = 0

    def listen(self, bound: socket.socket) -> None:
        """Serve on a bound socket, from within the event loop."""
        address, self.port = bound.getsockname()
        self._allowed.hosts.add(f"{address}:{self.port}")
        config = uvicorn.Config(
            self._app,
            http=self._protocol,
            h11_max_incomplete_event_size=HEAD_LIMIT,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        server = _Server(config)
        self._servers[address] = (server, asyncio.create_task(server.serve(sockets=[bound])))
        log.info("listening on %s:%d", address, self.port)

    def listen_also(self, address: str) -> bool:
        """Also serve on the same port of another address; returns False, and logs a line, if that fails."""
        if address in self._servers:
            return True
        try:
            self.listen(bind(address, self.port))
        except OSError as error:
            if address not in self._refused:
                log.warning("containers cannot reach this service: %s port %d: %s", address, self.port, error.strerror)
                self._refused.add(address)
            return False
        return True

    async def close(self) -> None:
        """Stop listening, let requests finish for a short time, and close the others."""
        for server, _ in self._servers.values():
            server.leave()
        await asyncio.gather(*(task for _, task in self._servers.values()))
