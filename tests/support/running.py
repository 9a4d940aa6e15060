"""Programs that a test starts beside itself: none outlives the test, whatever fails in it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
