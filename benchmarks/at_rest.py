"""What sessions cost at rest and at work, and how soon a written file shows: python -m benchmarks.at_rest --help."""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import repository_at, settle
from orchestra.actions.service_process import ping
from orchestra.paths import Home
from orchestra.project import Project
from orchestra.protocol import call

_TICKS = os.sysconf("SC_CLK_TCK")
_INJECT = Path(__file__).resolve().parent / "inject"
_DEADLINE = 30.0
_EVERY = 2.0
"""Seconds between two files that one writing session writes."""
_COMMITS = 15
"""A writing session commits each so many files."""


@dataclass(frozen=True)
class Team:
    """A project with sessions that run."""

    root: Path
    project: Project

    @property
    def service(self) -> int:
        """The service's process id."""
        answer = ping(self.project.paths)
        assert answer is not None
        return int(answer["pid"])

    @property
    def programs(self) -> Path:
        """The file with one line for each program that the service started."""
        return self.root / "programs"

    def orchestra(self, *words: str) -> float:
        """Run a command as a person does, and return the seconds it took."""
        command = (sys.executable, "-m", "orchestra", "--project", str(self.project.paths.source), *words)
        begun = time.monotonic()
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=1800)
        return time.monotonic() - begun

    def worktrees(self) -> list[Path]:
        """The executors' worktrees."""
        return [session.worktree for session in self.project.store.sessions.all() if session.parent]


@contextmanager
def team(sessions: int, sandbox: str, files: int) -> Iterator[Team]:
    """Bring a project with so many sessions up, on a repository with so many files; remove everything afterwards."""
    root = Path(tempfile.mkdtemp(prefix="orchestra-rest-"))
    settle(root)
    os.environ.update({"PYTHONPATH": str(_INJECT), "BENCH_PROGRAMS": str(root / "programs")})
    os.environ["ORCHESTRA_SANDBOX"] = sandbox
    repository = repository_at(root, files)
    made = Team(root, Project(Home.find().project(repository)))
    try:
        made.orchestra("up", "--detach")
        for number in range(sessions - 1):
            arguments = {"title": f"session {number}", "task": "", "parent": "main"}
            call(made.project.paths.socket, "spawn", arguments)
        yield made
    finally:
        for words in (("down", "--stop"), ("gc", "--everything", "--yes")):
            command = (sys.executable, "-m", "orchestra", "--project", str(repository), *words)
            subprocess.run(command, check=False, capture_output=True, timeout=900)
        subprocess.run(("tmux", "-L", "orchestra", "kill-server"), check=False, capture_output=True, timeout=30)
        made.project.store.close()
        shutil.rmtree(root, ignore_errors=True)


def _cpu(pid: int) -> tuple[float, float]:
    """Return the processor seconds of a process and of its ended children (proc(5): utime, stime, cutime, cstime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, user, system = int(fields[11]) + int(fields[12]), int(fields[13]), int(fields[14])
    return own / _TICKS, (user + system) / _TICKS


def cost(made: Team, seconds: float) -> str:
    """Return a line with what the service and its programs use of one core, and which programs it started."""
    pid = made.service
    before, at = _cpu(pid), time.monotonic()
    made.programs.write_text("")
    time.sleep(seconds)
    after, took = _cpu(pid), time.monotonic() - at
    own, children = ((later - earlier) / took * 100 for earlier, later in zip(before, after, strict=True))
    programs = collections.Counter(made.programs.read_text().splitlines())
    rss = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return (
        f"service {own:5.2f} %  its programs {children:5.2f} %  programs/s {programs.total() / took:5.2f}  "
        f"MB {int(rss.split()[1]) / 1024:.0f}  {dict(programs.most_common(5))}"
    )


def _until(seen: Callable[[], bool]) -> float:
    begun = time.monotonic()
    while not seen():
        assert time.monotonic() - begun < _DEADLINE, "it was never seen"
        time.sleep(0.002)
    return time.monotonic() - begun


def written_until_seen(made: Team, rounds: int, pause: float) -> list[float]:
    """Return the seconds from a file's writing until the store has the session's new numbers, one for each round."""
    store = made.project.store
    session = next(each for each in store.sessions.all() if each.parent)
    taken = []
    for number in range(rounds):
        time.sleep(pause * (1 + number % 3 / 3))
        before = store.sessions.get(session.name).diff
        (session.worktree / f"seen-{number}.txt").write_text("one line\n")
        taken.append(_until(lambda before=before: store.sessions.get(session.name).diff != before))  # type: ignore[misc]
    return taken


def ended_until_seen(made: Team) -> list[float]:
    """Return the seconds from an agent's death until the store says so, for up to five sessions."""
    store, taken = made.project.store, []
    for session in [each for each in store.sessions.all() if each.parent][-5:]:
        known = store.sessions.get(session.name).state
        name = made.project.box_name(session)
        if session.sandbox == "docker":
            subprocess.run(("docker", "kill", name), check=True, capture_output=True, timeout=60)
        else:
            os.kill(int((made.project.paths.state / "processes" / name).read_text().split()[0]), 9)
        taken.append(_until(lambda name=session.name, known=known: store.sessions.get(name).state != known))  # type: ignore[misc]
    return taken


@contextmanager
def writing(worktrees: list[Path]) -> Iterator[None]:
    """Let sessions write a file every two seconds, and commit now and then."""
    ended = threading.Event()

    def write(number: int, worktree: Path) -> None:
        ended.wait(number * _EVERY / max(1, len(worktrees)))
        for turn in range(1_000_000):
            (worktree / f"file-{turn % 40}.txt").write_text(f"{turn}\n" * 20)
            if turn % _COMMITS == _COMMITS - 1:
                for words in (("add", "-A"), ("commit", "-q", "-m", f"turn {turn}")):
                    subprocess.run(("git", *words), cwd=worktree, check=False, capture_output=True, timeout=60)
            if ended.wait(_EVERY):
                return

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(worktrees)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _percentiles(taken: list[float]) -> str:
    ordered = sorted(taken)
    last = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"median {statistics.median(ordered) * 1000:.0f} ms, 95 % within {last * 1000:.0f} ms, n {len(ordered)}"


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.at_rest", description=__doc__)
    parser.add_argument("--sessions", type=int, default=11)
    parser.add_argument("--writing", type=int, default=0, help="so many of the sessions write (host sandbox only)")
    parser.add_argument("--files", type=int, default=1, help="files in the repository")
    parser.add_argument("--sandbox", choices=("host", "docker"), default="host")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm-up", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--all", action="store_true", help="also measure down --stop, and up again")
    asked = parser.parse_args()
    with team(asked.sessions, asked.sandbox, asked.files) as made:
        time.sleep(asked.warm_up)
        what = f"{asked.sessions} sessions ({asked.sandbox}, {asked.files} files)"
        print(f"{what} at rest:  {cost(made, asked.seconds)}", flush=True)
        if asked.rounds:
            print(f"file written → seen:  {_percentiles(written_until_seen(made, asked.rounds, 2.5))}", flush=True)
        if asked.writing:
            with writing(made.worktrees()[: asked.writing]):
                time.sleep(asked.warm_up)
                print(f"{asked.writing} of them writing:  {cost(made, asked.seconds)}", flush=True)
        if asked.rounds:
            print(f"agent ended → seen:  {_percentiles(ended_until_seen(made))}", flush=True)
        if asked.all:
            print(f"down --stop:  {made.orchestra('down', '--stop'):.1f} s", flush=True)
            print(f"up again:  {made.orchestra('up', '--detach'):.1f} s", flush=True)
        print(json.dumps({"load": os.getloadavg()}))


if __name__ == "__main__":
    main()
