"""Tell what no hook of Gemini CLI tells: a turn that was cut off, a model that failed, how full the context is.

It is read from the files that Gemini CLI keeps of its conversations.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .tell import post

PAUSE = 0.3
"""Seconds between two looks."""
DEADLINE = 5.0
"""Seconds the service may take for one event."""
CANCELLED = "Request cancelled."
"""What stands in the conversation where the person pressed Escape (seen in 0.61.0)."""
FAILED = "[API Error: "
"""How it begins there that the model's service failed for good (seen in 0.61.0)."""
_TELLING = (b'"tokens"', CANCELLED.encode(), FAILED.encode())


def conversations(home: Path) -> list[Path]:
    """Return the files of all conversations with the person; those of the agent's own agents lie deeper."""
    return list(home.glob("tmp/*/chats/session-*.jsonl"))


def told(line: bytes) -> dict[str, Any]:
    """Return what one line of a conversation says; empty for one that is no JSON object."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def cut_off(entry: dict[str, Any]) -> str:
    """Return the event that a line tells of where the turn ended before its time; else an empty text."""
    said = str(entry.get("content", ""))
    if entry.get("type") == "info" and said == CANCELLED:
        return "Cancelled"
    return "TurnFailed" if entry.get("type") == "error" and said.startswith(FAILED) else ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Conversations:
    """What is new in the files of one home's conversations."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._read = {path: _size(path) for path in conversations(home)}
        self._counted = ("", 0)

    def news(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield an event and its payload for each line that tells something."""
        for path in conversations(self._home):
            if _size(path) > self._read.get(path, 0):
                yield from self._new_lines(path)

    def _new_lines(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read[path] = self._read.get(path, 0) + len(line)
                if any(word in line for word in _TELLING):
                    yield from self._events(told(line))

    def _events(self, entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        if event := cut_off(entry):
            yield event, {"error": str(entry["content"])}
            return
        tokens = entry.get("tokens")
        if entry.get("type") != "gemini" or not isinstance(tokens, dict):
            return
        # One answer is written again with each of its tools' results.
        counted = (str(entry.get("id")), int(tokens.get("total") or 0))
        if counted != self._counted:
            self._counted = counted
            yield "Tokens", {"used": counted[1], "model": entry.get("model")}


class Watch:
    """Tells what is new for as long as it is entered."""

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
