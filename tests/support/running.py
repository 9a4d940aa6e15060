"""Programs that a test starts beside itself: none outlives the test, whatever fails in it; and what runs of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def running(
    words: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as long as the block lasts; it is killed at the end unless it has ended."""
    with subprocess.Popen(words, cwd=cwd, env=env, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def processes_with(mark: str) -> list[str]:
    """Return the command lines of all processes that have a text in their environment."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        # It may end at any moment, or belong to somebody else.
        with suppress(OSError):
            if mark in (process / "environ").read_text(errors="replace"):
                found.append((process / "cmdline").read_text(errors="replace").replace("\0", " "))
    return found
