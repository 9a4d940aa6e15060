"""What sessions cost at rest and at work: the service, the control pane, and everything that they start."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processor
from benchmarks.effort import Effort
from benchmarks.table import Goal, Row
from benchmarks.team import Team, team
from orchestra.model import Session, State

_AT_REST = (State.IDLE, State.WAITING, State.UNKNOWN)
_EVERY = 2.0
"""Seconds between two files that one writing session writes."""
_COMMITS = 15
"""A writing session commits each so many files."""
_IDLE = """\
import sys
from inotify_simple import INotify, flags
notify = INotify()
for path in sys.stdin.read().split("\\0"):
    notify.add_watch(path, flags.MODIFY | flags.CREATE | flags.DELETE)
print("ready", flush=True)
notify.read()
"""


def at_rest(effort: Effort) -> Iterator[Row]:
    """51 sessions at rest, then the same with 20 of them writing."""
    number, writers = effort.of(51, 3), effort.of(20, 2)
    with team(number - 1) as made:
        made.waits_for(*_AT_REST)
        yield _resting(made, effort, f"{number} sessions at rest: share of a core", 1.0)
        with writing(made.executors[:writers]):
            time.sleep(effort.of(15, 2))
            ours = processor.share((made.service, made.pane), effort.of(30, 3))
            raw = _shortstat(made.executors[0]) * writers / _EVERY * 100
            goal = Goal(8.0) if not effort.quick else None
            yield Row(
                f"{number} sessions, {writers} of them writing: share of a core", sum(ours), raw, "%", goal,
                note=f"service {ours[0]:.2f}, pane {ours[1]:.2f}; raw: a git diff --shortstat for each file",
            )  # fmt: skip


def many_files(effort: Effort) -> Iterator[Row]:
    """Three sessions at rest in a repository of 50,000 files."""
    files = effort.of(50_000, 500)
    with team(2, files=files) as made:
        made.waits_for(*_AT_REST)
        yield _resting(made, effort, f"3 sessions at rest, {files:,} files: share of a core", 1.0)


def _resting(made: Team, effort: Effort, what: str, most: float) -> Row:
    """Measure once everything that follows a start is over."""
    time.sleep(effort.of(75, 2))
    number = processor.watches(made.service)
    with _idle(made.root, number) as raw:
        service, pane, idle = processor.share((made.service, made.pane, raw), effort.of(60, 3))
    memory = f"{processor.resident(made.service):.0f} MB + {processor.resident(made.pane):.0f} MB"
    note = f"service {service:.2f}, pane {pane:.2f}; {memory}; raw: a Python process with as many watches ({number})"
    return Row(what, service + pane, idle, "%", Goal(most) if not effort.quick else None, note=note)


@contextmanager
def _idle(root: Path, number: int) -> Iterator[int]:
    """Run a Python process that watches so many directories in which nothing happens; yields its id."""
    places = [root / "idle" / str(each) for each in range(number)]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen((sys.executable, "-c", _IDLE), **pipes) as process:  # type: ignore[call-overload] # mypy cannot see through the keywords
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\0".join(map(str, places)))
        process.stdin.close()
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.terminate()


def _shortstat(session: Session, times: int = 20) -> float:
    """Return the processor seconds of counting a session's changes once with git."""
    before = _of_programs()
    for _ in range(times):
        command = ("git", "diff", "--shortstat", session.base)
        subprocess.run(command, cwd=session.worktree, check=True, capture_output=True, timeout=60)
    return (_of_programs() - before) / times


def _of_programs() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


@contextmanager
def writing(sessions: Sequence[Session]) -> Iterator[None]:
    """Let sessions write a file of twenty lines every two seconds, and commit now and then."""
    ended = threading.Event()

    def write(number: int, worktree: Path) -> None:
        ended.wait(number * _EVERY / max(1, len(sessions)))
        for turn in range(1_000_000):
            (worktree / f"file-{turn % 40}.txt").write_text(f"{turn}\n" * 20)
            if turn % _COMMITS == _COMMITS - 1:
                for words in (("add", "-A"), ("commit", "-q", "-m", f"turn {turn}")):
                    subprocess.run(("git", *words), cwd=worktree, check=False, capture_output=True, timeout=60)
            if ended.wait(_EVERY):
                return

    threads = [threading.Thread(target=write, args=(at, each.worktree)) for at, each in enumerate(sessions)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
