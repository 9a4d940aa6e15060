"""Temporary directories that a later process removes if their own process was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestra import files, safe_files
from orchestra.errors import OrchestraError

PREFIX = "orchestra-held-"
_UNBORN = ".orchestra-unheld-"
_YOUNG = 60.0
"""Seconds for which a new directory may not be locked yet."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def directory(base: Path | None = None) -> Iterator[Path]:
    """Yield a private directory in ``base``, or in the default directory for temporary files, and remove it afterwards.

    In a ``base``, leftovers are removed first. The process holds a lock on its directory, which the
    kernel releases when the process ends.
    """
    if base is not None:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(base)
    fresh = Path(tempfile.mkdtemp(prefix=_UNBORN, dir=base))
    handle = os.open(fresh, _DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        # `sweep` handles it only under this name, when it is locked.
        path = fresh.rename(fresh.with_name(PREFIX + fresh.name.removeprefix(_UNBORN)))
        try:
            yield path
        finally:
            _remove(path)
    finally:
        os.close(handle)


def sweep(base: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
    """Remove the directories in ``base`` whose makers have been killed; ``clock`` returns seconds since the epoch."""
    now = clock()
    base = base or Path(tempfile.gettempdir())
    for path in (*base.glob(f"{PREFIX}*"), *base.glob(f"{_UNBORN}*")):
        with contextlib.suppress(OSError):
            _remove_if_left(path, now)


def _remove_if_left(path: Path, now: float) -> None:
    info = path.lstat()
    if info.st_uid != os.getuid() or (path.name.startswith(_UNBORN) and now - info.st_mtime < _YOUNG):
        return
    handle = os.open(path, _DIRECTORY)
    try:
        if files.try_lock(handle):
            _remove(path)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    # It may contain copies of directories that are too deep for the usual way.
    with contextlib.suppress(OrchestraError):
        safe_files.remove(path)
