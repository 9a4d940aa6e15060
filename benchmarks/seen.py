"""How soon what happens is seen in the control pane, beside a reader that waits for nothing but that."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals

import docker
from inotify_simple import INotify, flags

from benchmarks.effort import Effort
from benchmarks.table import Goal, Row, of_pairs, p95
from benchmarks.team import Team, team
from benchmarks.terminal import Terminal
from orchestra.model import Session, State

_PAUSES = (1.3, 2.1, 2.9)
"""Seconds between two events, of several lengths, so that they meet every moment of anything periodic."""
_RAW_DEADLINE = 30.0
_DEADLY = [
    Signals[f"SIG{name}"] for name in ("KILL", "USR1", "USR2", "ALRM", "HUP", "PIPE", "VTALRM", "PROF", "IO", "PWR")
]
"""How containers are killed, each in another way, so that the pane shows another exit code each time."""


@dataclass
class _Reader:
    """Notes when something else than Orchestra learns of an event."""

    at: float = 0.0
    _told: threading.Event = field(default_factory=threading.Event)

    def tell(self) -> None:
        """Note the time, unless one is noted."""
        if not self._told.is_set():
            self.at = time.perf_counter()
            self._told.set()

    def forget(self) -> None:
        """Be ready for the next event."""
        self._told.clear()

    def wait(self) -> float:
        """Return the noted time."""
        assert self._told.wait(_RAW_DEADLINE), "the raw reader saw nothing"
        return self.at


def seen(effort: Effort) -> Iterator[Row]:
    """A written file, a change of state, and a container's death, until the control pane shows them."""
    rounds = effort.times(20, 2)
    with team(2) as made, made.control_pane() as pane:
        made.waits_for(State.IDLE)
        session = made.executors[0]
        _selects(pane, session)
        yield _files(pane, session, rounds)
        yield _states(made, pane, session, rounds)
    with team(effort.of(len(_DEADLY), 2), sandbox="docker", agent="still") as made, made.control_pane() as pane:
        made.waits_for(State.UNKNOWN)
        pane.drains(5)
        yield _deaths(made, pane)


def _selects(pane: Terminal, session: Session) -> None:
    pane.until(session.name)
    pane.drains(3)
    pane.writes(b"j")
    pane.drains(3)


def _pairs(
    pane: Terminal,
    rounds: int,
    act: Callable[[int], str],
    raw: _Reader,
    prepare: Callable[[int], None] = lambda _: None,
) -> list[tuple[float, float]]:
    """Let something happen in each round that shows as a text; return the seconds until the pane and ``raw`` saw it."""
    taken = []
    for number in range(rounds):
        prepare(number)
        pane.drains(_PAUSES[number % len(_PAUSES)])
        raw.forget()
        began = time.perf_counter()
        text = act(number)
        taken.append((pane.until(text) - began, raw.wait() - began))
    return taken


def _files(pane: Terminal, session: Session, rounds: int) -> Row:
    def write(number: int) -> str:
        (session.worktree / "seen.txt").write_text(f"text{number:05}\n")
        return f"text{number:05}"

    with _inotify(session.worktree, flags.CLOSE_WRITE) as raw:
        pairs = _pairs(pane, rounds, write, raw)
    return of_pairs(
        "a file written → its lines seen in the pane, 95 of 100",
        pairs,
        Goal(300),
        by=p95,
        note="raw: an inotify reader",
    )


def _states(made: Team, pane: Terminal, session: Session, rounds: int) -> Row:
    token = made.project.session_paths(session).token.read_text().strip()
    port = made.project.store.workspace.get().service_port
    assert port is not None

    def post(event: str, text: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", f"/hooks/{event}", json.dumps({"text": text}), headers)
        assert connection.getresponse().status == http.client.OK
        connection.close()

    def ask(number: int) -> str:
        post("Prompted", f"asks{number:05}")
        return f"asks{number:05}"

    database = made.project.paths.database
    with _inotify(database.parent, flags.MODIFY, f"{database.name}-wal") as raw:
        pairs = _pairs(pane, rounds, ask, raw, lambda _: post("TurnStarted", "works"))
    return of_pairs(
        "an agent's hook → its state seen in the pane, 95 of 100",
        pairs,
        Goal(150),
        by=p95,
        note="raw: an inotify reader",
    )


def _deaths(made: Team, pane: Terminal) -> Row:
    client = docker.from_env()
    boxes = [client.containers.get(made.project.box_name(session)) for session in made.executors]

    def kill(number: int) -> str:
        # The engine answers only after it has cleaned up.
        threading.Thread(target=boxes[number].kill, args=(_DEADLY[number].name,), daemon=True).start()
        return f"code {128 + _DEADLY[number]}"

    with _engine_events(made) as raw:
        pairs = _pairs(pane, len(boxes), kill, raw)
    return of_pairs(
        "a container's death → seen in the pane, 95 of 100",
        pairs,
        Goal(150),
        by=p95,
        note="raw: an engine event reader",
    )


@contextmanager
def _inotify(directory: Path, mask: int, name: str = "") -> Iterator[_Reader]:
    reader, notify, ended = _Reader(), INotify(), threading.Event()
    notify.add_watch(directory, mask)

    def read() -> None:
        while not ended.is_set():
            if any(event.name == name or not name for event in notify.read(timeout=200)):
                reader.tell()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        ended.set()
        thread.join()
        notify.close()


@contextmanager
def _engine_events(made: Team) -> Iterator[_Reader]:
    label = f"orchestra.project={made.project.paths.key}"
    events = docker.APIClient().events(decode=True, filters={"type": "container", "event": "die", "label": label})
    reader = _Reader()

    def read() -> None:
        for _ in events:
            reader.tell()

    threading.Thread(target=read, daemon=True).start()
    try:
        yield reader
    finally:
        events.close()
