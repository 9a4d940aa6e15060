"""A project with sessions that run, for the measurements that need many of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import repository_at, settle
from benchmarks.terminal import Terminal
from orchestra.actions.service_process import ping
from orchestra.model import Session, State
from orchestra.paths import Home
from orchestra.project import Project
from orchestra.protocol import call

_DEADLINE = 120.0
_POLL = 0.05


@dataclass(frozen=True)
class Team:
    """A project whose designer and executors run."""

    root: Path
    project: Project

    @property
    def service(self) -> int:
        """The service's process id."""
        answer = ping(self.project.paths)
        assert answer is not None
        return int(answer["pid"])

    @property
    def pane(self) -> int:
        """The process id of the control pane in its tmux window."""
        words = ("list-panes", "-a", "-F", "#{pane_pid} #{@orchestra_control}")
        done = subprocess.run(
            ("tmux", "-L", "orchestra", *words), check=True, capture_output=True, text=True, timeout=30
        )
        return next(int(line.split()[0]) for line in done.stdout.splitlines() if line.partition(" ")[2])

    @property
    def executors(self) -> list[Session]:
        """The executors, as they are recorded now."""
        return [session for session in self.project.store.sessions.all() if session.parent]

    def orchestra(self, *words: str) -> float:
        """Run a command as a person does, and return the seconds it took."""
        begun = time.monotonic()
        subprocess.run(self.command(*words), check=True, capture_output=True, text=True, timeout=1800)
        return time.monotonic() - begun

    def control_pane(self) -> Terminal:
        """Open a control pane in a terminal of the measurement's own."""
        return Terminal(*self.command("control"))

    def review(self, name: str) -> Terminal:
        """Open a session's review in such a terminal."""
        return Terminal(*self.command("review", name))

    def command(self, *words: str) -> tuple[str, ...]:
        """Return the command line of a command in this project."""
        return (sys.executable, "-m", "orchestra", "--project", str(self.project.paths.source), *words)

    def spawn(self, title: str) -> Session:
        """Create an executor without a task."""
        call(self.project.paths.socket, "spawn", {"title": title, "task": "", "parent": "main"})
        return self.executors[-1]

    def waits_for(self, *states: State) -> None:
        """Wait until all sessions are in one of the states."""
        until(lambda: all(session.state in states for session in self.project.store.sessions.all()))


def until(seen: Callable[[], object], *, poll: float = _POLL) -> float:
    """Wait until something is true, and return when it was seen to be."""
    end = time.perf_counter() + _DEADLINE
    while not seen():
        assert time.perf_counter() < end, "it was never seen"
        time.sleep(poll)
    return time.perf_counter()


@contextmanager
def team(
    executors: int = 0, *, sandbox: str = "host", agent: str = "rehearsal", files: int = 1, more: Mapping[str, str] = {}
) -> Iterator[Team]:
    """Bring a project with a designer and so many executors up; remove everything afterwards.

    Its repository has so many files of one line, and ``more`` with their texts.
    """
    root = Path(tempfile.mkdtemp(prefix="orchestra-bench-"))
    settle(root)
    os.environ.update({"ORCHESTRA_SANDBOX": sandbox, "ORCHESTRA_AGENT": agent})
    made = Team(root, Project(Home.find().project(repository_at(root, files, more))))
    try:
        made.orchestra("up", "--detach")
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(made.spawn, [f"session {number}" for number in range(executors)]))
        yield made
    finally:
        for words in (("down", "--stop"), ("gc", "--everything", "--yes")):
            subprocess.run(made.command(*words), check=False, capture_output=True, timeout=900)
        subprocess.run(("tmux", "-L", "orchestra", "kill-server"), check=False, capture_output=True, timeout=30)
        made.project.store.close()
        shutil.rmtree(root, ignore_errors=True)
