"""The host as a sandbox: agents run as the person's own processes, identified by pid and start time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from orchestra.drivers import process
from orchestra.drivers.process import Completed
from orchestra.drivers.sandbox.protocol import SHELL, STOP_GRACE, Box, name_of
from orchestra.errors import CommandFailed, Refused
from orchestra.model import BoxEnd, BoxSight, BoxState, SandboxKind

_Known: TypeAlias = tuple[int, str]
_POLL = 0.02
_WATCH = 1.0
"""Seconds until a newly started agent is noticed by `HostSandbox.watch`."""
_KILL_SECONDS = 5.0
_LAUNCH_SECONDS = 5.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_START_FIELD = 19
_SESSION_FIELD = 3
# Fields of /proc/PID/stat after the command's closing parenthesis, counted from 0 (proc(5)).

# The shell records itself, then becomes the agent with the same process id and start time.
_LAUNCH = """
record=$1 workdir=$2; shift 2
stat=$(cat "/proc/$$/stat"); stat=${stat##*) }
boot=$(cat /proc/sys/kernel/random/boot_id)
printf '%s %s %s\\n' "$$" "$(printf '%s' "$stat" | cut -d' ' -f20)" "$boot" >"$record.new" || exit 1
mv "$record.new" "$record" || exit 1
cd "$workdir" && exec "$@"
"""


@dataclass(frozen=True, slots=True)
class _Record:
    """The process of a box: its id, its start time in clock ticks, and the boot of the machine."""

    pid: int
    started: str
    boot: str


class HostSandbox:
    """The boxes of one project as processes; ``state`` is the project's own directory.

    The session's window starts the agent, so creating and starting do almost nothing here.
    """

    kind = SandboxKind.HOST

    def __init__(self, state: Path, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._records = state / "processes"
        self._sleep = sleep

    def create(self, box: Box) -> None:
        """Create what the launcher needs: the agent's home, and the directory for the process record."""
        box.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._records.mkdir(parents=True, exist_ok=True, mode=0o700)

    def start(self, name: str) -> None:
        """Do nothing: the window starts the agent."""

    def look(self, box: Box | str) -> BoxSight:
        """Return the state of one agent's process, without exit code."""
        record = self._read(name_of(box))
        if record is None:
            return BoxSight(BoxState.ABSENT)
        return BoxSight(BoxState.RUNNING if _alive(record) else BoxState.EXITED, started_at=record.started)

    def look_all(self) -> dict[str, BoxSight]:
        """Return the state of every agent's process of this project."""
        if not self._records.is_dir():
            return {}
        return {file.name: self.look(file.name) for file in self._records.iterdir() if file.suffix != ".new"}

    def watch(self, changed: Callable[[BoxEnd | None], object], ended: threading.Event) -> None:
        """Call ``changed`` now and whenever an agent's process has started or ended, until ``ended`` is set."""
        with _Processes() as processes:
            changed(None)
            written: int | None = -1
            while not ended.is_set():
                # Each agent's start and end writes into the directory, or ends a process.
                if processes.wait(0.0 if written == -1 else _WATCH) or written != self._written():
                    written = self._written()
                    processes.follow({name: record for name, record in self._all() if _alive(record)})
                    changed(None)

    def _written(self) -> int | None:
        return self._records.stat().st_mtime_ns if self._records.is_dir() else None

    def _all(self) -> Iterator[tuple[str, _Record]]:
        names = [file.name for file in self._records.iterdir()] if self._records.is_dir() else []
        return ((name, record) for name in names if (record := self._read(name)) is not None)

    def made_for(self, project: str) -> dict[str, bool]:
        """Return the agents' processes of this project."""
        del project
        return dict.fromkeys(self.look_all(), False)

    def stop(self, name: str, *, grace: float = STOP_GRACE) -> bool:
        """End an agent and everything it started; after ``grace`` seconds they are killed.

        Returns whether it was running. Raises CommandFailed for a process that survives being killed.
        """
        record = self._read(name)
        if record is None or not _alive(record):
            return False
        family = _session(record.pid)
        for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILL_SECONDS)):
            family |= _session(record.pid)
            _send(family, number)
            if self._ended(family, seconds):
                return True
        raise CommandFailed(f"the agent's process {record.pid} does not end", hint=f"to see it: ps -fp {record.pid}")

    def remove(self, name: str) -> None:
        """End an agent and remove its process record."""
        self.stop(name)
        self._forget(name)

    def window_command(self, box: Box) -> tuple[str, ...]:
        """Return the command of the session's window, which records its process and becomes the agent."""
        self.create(box)
        if self.look(box).state is not BoxState.RUNNING:
            # This record is of an ended process; wait for the next one.
            self._forget(box.name)
        settings = tuple(f"{name}={value}" for name, value in box.env.items())
        launch = ("sh", "-c", _LAUNCH, "sh", str(self._records / box.name), str(box.workdir))
        return ("env", *settings, *launch, *box.command)

    def await_launch(self, name: str) -> None:
        """Wait until the window's process is recorded; a window that never runs it counts as an ended agent."""
        for _ in range(round(_LAUNCH_SECONDS / _POLL)):
            if self._read(name) is not None:
                return
            self._sleep(_POLL)

    def terminal_command(self, box: Box, *, on_host: bool = False) -> tuple[str, ...]:
        """Return the command that opens the person's own shell in the worktree."""
        del on_host
        script = f'cd "$1" || exit 1; [ -n "$SHELL" ] && exec "$SHELL"; {SHELL}'
        return ("sh", "-c", script, "sh", str(box.workdir))

    def execute(
        self, box: Box, args: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0, check: bool = True
    ) -> Completed:
        """Run a program in the worktree with the agent's environment; ``deadline`` is in seconds."""
        env = {**os.environ, **box.env}
        return process.run(args, cwd=box.workdir, env=env, stdin=stdin, deadline=deadline, check=check)

    def upload_pack(self, box: Box, git_dir: str) -> tuple[str, ...]:
        """Raise Refused: an agent on the host commits to the project's own repository."""
        raise Refused(f"{box.name} has no private git directory, so {git_dir} cannot be fetched from")

    def run_once(self, box: Box, args: Sequence[str], *, deadline: float) -> Completed:
        """Run a program on the machine, whatever its exit code; ``deadline`` is in seconds."""
        return self.execute(box, args, deadline=deadline, check=False)

    def end_once(self, name: str) -> None:
        """Do nothing: a program that runs once ends with its deadline."""

    def gateway(self) -> str:
        """Return the loopback address."""
        return "127.0.0.1"

    def interface(self) -> str:
        """Return nothing: agents use the machine's own network."""
        return ""

    def has_network(self) -> bool:
        """Return True: the machine's own network always exists."""
        return True

    def remove_network(self) -> None:
        """Do nothing: the machine's own network is not ours."""

    def _forget(self, name: str) -> None:
        (self._records / name).unlink(missing_ok=True)

    def _read(self, name: str) -> _Record | None:
        try:
            fields = (self._records / name).read_text(encoding="ascii").split()
            return _Record(int(fields[0]), fields[1], fields[2])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _ended(self, family: frozenset[_Known], seconds: float) -> bool:
        for _ in range(max(1, round(seconds / _POLL))):
            if not any(_same(member) for member in family):
                return True
            self._sleep(_POLL)
        return False


class _Processes:
    """Waits for the end of processes without asking again and again (pidfd_open(2))."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[_Record, int]] = {}
        self._poller = select.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._open):
            self._leave(name)

    def follow(self, alive: dict[str, _Record]) -> None:
        """Wait from now on for exactly these."""
        before = {name: record for name, (record, _) in self._open.items()}
        for name in [name for name, record in before.items() if alive.get(name) != record]:
            self._leave(name)
        for name, record in alive.items():
            if name not in self._open:
                # It may have ended since, and then others see that it has.
                with contextlib.suppress(ProcessLookupError):
                    descriptor = os.pidfd_open(record.pid)
                    self._open[name] = record, descriptor
                    self._poller.register(descriptor, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Return True as soon as one of them ends, or False after some seconds."""
        return bool(self._poller.poll(seconds * 1000))

    def _leave(self, name: str) -> None:
        _, descriptor = self._open.pop(name)
        self._poller.unregister(descriptor)
        os.close(descriptor)


def _alive(record: _Record) -> bool:
    return _same((record.pid, record.started)) and _BOOT.read_text().strip() == record.boot


def _same(known: _Known) -> bool:
    """Return whether the same process still runs, and not another one with its id."""
    pid, started = known
    fields = _stat(pid)
    return bool(fields) and fields[0] not in {"Z", "X"} and fields[_START_FIELD] == started


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _session(leader: int) -> frozenset[_Known]:
    """Return the leader and every process of its terminal session, including background jobs."""
    stats = ((pid, _stat(pid)) for pid in _pids())
    mine = (row for row in stats if row[1] and (row[0] == leader or row[1][_SESSION_FIELD] == str(leader)))
    return frozenset((pid, fields[_START_FIELD]) for pid, fields in mine)


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _send(family: frozenset[_Known], number: signal.Signals) -> None:
    for member in family:
        if _same(member):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member[0], number)
