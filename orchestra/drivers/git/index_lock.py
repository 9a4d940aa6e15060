"""Lock a checkout's index like git, with a lock that is recognisable as ours after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestra import files
from orchestra.errors import Refused

_MARK = b"orchestra\n"
_LONGEST_WAIT = 2.0
_POLL = 0.05


@contextlib.contextmanager
def held(
    record: Path, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock of the index of the git directory ``record``; another git waits or reports the lock.

    A lock left by a killed process of ours is taken over. Raises Refused if another git holds it
    for two seconds.
    """
    path = record / "index.lock"
    descriptor = _taken(path, clock() + _LONGEST_WAIT, clock, sleep)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def sweep(common_dir: Path) -> None:
    """Remove locks that killed processes of ours left in a repository and its worktrees' records."""
    for record in (common_dir, *(common_dir / "worktrees").glob("*")):
        if (path := record / "index.lock").exists():
            clear(path)


def _taken(path: Path, end: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> int:
    while True:
        with contextlib.suppress(FileExistsError):
            return _create(path)
        if not clear(path):
            if clock() > end:
                raise Refused(
                    f"another git is running in {path.parent}, or one was killed there",
                    hint=f"if none is running: rm '{path}'",
                )
            sleep(_POLL)


def _create(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    # The kernel releases this lock when the process dies, however it dies.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, _MARK)
    return descriptor


def clear(path: Path) -> bool:
    """Remove a lock of ours if its process is gone; returns whether to retry at once."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor, opened without following links
        if not files.try_lock(file):
            return False
        if file.read(len(_MARK) + 1) != _MARK or not _is_still(path, descriptor):
            return False
        path.unlink(missing_ok=True)
        return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Return whether the name still belongs to the opened file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
