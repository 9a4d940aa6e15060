"""Read files in a tree whose files and directories an agent may change at any moment.

Every path is walked one component at a time without following a symlink, so nothing outside the
tree can be reached; only regular files and symlinks (as text) are read, so nothing can block.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

from orchestra import safe_files
from orchestra.errors import Refused
from orchestra.safe_files import Limits
from orchestra.safe_files.handles import DIRECTORY, NEW, OLD

_DEEPEST, _LONGEST_WALK = 4_000, 600.0
"""Limits in depth and seconds for walking a whole directory."""
_YOUNG_SECONDS = 0.1
"""File times come from a clock that ticks every 1 to 10 ms: a younger file may still change within one tick."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV})
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Sight:
    """The state of a path: ``mode`` is 0 if there is no regular file or symlink; ``mark`` changes when the file does.

    Sizes are in bytes; ``stored`` is the size without holes. ``mark`` is empty while the file is
    too young to tell.
    """

    mode: int = 0
    size: int = 0
    mark: str = "-"
    stored: int = 0

    @classmethod
    def of(cls, info: os.stat_result, now: float) -> Sight:
        """Turn a stat result into a Sight, at a time in seconds since 1970."""
        if not (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
            return cls()
        young = now - info.st_ctime < _YOUNG_SECONDS
        facts = (info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
        stored = min(info.st_size, info.st_blocks * 512)
        return cls(info.st_mode, info.st_size, "" if young else ":".join(map(str, facts)), stored)


class Unreadable(Refused):
    """A directory that cannot be read."""


class UntrustedTree:
    """The files below one directory; use it in a ``with`` block."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._clock = clock
        self._open: tuple[str, int | None] = ("", None)
        self._top = -1
        self._obstacle = 0

    def __enter__(self) -> Self:
        try:
            self._top = os.open(self._root, DIRECTORY)
        except OSError as error:
            raise Refused(
                f"{self._root} is not a directory that can be read: {error.strerror}", hint="check what happened to it"
            ) from error
        self._open = ("", self._top)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        os.close(self._top)

    def look(self, path: str) -> Sight:
        """Return the state of a path."""
        info = self._stat(path)
        return Sight() if info is None else self.sight(info)

    def sight(self, info: os.stat_result) -> Sight:
        """Turn a current stat result into a Sight."""
        return Sight.of(info, self._clock())

    def times(self, path: str) -> tuple[int, int, int, int] | None:
        """Return change time and modification time (nanoseconds), inode and size; None if there is nothing."""
        info = self._stat(path)
        return info and (info.st_ctime_ns, info.st_mtime_ns, info.st_ino, info.st_size)

    def children(self, directory: str, most: int) -> list[tuple[str, os.stat_result]]:
        """Return at most so many entries of a directory; empty if there is none. Raises Unreadable."""
        parent, name = self._parent(f"{directory}/." if directory else ".")
        try:
            listed = self._opened(parent, name)
            try:
                with os.scandir(listed) as entries:
                    return [(entry.name, seen) for entry in islice(entries, most) if (seen := _seen(entry)) is not None]
            finally:
                os.close(listed)
        except PermissionError:
            reason = f"the directory {directory or '.'!r} cannot be read"
            raise Unreadable(reason, hint=f"chmod -R u+rwX '{self._root}'") from None
        except OSError:
            return []

    def read(self, path: str, most: int) -> bytes | None:
        """Return the content of a regular file; None if there is none, or if it has more than ``most`` bytes."""
        result = self.read_with_stat(path, most)
        return None if result is None else result[0]

    def read_with_stat(self, path: str, most: int) -> tuple[bytes, os.stat_result] | None:
        """Return the content and stat data of a regular file; None like `read`, and for a file that is changing."""
        parent, name = self._parent(path)
        try:
            if parent is None:
                return None
            with os.fdopen(os.open(name, OLD, dir_fd=parent), "rb") as file:
                before = os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode) or before.st_size > most:
                    return None
                content = file.read(most + 1)
                after = os.fstat(file.fileno())
        except OSError:
            return None
        alike = (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
        return (content, after) if alike and len(content) == after.st_size else None

    def copy(self, path: str, target: Path, *, holes: bool = True) -> bool:
        """Copy a regular file or symlink to ``target``, whose directory exists; returns False if it is gone.

        Holes in a file stay holes; without ``holes``, a file with holes is not copied. Raises
        Refused for a file that exists but cannot be copied.
        """
        parent, name = self._parent(path)
        try:
            if parent is None:
                return False
            if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                target.symlink_to(os.readlink(name, dir_fd=parent))
                return True
            return _copy_file(os.open(name, OLD, dir_fd=parent), target, holes=holes)
        except OSError as error:
            if error.errno in _GONE:
                return False
            reason = f"cannot copy {path!r}: {error.strerror}"
            raise Refused(reason, hint="make it readable, or check whether the disk is full") from error

    def below(self, directory: str, most: int) -> Iterator[str]:
        """Yield every regular file and symlink below a directory of the tree, including nested repositories.

        Raises Refused for more than ``most`` entries in total, and what `safe_files.walk` raises.
        """
        limits = Limits(entries=most, size=sys.maxsize, depth=_DEEPEST, seconds=_LONGEST_WALK)
        for entry in safe_files.walk(self._root, directory, limits=limits):
            if entry.is_file or entry.is_link:
                yield entry.path

    def _opened(self, parent: int | None, name: str) -> int:
        if parent is None:
            raise OSError(self._obstacle, "in the way")
        # Opened again, because listing moves the position of a descriptor.
        return os.open(name, DIRECTORY, dir_fd=parent)

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
        above, descriptor = self._open
        if folder == above:
            return descriptor, name
        if descriptor not in {None, self._top} and folder.startswith(f"{above}/"):
            # Continue from the current directory, so that a deep path is not walked again for each entry.
            self._open = (folder, self._walk(folder[len(above) + 1 :].split("/"), descriptor))
        else:
            self._leave()
            self._open = (folder, self._walk(folder.split("/") if folder else ()))
        return self._open[1], name

    def _walk(self, parts: Iterable[str], start: int | None = None) -> int | None:
        here = self._top if start is None else start
        try:
            for part in parts:
                above, here = here, os.open(part, DIRECTORY, dir_fd=here)
                self._close(above)
        except OSError as error:
            self._close(here)
            self._obstacle = error.errno or 0
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


def _seen(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _copy_file(descriptor: int, target: Path, *, holes: bool) -> bool:
    with os.fdopen(descriptor, "rb") as source:
        info = os.fstat(source.fileno())
        if not stat.S_ISREG(info.st_mode):
            return False
        if not holes and info.st_size and os.lseek(descriptor, 0, os.SEEK_HOLE) < info.st_size:
            raise OSError(errno.EFBIG, "it has a hole")
        mode = 0o755 if info.st_mode & stat.S_IXUSR else 0o644
        copy = os.open(target, NEW, mode)
        try:
            # Only up to the size seen now, because a file can grow as fast as it is read.
            _pour(descriptor, copy, info.st_size)
            os.fchmod(copy, mode)
        finally:
            os.close(copy)
    return True


def _pour(source: int, copy: int, size: int) -> None:
    """Copy the written parts of a file, and give the copy the same length, so that holes stay holes."""
    at = 0
    while at < size and (begin := _next_data(source, at, size)) < size:
        end = min(os.lseek(source, begin, os.SEEK_HOLE), size)
        for at in range(begin, end, _BLOCK):
            block = os.pread(source, min(_BLOCK, end - at), at)
            os.pwrite(copy, block, at)
        at = end
    os.ftruncate(copy, size)


def _next_data(source: int, at: int, size: int) -> int:
    try:
        return os.lseek(source, at, os.SEEK_DATA)
    except OSError as error:
        # The rest of the file is a hole (lseek(2)).
        if error.errno == errno.ENXIO:
            return size
        raise
