"""How quickly a large diff is shown: python -m benchmarks.review [FILES LINES [PAGES]].

A session changes every line of so many files. Printed are the time from the first data to the first painted changes,
the time from a key to the end of its output on a real pseudo-terminal, the most memory, and `orchestra diff` beside
`git diff`.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from orchestra.actions.work.session_review import SessionReview
from orchestra.model import Scope
from orchestra.review import reducer
from orchestra.review.document import Document
from orchestra.review.frame import Canvas
from orchestra.review.reducer import Outcome, Read
from orchestra.review.state import View
from orchestra.views.patch import Patch
from tests.support.projects import HostProject, host_project

SIZE = (120, 40)
_PAGE_DOWN = b"\x1b[6~"
_QUIET = 0.12
"""Seconds without output after which a key's output has ended."""
_DEADLINE = 120.0


def main(files: int = 10, lines: int = 10_000, pages: int = 200) -> None:
    """Measure, and print one line for each number."""
    before, after = _code(lines, "value"), _code(lines, "other")
    monkeypatch = pytest.MonkeyPatch()
    names = [f"package{number // 500}/file{number}.py" for number in range(files)]
    with host_project(monkeypatch, files=dict.fromkeys(names, before)) as world:
        session = world.spawn("big")
        for name in names:
            world.write(session, name, after)
        print(f"{files:,} files, {lines:,} changed lines each")
        _first_paint(world)
        _page_down(world, pages)
        _beside_git(world, session.worktree, session.base)
    monkeypatch.undo()


def _code(lines: int, word: str) -> str:
    return "".join(f"def {word}_{number}(a, b={number}):  # {word}\n" for number in range(lines))


def _first_paint(world: HostProject) -> None:
    """Measure the list of files and, from it on, the first painted changes, without a terminal."""
    taken = []
    for _ in range(6):
        source = SessionReview(world.project, "big")
        begun = time.perf_counter()
        changes = source.changes(Scope.BRANCH)
        listed = time.perf_counter()
        view, _ = reducer.resize(View("big"), *SIZE)
        document = Document.of(changes)
        Canvas().draw(_read_first(source, document, reducer.opened(view, document, source.viewed())))
        taken.append((listed - begun, time.perf_counter() - listed))
        source.close()
    listing, paint = (statistics.median(times) * 1000 for times in zip(*taken[1:], strict=True))
    print(f"{'list of files (a second look)':34} {listing:8.0f} ms")
    print(f"{'first paint after it':34} {paint:8.0f} ms")


def _read_first(source: SessionReview, document: Document, outcome: Outcome) -> View:
    view, effects = outcome
    first = next(effect.number for effect in effects if isinstance(effect, Read))
    patch = Patch.parse(source.patch(document.changes, document.entries[first].file))
    patch.prepare()
    return reducer.read(view, document.changes, first, patch)[0]


def _page_down(world: HostProject, pages: int) -> None:
    """Measure keys in a review on a pseudo-terminal, as a person has it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(world.source)
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, (sys.executable, "-m", "orchestra", "review", "big"))  # noqa: S606 -- on the terminal
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    begun = time.perf_counter()
    end = _output(terminal, until=b"value_0")
    print(f"{'orchestra review, until changes':34} {(end - begun) * 1000:8.0f} ms")
    _output(terminal)
    times = sorted(_key(terminal) for _ in range(pages))
    print(f"{'page down, median':34} {statistics.median(times) * 1000:8.1f} ms")
    print(f"{'page down, p95':34} {times[int(len(times) * 0.95)] * 1000:8.1f} ms")
    status = Path(f"/proc/{pid}/status").read_text()
    most = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    print(f"{'most memory':34} {int(most) / 1024:8.0f} MB")
    os.write(terminal, b"q")
    _output(terminal)
    os.close(terminal)
    os.waitpid(pid, 0)


def _key(terminal: int) -> float:
    begun = time.perf_counter()
    os.write(terminal, _PAGE_DOWN)
    return _output(terminal) - begun


def _output(terminal: int, until: bytes = b"") -> float:
    """Read until a text came or, without one, until nothing comes any more; return the time of the last byte."""
    seen, last, end = b"", time.perf_counter(), time.perf_counter() + _DEADLINE
    while time.perf_counter() < end:
        wait = 1.0 if until or not seen else _QUIET
        if not select.select([terminal], [], [], wait)[0]:
            if not until:
                break
            continue
        try:
            seen += os.read(terminal, 1 << 16)
        except OSError:
            break
        last = time.perf_counter()
        if until and until in seen:
            break
    return last


def _beside_git(world: HostProject, worktree: Path, base: str) -> None:
    ours = (sys.executable, "-m", "orchestra", "diff", "big")
    raw = ("git", "diff", base)
    taken = []
    for _ in range(5):
        pair = []
        for command, place in ((ours, world.source), (raw, worktree)):
            begun = time.perf_counter()
            subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL, timeout=_DEADLINE)
            pair.append(time.perf_counter() - begun)
        taken.append(pair)
    mine, git = (statistics.median(side) * 1000 for side in zip(*taken, strict=True))
    ratio = statistics.median(one / other for one, other in taken)
    print(f"{'orchestra diff, git diff':34} {mine:8.0f} ms {git:8.0f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
