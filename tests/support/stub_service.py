"""A small stand-in for the service's HTTP side, which a test can make fail at any call."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

TOKEN = "token-of-the-session"
_POLL = 0.01


@dataclass
class Kept:
    """What outlives a restart of the service: every call with its key, events, and messages not fetched yet."""

    calls: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    done: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    inbox: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    before_answer: Callable[[str, int], None] = lambda _tool, _count: None
    numbers: int = 0

    def tools(self, name: str) -> list[dict[str, Any]]:
        """Return the arguments of every call of a tool that was carried out."""
        return [arguments for tool, arguments, _ in self.calls if tool == name]

    def message(self, sender: str, text: str, kind: str = "message", answers: int | None = None) -> None:
        """Put a message into the agent's inbox."""
        self.numbers += 1
        one = {"id": self.numbers, "sender": sender, "kind": kind, "text": text, "answers": answers}
        self.inbox.append(one)


def until(wanted: Callable[[], object], *, deadline: float = 60.0, what: str = "it never happened") -> None:
    """Wait until a condition holds; fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while not wanted():
        assert time.monotonic() < end, what
        time.sleep(_POLL)


class StubService:
    """The service; a context manager. Give a second one the first's ``kept`` and port: it was restarted."""

    def __init__(self, kept: Kept | None = None, port: int = 0) -> None:
        self.kept = kept or Kept()
        self._lock = threading.Lock()
        self._over = threading.Event()
        handler = type("Handler", (_Handler,), {"stub": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": _POLL}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, tool: str, arguments: dict[str, Any], key: str) -> dict[str, Any]:
        """Carry out one tool call, once for each key."""
        if tool == "wait_for_messages":
            return {"structuredContent": {"messages": self._fetch(float(arguments["timeout"]))}}
        if tool in self.kept.refused:
            return {"isError": True, "content": [{"type": "text", "text": self.kept.refused[tool]}]}
        with self._lock:
            if not key or key not in self.kept.done:
                self.kept.calls.append((tool, arguments, key))
                self.kept.numbers += 1
                self.kept.done[key] = {"structuredContent": {"id": self.kept.numbers}}
            count = len(self.kept.calls)
        self.kept.before_answer(tool, count)
        return dict(self.kept.done[key])

    def _fetch(self, timeout: float) -> list[dict[str, Any]]:
        end = time.monotonic() + timeout
        while time.monotonic() < end and not self._over.is_set() and not self.kept.inbox:
            time.sleep(_POLL)
        found = []
        with self._lock:
            # One by one, for a test may add another meanwhile.
            while self.kept.inbox:
                found.append(self.kept.inbox.pop(0))
        return found


class _Handler(BaseHTTPRequestHandler):
    stub: ClassVar[StubService]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {})
        elif self.path.startswith("/hooks/"):
            self.stub.kept.events.append((self.path.removeprefix("/hooks/"), body.get("text", "")))
            self._send(200, {})
        else:
            wanted = body["params"]
            result = self.stub.call(wanted["name"], wanted["arguments"], self.headers.get("Idempotency-Key", ""))
            self._send(200, {"jsonrpc": "2.0", "id": body["id"], "result": result})

    def _send(self, status: int, value: Mapping[str, Any]) -> None:
        text = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            self.close_connection = True  # the agent was killed while it waited

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name http.server gives it
        """Keep quiet."""
