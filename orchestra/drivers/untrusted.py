"""Reading files where an agent may change any of them, and any directory above them, at any moment.

Every path is walked one component at a time without following a symlink, so nothing outside the
tree can be reached; only plain files and symlinks (as text) are read, so nothing can block.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestra.errors import Refused

_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SETTLED_SECONDS = 0.1
"""File times come from a clock that ticks every 1 to 10 ms: a younger file may still change within one tick."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a path: ``mode`` is 0 where no plain file or symlink is; ``mark`` changes when the file does.

    Sizes are in bytes. ``mark`` is empty while the file is too young to tell.
    """

    mode: int = 0
    size: int = 0
    mark: str = "-"

    @property
    def is_link(self) -> bool:
        """Whether it is a symlink."""
        return stat.S_ISLNK(self.mode)

    @classmethod
    def of(cls, found: os.stat_result, now: float) -> Sight:
        """Return what a stat result says at a time in seconds since 1970."""
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            return cls()
        young = now - found.st_ctime < _SETTLED_SECONDS
        facts = (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        return cls(found.st_mode, found.st_size, "" if young else ":".join(map(str, facts)))


class UntrustedTree:
    """The files below one directory; use it in a ``with`` block."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._clock = clock
        self._open: tuple[str, int | None] = ("", None)
        self._top = -1

    def __enter__(self) -> Self:
        try:
            self._top = os.open(self._root, _DIRECTORY)
        except OSError as error:
            raise Refused(
                f"{self._root} is not a directory that can be read: {error.strerror}", hint="look what became of it"
            ) from error
        self._open = ("", self._top)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        os.close(self._top)

    def look(self, path: str) -> Sight:
        """Say what is at a path."""
        found = self._stat(path)
        return Sight() if found is None else Sight.of(found, self._clock())

    def times(self, path: str) -> tuple[int, int, int, int] | None:
        """Return change time and modification time (nanoseconds), inode and size, or None where nothing is."""
        found = self._stat(path)
        return found and (found.st_ctime_ns, found.st_mtime_ns, found.st_ino, found.st_size)

    def copy(self, path: str, target: Path) -> bool:
        """Copy a plain file or symlink to ``target``, whose directory exists; False where there is none any more.

        Raises Refused for a file that is there and cannot be copied.
        """
        parent, name = self._parent(path)
        try:
            if parent is None:
                return False
            if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                target.symlink_to(os.readlink(name, dir_fd=parent))
                return True
            return _copy_file(os.open(name, _FILE, dir_fd=parent), target)
        except OSError as error:
            if error.errno in _GONE:
                return False
            reason = f"cannot copy {path!r}: {error.strerror}"
            raise Refused(reason, hint="make it readable, or see whether the disk is full") from error

    def below(self, directory: str) -> Iterator[str]:
        """Yield every plain file and symlink below a directory of the tree, whatever it looks like to git."""
        parent, name = self._parent(directory.rstrip("/"))
        if parent is None:
            return
        for place, folders, files, descriptor in os.fwalk(name, dir_fd=parent, follow_symlinks=False):
            inner = place[len(name) :].strip("/")
            for one in (*files, *folders):
                with contextlib.suppress(OSError):
                    found = os.stat(one, dir_fd=descriptor, follow_symlinks=False)
                    if Sight.of(found, self._clock()).mode:
                        yield "/".join(part for part in (directory.rstrip("/"), inner, one) if part)

    def _stat(self, path: str) -> os.stat_result | None:
        parent, name = self._parent(path)
        if parent is None:
            return None
        try:
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
        except OSError:
            return None

    def _parent(self, path: str) -> tuple[int | None, str]:
        folder, _, name = path.rpartition("/")
        if folder != self._open[0]:
            self._leave()
            self._open = (folder, self._walk(folder.split("/") if folder else ()))
        return self._open[1], name

    def _walk(self, parts: Iterable[str]) -> int | None:
        here = self._top
        try:
            for part in parts:
                above, here = here, os.open(part, _DIRECTORY, dir_fd=here)
                self._close(above)
        except OSError:
            self._close(here)
            return None
        return here

    def _leave(self) -> None:
        descriptor = self._open[1]
        self._open = ("", self._top)
        if descriptor is not None:
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        if descriptor != self._top:
            os.close(descriptor)


def _copy_file(descriptor: int, target: Path) -> bool:
    with os.fdopen(descriptor, "rb") as source:
        found = os.fstat(source.fileno())
        if not stat.S_ISREG(found.st_mode):
            return False
        with target.open("xb") as copy:
            # No further than the size seen now: a file can grow as fast as it is read.
            left = found.st_size
            while left > 0 and (block := source.read(min(left, _BLOCK))):
                copy.write(block)
                left -= len(block)
    target.chmod(0o755 if found.st_mode & stat.S_IXUSR else 0o644)
    return True
