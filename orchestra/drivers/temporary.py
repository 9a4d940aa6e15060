"""Temporary directories that go even when the process that made them is killed: the next one takes them away."""

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
"""Seconds in which a directory may be about to be locked."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def directory(base: Path | None = None) -> Iterator[Path]:
    """Make a private directory in ``base``, or where temporary files are kept, and remove it at the end.

    In a ``base``, what others have left is removed first. Its maker holds a lock on it, which the
    kernel lets go when the process ends, however it ends.
    """
    if base is not None:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(base)
    fresh = Path(tempfile.mkdtemp(prefix=_UNBORN, dir=base))
    handle = os.open(fresh, _DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        # Only under this name, and so only once it is locked, does `sweep` look at it.
        place = fresh.rename(fresh.with_name(PREFIX + fresh.name.removeprefix(_UNBORN)))
        try:
            yield place
        finally:
            _remove(place)
    finally:
        os.close(handle)


def sweep(base: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
    """Remove the directories in ``base`` whose makers have been killed; ``clock`` tells seconds since the epoch."""
    now = clock()
    base = base or Path(tempfile.gettempdir())
    for place in (*base.glob(f"{PREFIX}*"), *base.glob(f"{_UNBORN}*")):
        with contextlib.suppress(OSError):
            _remove_if_left(place, now)


def _remove_if_left(place: Path, now: float) -> None:
    found = place.lstat()
    if found.st_uid != os.getuid() or (place.name.startswith(_UNBORN) and now - found.st_mtime < _YOUNG):
        return
    handle = os.open(place, _DIRECTORY)
    try:
        if files.try_lock(handle):
            _remove(place)
    finally:
        os.close(handle)


def _remove(place: Path) -> None:
    # It may hold copies of directories that are too deep to be removed in the usual way.
    with contextlib.suppress(OrchestraError):
        safe_files.remove(place)
