"""A terminal of its own for a program: keys in, output out, and how long that takes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import processor

ROOT = Path(__file__).resolve().parent.parent
SIZE = (40, 160)
"""Rows and columns."""
FIRST, WHOLE = 0.005, 0.1
"""Seconds without output after which the first repaint is complete, and after which all of them are."""
_PATIENCE, _UNPAINTED = 60.0, 10.0
"""Seconds to wait for a text, and for anything at all after a key."""


class Terminal:
    """A terminal with one program in it."""

    def __init__(self, *command: str, place: Path = ROOT, size: tuple[int, int] = SIZE) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        self.began = time.perf_counter()
        self._program = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=place, start_new_session=True
        )
        os.close(theirs)
        self.pid = self._program.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._program.terminate()
        end = time.monotonic() + _PATIENCE
        # It ends only once its last output is read.
        while self._program.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.drains(0.1)
        self._program.wait(0)
        os.close(self._ours)

    def until(self, *texts: str) -> float:
        """Return when all texts were written since the call; raises TimeoutError with the end of what was."""
        seen, wanted, end = b"", [text.encode() for text in texts], time.perf_counter() + _PATIENCE
        while not all(text in seen for text in wanted):
            if not select.select([self._ours], [], [], max(0.0, end - time.perf_counter()))[0]:
                raise TimeoutError(texts, seen[-2000:])
            seen += os.read(self._ours, 65536)
        return time.perf_counter()

    def settles(self, quiet: float = 0.3) -> None:
        """Read until nothing is written for a while."""
        while select.select([self._ours], [], [], quiet)[0]:
            os.read(self._ours, 65536)

    def drains(self, seconds: float) -> None:
        """Read for some seconds whatever is written."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._ours], [], [], left)[0]:
                os.read(self._ours, 65536)

    def writes(self, keys: bytes) -> None:
        """Press keys, without waiting for what they lead to."""
        os.write(self._ours, keys)

    def press(self, key: bytes, quiet: float = WHOLE) -> float:
        """Return the seconds from a key to the end of what it paints; raises TimeoutError if that is nothing."""
        began = time.perf_counter()
        last, wait = 0.0, _UNPAINTED
        self.writes(key)
        while select.select([self._ours], [], [], wait)[0]:
            os.read(self._ours, 65536)
            last, wait = time.perf_counter(), quiet
        if not last:
            raise TimeoutError(key, "painted nothing")
        return last - began

    def paced(self, key: bytes, quiet: float = WHOLE) -> tuple[float, float]:
        """Press a key as people do, so that each is on its own; return the seconds, also of a processor."""
        self.settles()
        before = processor.used(self.pid)
        return self.press(key, quiet), processor.used(self.pid) - before

    def most_memory(self) -> float:
        """Return the most megabytes of memory that the program has had."""
        return int(Path(f"/proc/{self.pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def processor_times(spent: Sequence[float]) -> str:
    """Return what is noted beside times on the clock."""
    ordered = sorted(spent)
    last = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
    return f"of a processor: median {ordered[len(ordered) // 2] * 1000:.0f} ms, 95 % {last * 1000:.0f} ms"
