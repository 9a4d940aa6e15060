"""Measure the control pane in a terminal of its own: first paint, key to repaint, memory, and what it costs at rest.

Usage: python -m benchmarks.control_pane [SESSIONS]
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
import tempfile
import termios
import time
from datetime import timedelta
from pathlib import Path

from orchestra.model import DiffStat, Role, SandboxKind, Sign
from orchestra.store import Store

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "tests" / "support" / "control_program.py"
_SIZE = (40, 160)
_QUIET = 0.02
"""Seconds without output after which a repaint is complete."""
_REST = 10.0


def fill(place: Path, number: int) -> None:
    """Make a store with so many sessions, one in ten asking the person."""
    store = Store.open(place / "state.db")
    for count in range(number):
        name = f"session-{count:03}" if count else "main"
        store.sessions.add(
            name=name, title=name, role=Role.EXECUTOR if count else Role.DESIGNER, agent="claude",
            sandbox=SandboxKind.DOCKER, branch=f"orchestra/{name}", base="a" * 40, base_branch="main",
            worktree=Path("/w") / name, parent="main" if count else None,
        )  # fmt: skip
        sign = Sign.PROMPTED if count % 10 == 1 else Sign.TURN_ENDED
        store.sessions.record_sign(name, sign, f"works on part {count}")
        store.sessions.update(name, diff=DiffStat(3, 120, 4), state_since=store.now() - timedelta(hours=1))
        (place / f"diff.{name}").write_text(_diff())
    store.close()


def _diff() -> str:
    lines = "".join(f"+print('hello', {number})\n" for number in range(1000))
    return f"diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -0,0 +1,1000 @@\n{lines}"


class Terminal:
    """A terminal with the control pane in it."""

    def __init__(self, place: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *_SIZE, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        self.began = time.perf_counter()
        self._program = subprocess.Popen(
            (sys.executable, str(PROGRAM), str(place)), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self.pid = self._program.pid

    def until(self, text: bytes, patience: float = 60.0) -> float:
        """Return when a text was written."""
        seen, end = b"", time.perf_counter() + patience
        while text not in seen:
            if not select.select([self._ours], [], [], end - time.perf_counter())[0]:
                raise TimeoutError(text)
            seen += os.read(self._ours, 65536)
        return time.perf_counter()

    def settles(self, quiet: float = 0.3) -> None:
        """Read until nothing more is written."""
        while select.select([self._ours], [], [], quiet)[0]:
            os.read(self._ours, 65536)

    def press(self, key: bytes) -> float:
        """Return the seconds from a key to the end of what it paints."""
        began = last = time.perf_counter()
        os.write(self._ours, key)
        wait = 2.0
        while select.select([self._ours], [], [], wait)[0]:
            os.read(self._ours, 65536)
            last, wait = time.perf_counter(), _QUIET
        return last - began

    def ends(self) -> None:
        """End the control pane."""
        self._program.terminate()
        self._program.wait(10)
        os.close(self._ours)


def processor(pid: int) -> float:
    """Return the seconds that a process has run, from the scheduler's statistics of its threads."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def resident(pid: int) -> float:
    """Return the megabytes of memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def told(what: str, taken: list[tuple[float, float]]) -> None:
    """Print the median and the 95th percentile in milliseconds: on the clock, and of a processor."""
    print(f"{what:<28}", end="")
    for name, seconds in zip(("clock", "processor"), zip(*taken, strict=True), strict=True):
        p95 = statistics.quantiles(seconds, n=20)[-1]
        print(f"  {name}: median {1000 * statistics.median(seconds):5.1f} ms, p95 {1000 * p95:5.1f} ms", end="")
    print()


def main(number: int) -> None:
    """Measure the control pane with so many sessions, and print what was found."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        fill(place, number)
        terminal = Terminal(place)
        try:
            print(f"{number} sessions, {_SIZE[1]} columns, {_SIZE[0]} rows")
            print(f"{'first paint':<28} {1000 * (terminal.until(b'session') - terminal.began):.0f} ms")
            terminal.settles()
            for what, keys in (
                ("select the next session", b"j" * 40),
                ("scroll a page of a diff", b"  \x15\x15" * 10),
                ("show another tab", b"\t" * 20),
                ("next that needs you", b"n" * 20),
            ):
                told(what, [_paced(terminal, bytes((key,))) for key in keys])
            terminal.settles(1.5)
            before, began = processor(terminal.pid), time.perf_counter()
            terminal.settles(_REST)
            spent = processor(terminal.pid) - before
            print(f"{'at rest':<28} {100 * spent / (time.perf_counter() - began):.2f} % of a processor")
            print(f"{'memory':<28} {resident(terminal.pid):.0f} MB resident")
        finally:
            terminal.ends()


def _paced(terminal: Terminal, key: bytes) -> tuple[float, float]:
    """Press a key as people do, so that each is a command of its own; return both times until it is painted."""
    terminal.settles(0.3)
    before = processor(terminal.pid)
    return terminal.press(key), processor(terminal.pid) - before


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
