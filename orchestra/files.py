"""Files of Orchestra's own: replaced in one move, and locked against other processes.

What an agent can write is touched through `orchestra.safe_files` alone.
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
    """Write a file anew in one move: nobody ever reads half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        fresh.write_bytes(text.encode("utf-8", "surrogateescape"))
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def try_lock(file: IO[str] | IO[bytes] | int) -> bool:
    """Lock an open file for as long as it stays open, and say whether that could be done: another may hold it.

    The kernel lets go of the lock when the process ends, however it ends.
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
    """Lock an open file; False where another process holds it for ``deadline`` seconds."""
    end = clock() + deadline
    while not try_lock(file):
        if clock() > end:
            return False
        pause(_POLL)
    return True
