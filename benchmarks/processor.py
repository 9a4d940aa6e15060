"""The processor time of processes, which a busy machine changes less than it changes the time on the clock."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def used(pid: int) -> float:
    """Return the seconds that a process and everything it started have run; 0 if it is gone.

    Its own time is exact; that of its ended programs is counted in hundredths of a second
    (proc(5): cutime, cstime).
    """
    try:
        own = time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3)
        fields = _stat(pid)
    except OSError:
        return 0.0
    return own + (int(fields[13]) + int(fields[14])) / _TICKS + sum(used(child) for child in _children(pid))


def share(pids: Iterable[int], seconds: float) -> list[float]:
    """Return what each process and its programs use of one core, in percent, while so many seconds pass."""
    numbers = list(pids)
    before, began = [used(pid) for pid in numbers], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return [(used(pid) - earlier) / took * 100 for pid, earlier in zip(numbers, before, strict=True)]


def resident(pid: int) -> float:
    """Return the megabytes of memory of a process."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def watches(pid: int) -> int:
    """Return how many files and directories a process has the kernel watch (inotify(7))."""
    files = Path(f"/proc/{pid}/fdinfo").iterdir()
    return sum(line.startswith("inotify ") for file in files for line in _lines(file))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for file in tasks.glob("*/children") for line in _lines(file) for child in line.split()]
