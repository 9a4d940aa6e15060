"""Runs beside opencode: reports its events to the service, and sends it its task and messages."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import post_event
from .api import Api, Gone
from .events import EventReporter
from .permissions import Permissions

PAUSE = 0.3
"""Seconds between two checks for something that is not available yet."""
POST_DEADLINE = 300.0
"""Seconds for which an event is kept for a service that does not answer."""
WAIT = 25.0
"""Seconds one request for messages may stay open."""
HANGUP = 5.0
"""Seconds that opencode gets to end once its terminal is gone, and again after a signal."""
_HEAD = re.compile(r"^\[message \d+ from .+\]$", re.MULTILINE)


class Bridge:
    """One run of the bridge, for one opencode."""

    def __init__(self, api: Api, home: Path, agent_dir: Path) -> None:
        self._api = api
        self._note = home / "opencode-session"
        self._begun = home / "opencode-start"
        self._agent_dir = agent_dir
        self._events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._missed = False
        self._heads: set[str] = set()
        self._lock = threading.Lock()
        self._permissions = Permissions(api)
        ask, replied = self._permissions.ask, self._permissions.replied
        self._conversation = home / "conversation.jsonl"
        self._reporter = EventReporter(
            self._enqueue, self._window, self._noted(), ask=ask, replied=replied, say=self._write
        )
        self._synced = threading.Event()
        self._trying = ("", 0)

    def _noted(self) -> str:
        return self._note.read_text(encoding="utf-8").strip() if self._note.is_file() else ""

    def _remember(self, session: str) -> None:
        fresh = self._note.with_suffix(".new")
        fresh.write_text(session, encoding="utf-8")
        fresh.replace(self._note)

    def _enqueue(self, event: str, payload: dict[str, Any]) -> None:
        self._events.put((event, payload))

    def _write(self, who: str, text: str) -> None:
        """Store what was said where Orchestra's search reads it."""
        if text.strip():
            said = {"at": datetime.now(UTC).isoformat(), "who": who, "text": text}
            with contextlib.suppress(OSError), self._conversation.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(said)}\n")

    def _window(self, provider: str, model: str) -> float:
        try:
            return self._api.window(provider, model)
        except Gone:
            return 0.0

    def post_all(self) -> None:
        """Post the events in order, for as long as the process lives."""
        while True:
            event, payload = self._events.get()
            if not post_event.post(event, json.dumps(payload).encode(), POST_DEADLINE):
                self._missed = True
            self._events.task_done()

    def follow(self) -> None:
        """Follow opencode's events; after an interruption, read the current state first."""
        while True:
            try:
                for kind, about in self._api.events():
                    with self._lock:
                        if kind == "server.connected":
                            self._look()
                        before = self._reporter.session
                        self._reporter.take(kind, about)
                        if self._reporter.session != before:
                            self._remember(self._reporter.session)
            except Gone:
                time.sleep(PAUSE)

    def _look(self) -> None:
        """Report the current state; an opencode that is still starting is asked again."""
        session = self._reporter.session
        prompts = self._api.prompts(session) if session else None
        if session and prompts is None:
            self._reporter.session = ""
            self._note.unlink(missing_ok=True)
        self._heads |= {head for text in prompts or () for head in _HEAD.findall(text)}
        for info in self._api.call("GET", "/session"):
            self._reporter.know(info)
        if self._api.is_idle(session):
            if self._reporter.busy:
                self._reporter.end()
            elif not self._synced.is_set():
                self._enqueue("Ready", {"text": "resume" if prompts else "startup"})
        elif not self._reporter.busy:
            self._reporter.busy = True
            self._enqueue("TurnStarted", {"text": "goes on"})
        for dialog in self._api.dialogs():
            self._reporter.asked(dialog)
        self._synced.set()

    def converse(self) -> None:
        """Send the task or the nudge, then deliver messages whenever opencode is idle."""
        self._synced.wait()
        while not self._try(self._begin):
            time.sleep(PAUSE)
        while True:
            if not self._try(self._deliver):
                time.sleep(PAUSE)

    @staticmethod
    def _try(what: Any) -> bool:  # noqa: ANN401 -- a method
        try:
            return bool(what())
        except Gone:
            return False

    def _begin(self) -> bool:
        """Send opencode its first text of this start, once it has its tools."""
        start = os.environ["ORCHESTRA_OPENCODE_START"]
        if self._begun.is_file() and self._begun.read_text(encoding="utf-8") == start:
            return True
        if not self._api.connected():
            self._api.connect()
            return False
        session = self._reporter.session
        prompts = self._api.prompts(session) if session else None
        name = "nudge.md" if prompts else "first.md"
        text = (self._agent_dir / name).read_text(encoding="utf-8")
        if text.strip():
            self._say(text)
        self._begun.write_text(start, encoding="utf-8")
        return True

    def _say(self, text: str) -> bool:
        """Send opencode a text exactly once, even if an earlier call was accepted without an answer; returns True."""
        session = self._reporter.session
        prompts = (self._api.prompts(session) or []) if session else []
        if self._trying[0] != text:
            self._trying = (text, prompts.count(text))
        if not session:
            session = self._api.create(os.environ.get("ORCHESTRA_SESSION", ""))
            with self._lock:
                self._reporter.session = session
            self._remember(session)
            self._api.show(session)
        if prompts.count(text) == self._trying[1]:
            self._api.prompt(session, text)
        self._trying = ("", 0)
        return True

    def _deliver(self) -> bool:
        """Deliver queued messages when opencode is idle; returns whether there were any."""
        if not self._idle():
            return False
        answer = _object(post_event.post("AwaitMessages", json.dumps({"seconds": WAIT}).encode(), WAIT + 5))
        if not answer:
            return False
        if self._missed:
            self._missed = False
            self._enqueue("Ready", {"text": "resume"})
        if not answer.get("waiting"):
            return True
        if not self._idle():
            return False
        known = "\n".join(sorted(self._heads))
        text = str(_object(post_event.post("Inbox", json.dumps({"prompt": known}).encode(), 5)).get("text", ""))
        if not text:
            return False
        self._heads |= set(_HEAD.findall(text))
        while not self._try(lambda: self._say(text)):
            time.sleep(PAUSE)
        return True

    def _idle(self) -> bool:
        """Return whether a text may be sent now: nothing runs, no dialog is open, and all events are reported."""
        session = self._reporter.session
        calm = not self._reporter.busy and not self._events.unfinished_tasks
        return calm and (not self._api.dialogs() if not session else self._api.is_idle(session))


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def has_terminal() -> bool:
    """Return whether this process still has a controlling terminal; after a hangup it cannot be opened (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def urge(process: int, waited: float) -> None:
    """End an opencode that has run without a terminal for so many seconds (seen once in 1.18.33)."""
    if waited > HANGUP:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM if waited < 2 * HANGUP else signal.SIGKILL)


def main() -> None:
    """Run until opencode, whose process id is the argument, has ended."""
    process = int(sys.argv[1])
    hung_up: list[float] = []
    signal.signal(signal.SIGHUP, lambda *_: hung_up.append(time.monotonic()))
    on_terminal = has_terminal()
    api = Api(os.environ["ORCHESTRA_OPENCODE_PORT"], os.environ["OPENCODE_SERVER_PASSWORD"])
    home = Path(os.environ["ORCHESTRA_AGENT_HOME"], ".orchestra")
    bridge = Bridge(api, home, Path(__file__).parent.parent.parent)
    work = (bridge.post_all, bridge.follow, bridge.converse)
    threads = [threading.Thread(target=task, daemon=True) for task in work]
    for thread in threads:
        thread.start()
    while _lives(process):
        if not all(thread.is_alive() for thread in threads):
            sys.exit(1)
        # The kernel may signal only opencode, which leads the session.
        if on_terminal and not has_terminal():
            hung_up.append(time.monotonic())
        if hung_up:
            urge(process, time.monotonic() - hung_up[0])
        time.sleep(PAUSE)
    post_event.post("SessionEnd", b"{}", 3.0)
