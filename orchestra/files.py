"""Orchestra's own files: replaced atomically, and locked against other processes.

Files that an agent can write are only accessed through `orchestra.safe_files`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

_POLL = 0.02


def replace(path: Path, text: str) -> None:
    """Replace a file atomically, so that nobody reads half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        fresh.write_bytes(text.encode("utf-8", "surrogateescape"))
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def try_lock(file: IO[str] | IO[bytes] | int) -> bool:
    """Lock an open file for as long as it stays open; returns False if another process holds the lock.

    The kernel releases the lock when the process ends, however it ends.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(
    file: IO[str] | IO[bytes] | int,
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Lock an open file; returns False if another process holds the lock for ``deadline`` seconds."""
    end = clock() + deadline
    while not try_lock(file):
        if clock() > end:
            return False
        pause(_POLL)
    return True
