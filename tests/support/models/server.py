"""A model that answers from a script, over HTTP, for real agent programs."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from tests.support.models import completions_api, gemini_api, messages_api, responses_api
from tests.support.models.messages_api import SESSION_HEADER, TITLE, Asked, Call, Say

__all__ = ["SESSION_HEADER", "Asked", "Call", "ModelServer", "Rule", "Say"]

_POLL = 0.02


class Api(Protocol):
    """One provider's wire protocol: a module with these functions."""

    def read_request(self, body: Mapping[str, Any], headers: Mapping[str, str], /) -> Asked: ...
    def whole(self, asked: Asked, answer: Sequence[Say | Call], number: int, /) -> dict[str, Any]: ...
    def stream(self, message: Mapping[str, Any], /) -> Iterator[tuple[str, dict[str, Any] | str]]: ...


_APIS: dict[str, Api] = {
    "/messages": messages_api,
    "/responses": responses_api,
    "/chat/completions": completions_api,
    "enerateContent": gemini_api,
}
"""The protocols, by what a request's path holds."""
_IN_PATH = re.compile(r"/models/([^/:]+):(stream)?")
"""Where a protocol names the model, and whether the answer is a stream, in the path."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What to answer when every pattern that is not empty is found; ``hold`` names a gate to wait at.

    ``times`` is how often the rule may answer, 0 for always. ``status`` other than 200 answers
    with an API error in place of the blocks.
    """

    answer: Sequence[Say | Call] = ()
    user: str = ""
    result: str = ""
    system: str = ""
    session: str = ""
    injected: str = ""
    hold: str = ""
    times: int = 0
    status: int = 200

    def fits(self, asked: Asked) -> bool:
        """Say whether the request is one this rule answers."""
        pairs = (
            (self.user, asked.user),
            (self.result, asked.result),
            (self.system, asked.system),
            (self.session, asked.session),
            (self.injected, asked.injected),
        )
        return all(re.search(pattern, text) for pattern, text in pairs if pattern)


class ModelServer:
    """The scripted model; a context manager that serves until it is left.

    ``bare`` says that its agents have no tools: else what asks without tools is given a title.
    """

    bare = False

    def __init__(self, rules: Sequence[Rule] = (), *, address: str = "127.0.0.1", port: int = 0) -> None:
        self.rules = list(rules)
        self.asked: list[Asked] = []
        self._used: dict[int, int] = {}
        self._gates: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        handler = type("Handler", (_Handler,), {"model": self})
        self._http = ThreadingHTTPServer((address, port), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": _POLL}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for gate in list(self._gates.values()):
            gate.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def address(self) -> str:
        """The address it listens on."""
        return str(self._http.server_address[0])

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    def url(self, host: str = "127.0.0.1") -> str:
        """Return the base address, as seen from where ``host`` leads here."""
        return f"http://{host}:{self.port}"

    def release(self, gate: str) -> None:
        """Let every answer that waits, or will wait, at this gate go on."""
        self._gate(gate).set()

    def conversation(self) -> list[Asked]:
        """Return the requests that declared tools: the agent's own turns, not titles and the like."""
        with self._lock:
            return [one for one in self.asked if one.tools or self.bare]

    def wait_for(self, wanted: Callable[[Asked], bool], *, deadline: float = 60.0) -> Asked:
        """Return the first conversation request that is wanted, waiting ``deadline`` seconds at most."""
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            for one in self.conversation():
                if wanted(one):
                    return one
            time.sleep(_POLL)
        seen = [(one.user[-200:], one.result[-200:]) for one in self.conversation()]
        raise AssertionError(f"no such request in {deadline} s; last user texts and results: {seen}")

    def answer(self, asked: Asked) -> tuple[Rule, int]:
        """Record a request and return the rule that answers it, once its gate is open."""
        with self._lock:
            self.asked.append(asked)
            number = len(self.asked)
            rule = self._pick(asked)
        if rule.hold:
            self._gate(rule.hold).wait()
        return rule, number

    def _pick(self, asked: Asked) -> Rule:
        if not asked.tools and not self.bare:
            return Rule(answer=(TITLE,))
        for index, rule in enumerate(self.rules):
            used = self._used.get(index, 0)
            if rule.fits(asked) and (not rule.times or used < rule.times):
                self._used[index] = used + 1
                return rule
        return Rule(answer=(Say("The script has no answer to this."),))

    def _gate(self, name: str) -> threading.Event:
        gate = self._gates.setdefault(name, threading.Event())
        if self._closed.is_set():
            gate.set()
        return gate


class _Handler(BaseHTTPRequestHandler):
    model: ClassVar[ModelServer]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        if "count_tokens" in self.path or "countTokens" in self.path:
            self._send_json(200, {"input_tokens": 100, "totalTokens": 100})
            return
        if named := _IN_PATH.search(self.path):
            body |= {"model": named[1], "stream": named[2] == "stream"}
        api = next((api for part, api in _APIS.items() if part in self.path), messages_api)
        asked = api.read_request(body, {key.lower(): value for key, value in self.headers.items()})
        rule, number = self.model.answer(asked)
        if rule.status != 200:
            error = {"type": "error", "error": {"type": "api_error", "message": "scripted failure"}}
            self._send_json(rule.status, error)
        elif body.get("stream"):
            self._send_stream(api.stream(api.whole(asked, rule.answer, number)))
        else:
            self._send_json(200, api.whole(asked, rule.answer, number))

    def do_GET(self) -> None:
        self._send_json(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})

    def _send_json(self, status: int, value: Mapping[str, Any]) -> None:
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _send_stream(self, events: Iterator[tuple[str, dict[str, Any] | str]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for event, data in events:
                name = f"event: {event}\n" if event else ""
                text = data if isinstance(data, str) else json.dumps(data)
                self.wfile.write(f"{name}data: {text}\n\n".encode())
                self.wfile.flush()
        except OSError:
            self.close_connection = True  # the program was stopped while it listened

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name http.server gives it
        """Keep quiet: what came in is in `ModelServer.asked`."""
