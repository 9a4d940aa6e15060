"""Ask the service for a permission and wait for the person's answer: `ask.py EVENT` with the hook's standard input.

It prints the reply for the agent; nothing leaves the question to the agent's own dialog. It asks again with the same
key until it is answered, also a service that was started again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .post_event import post

ASK = "AskPermission"
ASKING = 40.0
"""Seconds one request may take; the service answers sooner."""
PAUSE = 0.5
"""Seconds between two requests."""
LOOK = 0.1
"""Seconds between two looks at the agent: soon after an answer in its window, ours is to be refused."""
LAST_WORD = 1.0
"""Seconds for telling the service that nobody waits any more."""
SETTLES = 2.0
"""Seconds that the agent gets to note what it does after it ended its hook."""


class Question:
    """One question to the service, which has the same key however often it is asked, by default a new one."""

    def __init__(self, event: str, payload: dict[str, Any], mode: str = "", key: str = "") -> None:
        self._body = {"key": key or os.urandom(16).hex(), "event": event, "payload": payload, "mode": mode}
        self.answer: dict[str, Any] | None = None
        self.over = False
        self.heard = time.monotonic()

    def ask(self) -> None:
        """Ask until there is an answer, and keep it, or until the question is over."""
        while self.answer is None and not self.over:
            asked = time.monotonic()
            self._hear(post(ASK, json.dumps(self._body).encode(), ASKING))
            if self.answer is None and time.monotonic() < asked + PAUSE:
                time.sleep(PAUSE)

    def _hear(self, text: str) -> None:
        try:
            said = json.loads(text or "null")
        except ValueError:
            return
        if isinstance(said, dict):
            self.heard = time.monotonic()
            self.answer = said["reply"] if isinstance(said.get("reply"), dict) else None

    def take_back(self, why: str) -> None:
        """Tell the service that nobody waits for the answer any more: ``window``, ``interrupted`` or ``ended``."""
        self.over = True
        post(ASK, json.dumps({**self._body, "over": why}).encode(), LAST_WORD)


class Dialog:
    """Whether Claude Code's own dialog is still open, from the file that it keeps about itself (seen in 2.1.197)."""

    def __init__(self, process: int) -> None:
        # Never a file of the worktree.
        self._file = Path(os.environ.get("CLAUDE_CONFIG_DIR") or os.devnull, "sessions", f"{process}.json")
        self._open = False
        self._closed = 0

    def is_over(self) -> bool:
        """Return whether it was open, and has been closed at two looks: it closes for a moment between two others."""
        self._closed = self._closed + 1 if self.is_closed() else 0
        return self._closed > 1

    def is_closed(self) -> bool:
        """Return whether it was open at an earlier look, and is closed now."""
        status = self._status()
        self._open = self._open or status == "waiting"
        return self._open and status not in {"", "waiting"}

    def settles(self) -> bool:
        """Wait a moment until it is noted as closed; returns whether it was ever open."""
        end = time.monotonic() + SETTLES
        while self._open and not self.is_closed() and time.monotonic() < end:
            time.sleep(LOOK)
        return self._open

    def how(self) -> str:
        """Say how it was closed: ``interrupted`` if the turn ended with it, which no hook tells, else ``window``."""
        return "interrupted" if self._status() == "idle" else "window"

    def _status(self) -> str:
        try:
            return str(json.loads(self._file.read_bytes()).get("status", ""))
        except (OSError, ValueError, AttributeError):
            return ""


def wait(question: Question, *, longest_silence: float = float("inf")) -> dict[str, Any] | None:
    """Wait for the answer as long as the agent does; None without one.

    ``longest_silence`` are the seconds for which a service may be gone.
    """
    parent = os.getppid()
    dialog = Dialog(parent)
    dialog.is_closed()
    killed = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: killed.set())
    asking = threading.Thread(target=question.ask, daemon=True)
    asking.start()
    while asking.is_alive():
        asking.join(LOOK)
        if question.answer is not None:
            break
        if os.getppid() != parent:
            question.take_back("ended")
            return None
        if killed.is_set() and not dialog.settles():
            return None
        if killed.is_set() or dialog.is_over():
            question.take_back(dialog.how())
            return None
        if time.monotonic() - question.heard > longest_silence:
            return None
    if question.answer and dialog.is_closed():
        # The answer came in the same moment as one in the window, which counts.
        question.take_back("window")
        return None
    return question.answer


def main() -> None:
    """Ask for what standard input says, and print the answer."""
    try:
        payload = json.loads(sys.stdin.buffer.read() or b"{}")
    except ValueError:
        return
    longest = float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")  # noqa: PLR2004 -- the second argument
    reply = wait(Question(sys.argv[1], payload), longest_silence=longest)
    if reply:
        sys.stdout.write(json.dumps(reply))
