"""A storm of messages on a service that is killed again and again: `python -m tests.storm.storm`.

Every session is a small client of its own: it sends numbered messages to the others, and takes what comes, some by
asking for it, some in the replies to their hooks. The person sends too. In the end every message must be there once,
have arrived, in order, from who it says.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from orchestra.actions.service_process import ask_surely, ensure_running, ping, quit_service
from orchestra.errors import OrchestraError
from orchestra.model import MessageState
from orchestra.project import Project
from tests.support.services import add_session, make_project, token_of

PERSON = "user"
_LINES = re.compile(r"\[message (\d+) from ([^\],]+)[^\]]*\]\n> (\S+)>(\S+) #(\d+)")
_PAUSE = 0.05
_QUIET = 4
"""Looks in a row, after the last message was sent, that bring nothing: then nothing more is to come."""


@dataclass
class Tally:
    """What one storm did, and what was wrong with it."""

    sent: int = 0
    kills: int = 0
    seconds: float = 0.0
    asked_again: int = 0
    """Requests that were sent again, because their answer had been lost."""
    given_again: int = 0
    """Messages that an agent was shown again, under the same number, because its answer was cut off."""
    lost: int = 0
    twice: int = 0
    out_of_order: int = 0
    forged: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all went as promised."""
        return not (self.lost or self.twice or self.out_of_order or self.forged or self.troubles)


@dataclass
class Agent:
    """One session's program: what it has sent, and what it was shown, in order."""

    storm: Storm
    name: str
    hooks: bool
    keyed: bool
    shown: list[tuple[int, str, str, str, int]] = field(default_factory=list)

    def send_all(self, recipients: Sequence[str], number: int) -> None:
        """Send so many messages, in turn to everybody."""
        for index in range(number):
            recipient = recipients[index % len(recipients)]
            self.storm.until_sent(lambda: self._send(recipient, index // len(recipients)))  # noqa: B023 -- called at once

    def _send(self, recipient: str, number: int) -> bool:
        text = f"{self.name}>{recipient} #{number}"
        key = {"Idempotency-Key": text} if self.keyed else {}
        answer = self._tool("send_message_to_session", {"session_id": recipient, "message": text}, key)
        return not answer.get("isError")

    def take(self) -> bool:
        """Take what has come, and say whether there was anything."""
        text = self._by_hook() if self.hooks else self._by_asking()
        found = [(int(a), b, c, d, int(e)) for a, b, c, d, e in _LINES.findall(text)]
        self.shown += found
        return bool(found)

    def _by_hook(self) -> str:
        answer = self.storm.post("/hooks/PostToolUse", {"tool_name": "Bash"}, self.name)
        return str(answer.get("hookSpecificOutput", {}).get("additionalContext", ""))

    def _by_asking(self) -> str:
        return str(self._tool("read_messages", {}, {}).get("content", [{}])[0].get("text", ""))

    def _tool(self, name: str, arguments: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        result: dict[str, Any] = self.storm.post("/mcp", call, self.name, headers)["result"]
        return result


class Storm:
    """The project, its sessions, and who kills the service."""

    def __init__(self, project: Project, sessions: int, messages: int, kills: int) -> None:
        self.project = project
        self.tally = Tally()
        self._messages, self._kills = messages, kills
        self._lock = threading.Lock()
        self._over = threading.Event()
        names = ["main", *(f"s{number}" for number in range(1, sessions))]
        self._agents = [
            Agent(self, name, hooks=number % 2 == 1, keyed=number % 4 < 2) for number, name in enumerate(names)
        ]

    def run(self) -> Tally:
        """Let it rage, and return what came of it."""
        began = time.monotonic()
        everybody = [agent.name for agent in self._agents]
        share = self._messages // (len(everybody) + 1)
        ensure_running(self.project.paths)
        with ThreadPoolExecutor(3 * len(everybody) + 2) as pool:
            senders = [
                pool.submit(agent.send_all, [name for name in everybody if name != agent.name], share)
                for agent in self._agents
            ]
            senders.append(pool.submit(self._person, everybody, self._messages - share * len(everybody)))
            takers = [pool.submit(self._take_all, agent) for agent in self._agents]
            self._kill_now_and_then(senders)
            for sender in senders:
                self._judge(sender.result)
            self._over.set()
            for taker in takers:
                self._judge(taker.result)
        self._check()
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def _judge(self, result: Callable[[], object]) -> None:
        try:
            result()
        except Exception as error:  # noqa: BLE001 -- whatever it was, it is told
            self.tally.troubles.append(f"{type(error).__name__}: {error}")

    def _person(self, recipients: Sequence[str], number: int) -> None:
        for index in range(number):
            recipient = recipients[index % len(recipients)]
            text = f"{PERSON}>{recipient} #{index // len(recipients)}"
            ask_surely(self.project.paths, "send", {"sender": PERSON, "recipient": recipient, "text": text})
            self._count()

    def _take_all(self, agent: Agent) -> None:
        quiet = 0
        while quiet < _QUIET:
            # Only looks that began after the last message was sent say that nothing more is to come.
            over = self._over.is_set()
            try:
                quiet = quiet + 1 if not agent.take() and over else 0
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                quiet = 0
            time.sleep(_PAUSE)

    def _kill_now_and_then(self, senders: Sequence[Any]) -> None:
        for number in range(self._kills):
            due = self._messages * (number + 1) // (self._kills + 1)
            while self.tally.sent < due and not all(one.done() for one in senders):
                time.sleep(_PAUSE / 10)
            with suppress(OrchestraError, ProcessLookupError):
                if (answer := ping(self.project.paths)) is not None:
                    os.kill(answer["pid"], signal.SIGKILL)
                    self.tally.kills += 1
            ensure_running(self.project.paths)

    def until_sent(self, send: Callable[[], bool]) -> None:
        """Do what a careful client does: ask again, in the same words, until there is an answer."""
        while True:
            try:
                if send():
                    return self._count()
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                with self._lock:
                    self.tally.asked_again += 1
            time.sleep(_PAUSE)

    def _count(self) -> None:
        with self._lock:
            self.tally.sent += 1

    def post(self, path: str, body: object, sender: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Post as a session; raises OSError, ValueError or HTTPException where no whole answer comes."""
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token_of(sender)}",
            **(headers or {}),
        }
        link = http.client.HTTPConnection("127.0.0.1", self.project.store.workspace.get().service_port or 0, timeout=30)
        try:
            link.request("POST", path, json.dumps(body).encode(), sent)
            answer: dict[str, Any] = json.loads(link.getresponse().read())
            return answer
        finally:
            link.close()

    def _check(self) -> None:
        self._check_store()
        for agent in self._agents:
            first = {number: rest for number, *rest in reversed(agent.shown)}
            self.tally.given_again += len(agent.shown) - len(first)
            order = defaultdict[str, list[int]](list)
            for number in dict.fromkeys(one[0] for one in agent.shown):
                said_by, wrote, to, count = first[number]
                self.tally.forged += said_by not in {wrote, "the person"} or to != agent.name
                order[str(wrote)].append(int(str(count)))
            for counts in order.values():
                self.tally.out_of_order += sum(later <= earlier for earlier, later in pairwise(counts))
        shown = sum(len({one[0] for one in agent.shown}) for agent in self._agents)
        self.tally.lost += max(0, self.tally.sent - shown)

    def _check_store(self) -> None:
        kept = self.project.store.messages.select()
        copies = Counter((one.sender, one.recipient, one.text) for one in kept)
        self.tally.twice += sum(number - 1 for number in copies.values())
        self.tally.lost += max(0, self.tally.sent - len(copies))
        waiting = sum(one.state is MessageState.QUEUED and one.recipient != PERSON for one in kept)
        if waiting:
            self.tally.troubles.append(f"{waiting} messages still wait")


@contextmanager
def world(sessions: int) -> Iterator[Project]:
    """A project of its own, with so many sessions whose programs this process plays."""
    with tempfile.TemporaryDirectory(prefix="orchestra-storm-") as directory:
        os.environ["ORCHESTRA_HOME"] = str(Path(directory) / "home")
        project = make_project(Path(directory))
        for number in range(1, sessions):
            add_session(project, f"s{number}", agent="claude" if number % 2 == 1 else "rehearsal")
        try:
            yield project
        finally:
            quit_service(project.paths)
            project.store.close()


def main() -> int:
    """Print the figures; 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description="A storm of messages on a service that is killed again and again.")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    wanted = parser.parse_args()
    with world(wanted.sessions) as project:
        tally = Storm(project, wanted.sessions, wanted.messages, wanted.kills).run()
    for name, value in vars(tally).items():
        shown = f"{value:.0f}" if isinstance(value, float) else value
        sys.stdout.write(f"{name.replace('_', ' '):14} {shown}\n")
    return 0 if tally.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
