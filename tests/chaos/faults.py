"""Ends a process at any outside effect it is about to have, without a line of the product knowing of it.

Python itself tells of every file opened for writing, every rename and removal, every program started, every request
to an engine and every signal sent (audit events, PEP 578), and SQLite tells of every statement. So no effect can be
forgotten, and there is no switch in the product that anybody could find.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MOVES = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate"}
)
_SIGNALS = frozenset({"os.kill", "os.killpg"})
_READING = re.compile(r"\s*(SELECT|PRAGMA|--|EXPLAIN|WITH)", re.IGNORECASE)
_ASKING = (b"GET ", b"HEAD ")
_NOT_OURS = ("/dev/", "/proc/", "/sys/")


@dataclass(frozen=True)
class Plan:
    """What happens to a process: it dies at its effect number ``at``, counted from 1; 0 lets it live.

    With ``since``, the effects are counted from the first whose name begins so. ``delay`` is in seconds and lets the
    effect begin; ``children`` takes along the programs it has started; ``threads`` says whose effects count;
    ``record`` is a file that gets the name of every effect. With ``victim`` another process gets ``signal``, and this
    one goes on.
    """

    at: int = 0
    since: str = ""
    delay: float = 0.0
    children: bool = False
    threads: str = ""
    record: str = ""
    victim: int = 0
    signal: int = signal.SIGKILL

    def written(self, path: Path) -> None:
        """Write the plan where a process that waits for one finds it."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read a plan that was written."""
        return cls(**json.loads(path.read_text()))


def arm(plan: Plan) -> None:
    """Let the plan hold for this process, from now to its end."""
    _Hook(lambda: plan).install()


def arm_when_there(path: Path) -> None:
    """Let the plan hold that appears at ``path``, from then on; taken by the first process that counts with it."""
    _Hook(_Waiting(path)).install()


class _Waiting:
    """A plan that is not there yet; taking it away again lets it hold no more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._plan: Plan | None = None

    def __call__(self) -> Plan | None:
        if not self._path.exists():
            self._plan = None
        elif self._plan is None:
            self._plan = Plan.read(self._path)
        return self._plan


class _Hook:
    def __init__(self, plan: Callable[[], Plan | None]) -> None:
        self._plan = plan
        self._count = 0
        self._counting: Plan | None = None
        self._lock = threading.Lock()
        self._inside = threading.local()

    def install(self) -> None:
        sys.addaudithook(self._hear)
        connect = sqlite3.connect

        def traced(*args: Any, **keywords: Any) -> sqlite3.Connection:  # noqa: ANN401 -- passed through
            made: sqlite3.Connection = connect(*args, **keywords)
            made.set_trace_callback(self._statement)
            return made

        sqlite3.connect = traced  # type: ignore[assignment]

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        name = _effect(event, args)
        if name:
            self._pass(name)

    def _statement(self, text: str) -> None:
        if not _READING.match(text):
            self._pass(f"sql {' '.join(text.split()[:3])}")

    def _pass(self, name: str) -> None:
        if getattr(self._inside, "busy", False):
            return
        self._inside.busy = True
        try:
            plan = self._plan()
            if plan is not None and re.search(plan.threads, threading.current_thread().name):
                self._counted(plan, name)
        finally:
            self._inside.busy = False

    def _counted(self, plan: Plan, name: str) -> None:
        with self._lock:
            # A service lives through several plans.
            if plan is not self._counting:
                self._count, self._counting = 0, plan
            self._count += bool(self._count) or name.startswith(plan.since)
            number = self._count
        if plan.record:
            with Path(plan.record).open("a") as record:
                record.write(f"{name}\n")
        if number != plan.at:
            return
        if plan.delay:
            timer = threading.Timer(plan.delay, strike, (plan,))
            timer.daemon = True
            timer.start()
        else:
            strike(plan)


def strike(plan: Plan) -> None:
    """Do what the plan has come to: end this process, or hit the other one."""
    if plan.victim:
        os.kill(plan.victim, plan.signal)
    else:
        die(plan.children)


def die(children: bool) -> None:  # noqa: FBT001 -- a timer's argument has no name
    """End this process as a failing machine would, and, if asked, the programs that it has started."""
    for number in descendants(os.getpid()) if children else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def descendants(root: int) -> list[int]:
    """Return the processes below one, the deepest last."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 -- pathlib opens more than it needs
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123 -- as above
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry))
    found = list(parents.get(root, []))
    for number in found:
        found.extend(parents.get(number, []))
    return found


def _effect(event: str, args: tuple[Any, ...]) -> str:
    """Name the effect that an audit event announces; empty for what only reads."""
    if event == "open":
        path, _, flags = args
        # A number is the end of a pipe, opened long before.
        named = not isinstance(path, int) and not os.fsdecode(path).startswith(_NOT_OURS)
        writes = named and isinstance(flags, int) and flags & _WRITING
        return f"write {_short(path)}" if writes else ""
    if event == "subprocess.Popen":
        words = [os.fsdecode(word) for word in args[1]]
        return f"run {' '.join(words[:3])[:60]}"
    if event == "http.client.send":
        head = bytes(args[1][:80]) if isinstance(args[1], bytes | bytearray) else b""
        return (
            ""
            if head.startswith(_ASKING) or b" /" not in head
            else f"ask {head.splitlines()[0].split(b'?')[0].decode()[:60]}"
        )
    if event in _MOVES:
        return f"{event.removeprefix('os.')} {_short(args[0])}"
    # Signal 0 only asks whether somebody is there.
    return f"kill {args[1]}" if event in _SIGNALS and args[1] else ""


def _short(path: object) -> str:
    return os.fsdecode(path).rsplit("/", 1)[-1] if isinstance(path, str | bytes | os.PathLike) else str(path)
