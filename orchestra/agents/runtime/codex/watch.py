"""Report what no hook of Codex reports: that it waits at its prompt, that the model failed, how full its context is.

It reads the files in which Codex stores its conversations, and ends with Codex. It also passes
Codex the messages that cannot be typed because its prompt holds a draft.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..jsonl_tail import JsonlTail
from ..post_event import ask, post
from .start import about, is_the_persons, last_conversation, rollouts

PAUSE = 0.3
"""Seconds between two checks."""
DEADLINE = 5.0
"""Seconds the service may take for one event."""
DRAWN = 1.0
"""Seconds after the start of a conversation until Codex has drawn its prompt and reads keys."""
QUEUE_DEADLINE = 30.0
"""Seconds Codex may take to queue a message for its conversation, for which it checks every ten seconds."""
_RELEVANT = (b'"token_count"', b'"task_complete"', b'"turn_context"', b'"CommandExecution"')
_TAIL = 16 * 1024
"""Characters at the end of a command's output that are reported."""
_LOCKS = "/thread-writer-locks/"


def held(pid: int) -> set[str]:
    """Return the conversations that Codex has open; none while it shows its first-run questions (Linux only)."""
    try:
        links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115 -- may be no path
    except OSError:
        return set()
    names = {Path(link).stem for link in links if _LOCKS in link}
    return {name for name in names if not name.startswith(".")}


class Conversations:
    """Reads new lines in the files of one home's conversations."""

    def __init__(self, home: Path) -> None:
        self._tail = JsonlTail(lambda: rollouts(home), _RELEVANT)
        self._models: dict[Path, str] = {}

    def news(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield an event and its payload for each relevant line; of the agent's own subagents, only what they used."""
        for line in self._tail.lines():
            for event, payload in self._events(line, self._tail.path):
                if is_the_persons(self._tail.path):
                    yield event, payload
                elif event == "TokenCount":
                    yield event, {key: payload[key] for key in ("total", "conversation")}

    def _events(self, line: bytes, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            entry = json.loads(line)
            payload = entry["payload"]
            if entry["type"] == "turn_context":
                self._models[path] = payload.get("model", "")
            elif payload["type"] == "token_count" and payload.get("info"):
                yield "TokenCount", self._tokens(payload, path)
            elif payload["type"] == "item_completed" and payload["item"]["type"] == "CommandExecution":
                yield "CommandEnded", self._ended(payload["item"])
            elif payload["type"] == "task_complete" and payload.get("error"):
                yield "TurnFailed", {"error": payload["error"].get("message", "")}
        except (ValueError, LookupError, TypeError, AttributeError):
            return

    def _ended(self, item: dict[str, Any]) -> dict[str, Any]:
        # Codex starts a shell with the agent's command as its last argument.
        return {
            "tool_name": "Bash",
            "tool_input": {"command": str(item["command"][-1])},
            "tool_use_id": item["id"],
            "exit_code": item.get("exit_code"),
            "output": str(item.get("aggregated_output") or "")[-_TAIL:],
        }

    def _tokens(self, payload: dict[str, Any], path: Path) -> dict[str, Any]:
        info = payload["info"]
        return {
            "used": info["last_token_usage"]["total_tokens"],
            "total": info["total_token_usage"],
            "window": info.get("model_context_window"),
            "model": self._models.get(path, ""),
            "conversation": str(about(path).get("id", "")),
            "limits": payload.get("rate_limits"),
        }


def hand_over(codex: int, home: Path, program: str) -> None:
    """Queue the service's messages in the conversation: Codex continues with them, and its prompt stays unchanged.

    Nothing can be queued in a conversation without any message.
    """
    while True:
        thread = last_conversation(home)
        text = ask() if thread in held(codex) else ""
        # The service now counts these messages as on their way.
        while text and not queued(program, thread, text):
            time.sleep(PAUSE)
        if not text:
            time.sleep(PAUSE)


def queued(program: str, thread: str, text: str) -> bool:
    """Let Codex queue a message for a conversation; returns whether it did."""
    words = (program, "queue", "--thread", thread, f"--message={text}")
    try:
        return subprocess.run(words, capture_output=True, timeout=QUEUE_DEADLINE, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def main() -> None:
    """Watch the process that started us, until it ends."""
    codex = os.getppid()
    seen = sys.argv[1] != "waits"
    open_since = 0.0
    home = Path(os.environ["CODEX_HOME"])
    conversations = Conversations(home)
    threading.Thread(target=hand_over, args=(codex, home, sys.argv[2]), daemon=True).start()
    while os.getppid() == codex:
        if not seen and held(codex):
            open_since = open_since or time.monotonic()
            seen = time.monotonic() - open_since >= DRAWN
            if seen:
                post("Ready", b"{}", DEADLINE)
        for event, payload in conversations.news():
            post(event, json.dumps(payload).encode(), DEADLINE)
        time.sleep(PAUSE)
