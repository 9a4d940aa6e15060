"""The part of opencode's HTTP API that the bridge uses (seen in 1.18.33)."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

CALL_DEADLINE = 10.0
"""Seconds one call may take; while it starts, opencode accepts calls that it never answers."""
READY_DEADLINE = 2.0
"""Seconds for which an opencode that does not answer counts as starting."""
SILENCE = 30.0
"""Seconds without any event, heartbeats included, after which the stream counts as broken."""


class Gone(Exception):
    """opencode does not answer, or with something unexpected."""


class Api:
    """Calls to one running opencode."""

    def __init__(self, port: str, password: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._key = base64.b64encode(f"opencode:{password}".encode()).decode()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method: str, path: str, body: Any = None, *, deadline: float = CALL_DEADLINE) -> Any:  # noqa: ANN401 -- JSON
        """Call one path and return the answer; raises Gone."""
        try:
            with self._open(method, path, body, deadline) as answer:
                text = answer.read().decode("utf-8", "replace")
            return json.loads(text) if text.strip() else None
        except (OSError, HTTPException, ValueError) as error:
            raise Gone(f"{method} {path}: {error}") from error

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each event's type and properties; raises Gone when the stream breaks."""
        self.call("GET", "/session/status", deadline=READY_DEADLINE)
        try:
            with self._open("GET", "/event", None, SILENCE) as stream:
                for line in stream:
                    if line.startswith(b"data:"):
                        event = json.loads(line[5:])
                        yield str(event.get("type", "")), dict(event.get("properties") or {})
        except (OSError, HTTPException, ValueError) as error:
            raise Gone(f"the events: {error}") from error
        raise Gone("the events ended")

    def _open(self, method: str, path: str, body: Any, deadline: float) -> Any:  # noqa: ANN401 -- a response
        request = urllib.request.Request(  # noqa: S310 -- loopback, from the launcher
            f"{self._base}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {self._key}", "Content-Type": "application/json"},
        )
        return self._opener.open(request, timeout=deadline)

    def connected(self) -> bool:
        """Return whether opencode has our tools; raises Gone."""
        status = self.call("GET", "/mcp").get("orchestra") or {}
        return bool(status.get("status") == "connected")

    def connect(self) -> None:
        """Let opencode fetch our tools again; raises Gone."""
        self.call("POST", "/mcp/orchestra/connect", {})

    def is_idle(self, session: str) -> bool:
        """Return whether no turn runs in a session and no dialog is open anywhere; raises Gone."""
        status = (self.call("GET", "/session/status").get(session) or {}).get("type", "idle")
        return status == "idle" and not self.dialogs()

    def dialogs(self) -> list[dict[str, Any]]:
        """Return the open permission requests and questions; raises Gone."""
        return [*self.call("GET", "/permission"), *self.call("GET", "/question")]

    def reply(self, request: str, answer: dict[str, str]) -> None:
        """Answer one permission request; raises Gone, also if it has been answered already.

        A ``reject`` also rejects the other open requests of its conversation.
        """
        self.call("POST", f"/permission/{request}/reply", answer)

    def create(self, title: str) -> str:
        """Create a conversation and return its id; raises Gone."""
        return str(self.call("POST", "/session", {"title": title})["id"])

    def show(self, session: str) -> None:
        """Show a conversation in the terminal; raises Gone."""
        self.call("POST", "/tui/select-session", {"sessionID": session})

    def prompt(self, session: str, text: str) -> None:
        """Send a text to a conversation, as if a person had typed it; raises Gone."""
        self.call("POST", f"/session/{session}/prompt_async", {"parts": [{"type": "text", "text": text}]})

    def prompts(self, session: str) -> list[str] | None:
        """Return the prompts of a conversation; None if it does not exist. Raises Gone."""
        try:
            messages = self.call("GET", f"/session/{session}/message")
        except Gone as error:
            if isinstance(error.__cause__, urllib.error.HTTPError):
                return None
            raise
        prompts = [message["parts"] for message in messages if message["info"]["role"] == "user"]
        return ["\n".join(str(part.get("text", "")) for part in parts if part["type"] == "text") for parts in prompts]

    def window(self, provider: str, model: str) -> float:
        """Return the size of a model's context window in tokens, 0 if unknown; raises Gone."""
        for entry in self.call("GET", "/config/providers").get("providers", ()):
            if entry.get("id") == provider:
                known: dict[str, Any] = (entry.get("models") or {}).get(model) or {}
                return float((known.get("limit") or {}).get("context") or 0)
        return 0.0
