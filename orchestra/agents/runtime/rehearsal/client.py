"""A client for the service inside a box: tools over MCP, and events about the agent."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 3.0
"""Seconds between two attempts to reach a service that does not answer."""
EVENT_DEADLINE = 3.0
"""Seconds that reporting an event may take in total."""
CALL_DEADLINE = 600.0
"""Seconds one attempt of a tool call may take; a merge runs the project's tests."""
_SERVER_ERROR = 500


class Refusal(Exception):
    """The service refused the call."""


class Service:
    """Calls that are retried while the service restarts."""

    def __init__(self, mcp_url: str, hook_url: str, token_file: Path) -> None:
        self._mcp_url = mcp_url
        self._hook_url = hook_url
        self._token_file = token_file
        # The service is on this machine: a proxy could not reach it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.over = threading.Event()
        self.on_silence: Callable[[], None] = lambda: None

    def call(self, tool: str, arguments: dict[str, Any], *, key: str = "") -> Any:  # noqa: ANN401 -- JSON
        """Call a tool until the service answers; with a ``key`` the service does it only once. Raises Refusal."""
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        pause, reported = FIRST_PAUSE, False
        while True:
            try:
                return _result(self._post(self._mcp_url, body, CALL_DEADLINE, key))
            except urllib.error.HTTPError as error:
                if error.code < _SERVER_ERROR:
                    raise Refusal(f"the service refuses {tool}: HTTP {error.code}") from error
            except (OSError, HTTPException):
                pass
            if not reported:
                self.on_silence()
                reported = True
            if self.over.wait(pause):
                raise Refusal("the agent is being stopped")
            pause = min(pause * 2, LONGEST_PAUSE)

    def report_event(self, event: str, text: str, **more: object) -> None:
        """Report an event; gives up after a short time."""
        end = time.monotonic() + EVENT_DEADLINE
        while (left := end - time.monotonic()) > 0:
            try:
                self._post(f"{self._hook_url}/{event}", {"text": text, **more}, left, "")
            except urllib.error.HTTPError:
                return
            except (OSError, HTTPException):
                time.sleep(min(FIRST_PAUSE, left))
            else:
                return

    def _post(self, url: str, body: dict[str, Any], deadline: float, key: str) -> Any:  # noqa: ANN401 -- JSON
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self._token_file.read_text(encoding='utf-8').strip()}",
        }
        if key:
            headers["Idempotency-Key"] = key
        request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)  # noqa: S310 -- ours
        with self._opener.open(request, timeout=deadline) as answer:
            return _decoded(answer.read(), answer.headers.get("Content-Type", ""))


def _decoded(body: bytes, kind: str) -> Any:  # noqa: ANN401 -- JSON
    text = body.decode("utf-8", "replace")
    if "event-stream" in kind:
        lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
        text = lines[-1] if lines else ""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise HTTPException("an answer that is not JSON") from error


def _result(answer: dict[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    if "error" in answer:
        raise Refusal(str(answer["error"].get("message", answer["error"])))
    result = answer.get("result", {})
    text = "\n".join(part.get("text", "") for part in result.get("content", ()) if part.get("type") == "text")
    if result.get("isError"):
        raise Refusal(text or "the tool failed")
    value = result.get("structuredContent")
    if isinstance(value, dict) and set(value) == {"result"}:
        value = value["result"]
    return text if value is None else value
