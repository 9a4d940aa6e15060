"""Report what no hook of Gemini CLI reports: a cancelled turn, a failed model, how full the context is.

It reads the files in which Gemini CLI stores its conversations.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..jsonl_tail import JsonlTail
from ..post_event import post

PAUSE = 0.3
"""Seconds between two checks."""
DEADLINE = 5.0
"""Seconds the service may take for one event."""
CANCELLED = "Request cancelled."
"""The text in the conversation after the person pressed Escape (seen in 0.61.0)."""
FAILED = "[API Error: "
"""The beginning of the text after the model's service failed for good (seen in 0.61.0)."""
_RELEVANT = (b'"tokens"', CANCELLED.encode(), FAILED.encode())


def conversations(home: Path) -> list[Path]:
    """Return the files of all conversations with the person; those with subagents are in directories below."""
    return list(home.glob("tmp/*/chats/session-*.jsonl"))


def parsed(line: bytes) -> dict[str, Any]:
    """Return the JSON object in one line of a conversation; empty if there is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def cut_off(entry: dict[str, Any]) -> str:
    """Return the event for a turn that was cancelled or failed; else an empty text."""
    content = str(entry.get("content", ""))
    if entry.get("type") == "info" and content == CANCELLED:
        return "Cancelled"
    return "TurnFailed" if entry.get("type") == "error" and content.startswith(FAILED) else ""


class Conversations:
    """Reads new lines in the files of one home's conversations."""

    def __init__(self, home: Path) -> None:
        self._tail = JsonlTail(lambda: conversations(home), _RELEVANT)
        self._start = f"{time.time_ns()}"
        self._counted: dict[str, dict[str, Any]] = {}

    def news(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield an event and its payload for each relevant line."""
        for line in self._tail.lines():
            yield from self._events(parsed(line))

    def _events(self, entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        if event := cut_off(entry):
            yield event, {"error": str(entry["content"])}
            return
        tokens = entry.get("tokens")
        if entry.get("type") != "gemini" or not isinstance(tokens, dict):
            return
        # An answer is written again with each result of its tools.
        if tokens != self._counted.get(number := str(entry.get("id"))):
            self._counted[number] = tokens
            yield (
                "Tokens",
                {
                    "used": tokens.get("total"),
                    "in": self._sum("input", "tool"),
                    "out": self._sum("output", "thoughts"),
                    "model": entry.get("model"),
                    "start": self._start,
                },
            )

    def _sum(self, *kinds: str) -> int:
        found = (tokens.get(kind) for tokens in self._counted.values() for kind in kinds)
        return sum(number for number in found if isinstance(number, int))


class Watch:
    """Reports new events for as long as the context is entered."""

    def __init__(self, home: Path) -> None:
        self._conversations = Conversations(home)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(DEADLINE)

    def _look(self) -> None:
        while not self._over.wait(PAUSE):
            for event, payload in self._conversations.news():
                post(event, json.dumps(payload).encode(), DEADLINE)
