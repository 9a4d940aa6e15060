"""The service as a real agent program needs it: MCP with one tool, hooks, and replies that a test prepares."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

from orchestra.service.tool_hold import PROMPT_EVENT, START_EVENT, TAKEN_IN, TOOLS_DEADLINE

TOKEN = "token-of-the-session"
_POLL = 0.02
_TOOL = {
    "name": "report",
    "description": "Tell the designer how the task stands.",
    "inputSchema": {"type": "object", "properties": {"kind": {"type": "string"}, "message": {"type": "string"}}},
}


class McpStub:
    """A context manager; ``hooks`` holds every event with its payload, ``called`` the tool calls' arguments."""

    def __init__(self, *, tools_delay: float = 0.0) -> None:
        self.hooks: list[tuple[str, dict[str, Any]]] = []
        self.called: list[dict[str, Any]] = []
        self.replies: dict[str, list[dict[str, Any]]] = {}
        self.keys: list[str] = []
        self.taken_back: list[str] = []
        self.tools_delay = tools_delay
        self.listed = threading.Event()
        handler = type("Handler", (_Handler,), {"stub": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": _POLL}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def payloads(self, event: str) -> list[dict[str, Any]]:
        """Return what came with every hook of one kind."""
        return [payload for name, payload in self.hooks if name == event]

    def hook(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Take one hook; the start and the first prompt are answered once the tools were listed, as by the service.

        A question for a permission counts as the hook that it is about, once; until an answer is prepared for it, its
        asker asks again.
        """
        if event == "AskPermission":
            return self.question(payload)
        self.hooks.append((event, payload))
        if event == "Launched":
            self.listed.clear()
        if event == START_EVENT or (event == PROMPT_EVENT and not self.listed.is_set()):
            self.listed.wait(TOOLS_DEADLINE)
        if event == PROMPT_EVENT:
            # The service goes by how late the start was; this stand-in by the clock alone.
            time.sleep(10 * TAKEN_IN)
        if event == "Listen" and not self.replies.get(event):
            return {"over": True}
        prepared = self.replies.get(event, [])
        return prepared.pop(0) if prepared else {}

    def question(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take one question for a permission."""
        event, payload = asked["event"], asked["payload"]
        if asked.get("over"):
            self.taken_back.append(asked["over"])
        elif asked["key"] not in self.keys:
            self.keys.append(asked["key"])
            # Gemini CLI's gate asks before every tool, beside the hook that reports it.
            self.hooks += [(event, payload)] if event != "BeforeTool" else []
        if event == "BeforeTool" and payload.get("tool_name") != "run_shell_command":
            return {"reply": {"decision": "allow"}}
        prepared = self.replies.get("AskPermission", [])
        return {"reply": prepared.pop(0)} if prepared else {}

    def result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer one MCP request."""
        if method == "initialize":
            info = {"name": "orchestra", "version": "1"}
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
        if method == "tools/list":
            time.sleep(self.tools_delay)
            self.listed.set()
            return {"tools": [_TOOL]}
        if method == "tools/call":
            self.called.append(params["arguments"])
            return {"content": [{"type": "text", "text": "reported"}]}
        return {}


def until(wanted: Callable[[], object], *, deadline: float = 60.0, what: str = "it never happened") -> None:
    """Wait until a condition holds; fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while not wanted():
        assert time.monotonic() < end, what
        time.sleep(_POLL)


class _Handler(BaseHTTPRequestHandler):
    stub: ClassVar[McpStub]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {})
        elif self.path.startswith("/hooks/"):
            self._send(200, self.stub.hook(self.path.removeprefix("/hooks/"), body))
        elif "id" not in body:
            self._send(202, {})
        else:
            result = self.stub.result(body["method"], body.get("params", {}))
            self._send(200, {"jsonrpc": "2.0", "id": body["id"], "result": result})

    def do_GET(self) -> None:
        self._send(405, {})

    def _send(self, status: int, value: dict[str, Any]) -> None:
        text = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            self.close_connection = True  # the program was killed while it waited

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name http.server gives it
        """Keep quiet."""
