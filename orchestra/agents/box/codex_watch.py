"""Tell what no hook of Codex tells: that it waits at its prompt, that the model failed, how full its context is.

It reads the files Codex keeps of its conversations, and ends with Codex.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .codex_start import is_the_persons, rollouts
from .tell import post

PAUSE = 0.3
"""Seconds between two looks."""
DEADLINE = 5.0
"""Seconds the service may take for one event."""
DRAWN = 1.0
"""Seconds after which Codex has drawn its prompt and reads keys, once a conversation is open."""
_TELLING = (b'"token_count"', b'"task_complete"', b'"turn_context"')
_LOCKS = "/thread-writer-locks/"


def has_conversation(pid: int) -> bool:
    """Say whether Codex holds a conversation open: before that it shows its own first questions (Linux alone)."""
    try:
        links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115 -- may be no path
    except OSError:
        return False
    return any(_LOCKS in link and not link.endswith(".coordination.lock") for link in links)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Conversations:
    """What is new in the files of one home's conversations."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._read = {path: _size(path) for path in rollouts(home)}
        self._model = ""

    def news(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield an event and its payload for each line that tells something."""
        for path in rollouts(self._home):
            if _size(path) > self._read.get(path, 0) and is_the_persons(path):
                yield from self._new_lines(path)

    def _new_lines(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read[path] = self._read.get(path, 0) + len(line)
                if any(word in line for word in _TELLING):
                    yield from self._told(line)

    def _told(self, line: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            entry = json.loads(line)
            payload = entry["payload"]
            if entry["type"] == "turn_context":
                self._model = payload.get("model", "")
            elif payload["type"] == "token_count" and payload.get("info"):
                yield "TokenCount", self._tokens(payload["info"])
            elif payload["type"] == "task_complete" and payload.get("error"):
                yield "TurnFailed", {"error": payload["error"].get("message", "")}
        except (ValueError, LookupError, TypeError, AttributeError):
            return

    def _tokens(self, info: dict[str, Any]) -> dict[str, Any]:
        used, total = info["last_token_usage"]["total_tokens"], info["total_token_usage"]["total_tokens"]
        return {"used": used, "total": total, "window": info.get("model_context_window"), "model": self._model}


def main() -> None:
    """Watch the process that started us, until it ends."""
    codex = os.getppid()
    seen = sys.argv[1] != "waits"
    open_since = 0.0
    conversations = Conversations(Path(os.environ["CODEX_HOME"]))
    while os.getppid() == codex:
        if not seen and has_conversation(codex):
            open_since = open_since or time.monotonic()
            seen = time.monotonic() - open_since >= DRAWN
            if seen:
                post("Ready", b"{}", DEADLINE)
        for event, payload in conversations.news():
            post(event, json.dumps(payload).encode(), DEADLINE)
        time.sleep(PAUSE)
