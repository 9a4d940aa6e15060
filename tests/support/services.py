"""What the tests of the service share: a small project, sessions with tokens, and the real process."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from orchestra.errors import ServiceDown
from orchestra.model import Intent, Role, SandboxKind, Session, State
from orchestra.project import Project
from orchestra.protocol import call

DEADLINE = 60.0
T = TypeVar("T")


def eventually(look: Callable[[], T], *, deadline: float = DEADLINE) -> T:
    """Return the first true value that ``look`` gives; fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while True:
        if found := look():
            return found
        assert time.monotonic() < end, f"not within {deadline:.0f} s"
        time.sleep(0.03)


@dataclass(frozen=True)
class Answer:
    """One HTTP response."""

    status: int
    body: str

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Running:
    """A project whose service runs as a process of its own."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "ORCHESTRA_HOME": str(self.project.paths.home.root), "TMUX": "/nowhere,1,0"}
        with (self.project.paths.state / "output").open("ab") as output:
            return subprocess.Popen(
                (sys.executable, "-m", "orchestra.service", str(self.project.paths.source)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
            )

    def start(self) -> dict[str, Any]:
        self.process = self.launch()
        return eventually(self.ping)

    def ping(self) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = call(self.project.paths.socket, "ping", {}, silence=5)
        except ServiceDown:
            return {}
        return answer

    @property
    def port(self) -> int:
        return self.project.store.workspace.get().service_port or 0

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=DEADLINE)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def request(
        self,
        path: str,
        body: bytes = b"{}",
        *,
        token: str = "",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> Answer:
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        link = http.client.HTTPConnection(address, self.port, timeout=DEADLINE)
        try:
            link.request(method, path, body=body, headers={**sent, **(headers or {})})
            response = link.getresponse()
            return Answer(response.status, response.read().decode())
        finally:
            link.close()

    def tool(self, token: str, name: str, /, **arguments: object) -> dict[str, Any]:
        """Call a tool in the older protocol, as plain JSON over HTTP, and return its result."""
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answer = self.request("/mcp", json.dumps(request).encode(), token=token)
        assert answer.status == 200, answer
        result: dict[str, Any] = answer.data["result"]
        return result

    @asynccontextmanager
    async def client(self, token: str) -> AsyncIterator[Client]:
        """Connect the official client."""
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=DEADLINE) as http_client:
            transport = streamable_http_client(f"http://127.0.0.1:{self.port}/mcp", http_client=http_client)
            async with Client(transport) as client:
                yield client


def add_session(project: Project, name: str, role: Role = Role.EXECUTOR, **values: object) -> Session:
    """Record a session whose token is ``token-of-NAME``; it is stopped, so that nothing is started for it."""
    usual: dict[str, object] = {
        "name": name,
        "title": name,
        "role": role,
        "agent": "rehearsal",
        "sandbox": SandboxKind.HOST,
        "branch": f"orchestra/{name}",
        "base": project.repository.head()[0],
        "base_branch": "trunk",
        "worktree": project.paths.worktrees / name,
        "parent": None if role is Role.DESIGNER else "main",
        "conversation": "",
        "intent": Intent.STOP,
        "token_hash": hashlib.sha256(token_of(name).encode()).hexdigest(),
    }
    return project.store.sessions.add(**(usual | values))


def token_of(name: str) -> str:
    """Return the token of a session that `add_session` recorded."""
    return f"token-of-{name}"


def make_project(root: Path) -> Project:
    """Return a new project with one commit, a designer and the executors alpha and beta."""
    source = root / "source"
    source.mkdir()
    for command in (
        ("init", "-q", "-b", "trunk"),
        ("-c", "user.name=P", "-c", "user.email=p@example.org", "commit", "-q", "--allow-empty", "-m", "first"),
    ):
        subprocess.run(("git", *command), cwd=source, check=True, timeout=DEADLINE)
    project = Project.open(source)
    add_session(project, "main", Role.DESIGNER)
    add_session(project, "alpha")
    add_session(project, "beta")
    return project


@contextmanager
def resting_service(place: Path) -> Iterator[Running]:
    """Run a service whose two sessions have ended, so that it leaves alone what has no box."""
    running = Running(make_project(place))
    for name in ("alpha", "beta"):
        running.project.store.sessions.update(name, agent="claude", state=State.STOPPED)
    running.start()
    # It may end nothing of what the tests record.
    call(running.project.paths.socket, "reconcile", {}, silence=60)
    yield running
    running.close()
    running.project.store.close()
