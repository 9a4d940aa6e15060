"""Walk paths through open directories."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestra.errors import Refused

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
DIRECTORY = _ROOT | os.O_NOFOLLOW | os.O_NONBLOCK
"""The flags for opening a directory below a root."""
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""The flags for opening a new file."""
OLD = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""The flags for opening a file to read; without O_NONBLOCK, opening a named pipe would wait for a writer."""
BLOCK = 1 << 20
"""Bytes read or written at once."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENAMETOOLONG})


Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for walking a tree: entries, bytes of its files, depth of directories, seconds."""

    entries: int = 100_000
    size: int = 1 << 30
    depth: int = 200
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A name below a root, with its state when it was read.

    ``size`` is in bytes; ``modified`` and ``changed`` (mtime and ctime) are in nanoseconds since
    1970. An agent can set the former but not the latter.
    """

    path: str
    mode: int
    size: int
    modified: int
    changed: int
    inode: int

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symlink."""
        return stat.S_ISLNK(self.mode)

    @property
    def permissions(self) -> int:
        """Its permission bits, without set-user-id and similar bits."""
        return self.mode & 0o777


class Obstructed(Refused):
    """A symlink, or anything else of the wrong kind, is in the way."""


def parts(name: str) -> tuple[str, ...]:
    """Return the parts of a name below a root; raises Refused for a name outside the root."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise Refused(f"{name!r} is not inside the directory", hint="name a file inside it")
    return path.parts


def split(name: str) -> tuple[tuple[str, ...], str]:
    """Return the parts of a file's directory and its own name; raises Refused for an empty name."""
    *above, last = parts(name) or ("",)
    if not last:
        raise Refused(f"{name!r} does not name a file", hint="name a file inside the directory")
    return tuple(above), last


@contextmanager
def opened(root: Path, parents: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Open a directory below ``root``; raises FileNotFoundError, Obstructed for a symlink on the path, else Refused."""
    with translated(root):
        directory = os.open(root, _ROOT)
    try:
        for number, part in enumerate(parents, 1):
            above, directory = directory, _step_down(directory, part, root.joinpath(*parents[:number]), make=make)
            os.close(above)
        yield directory
    finally:
        os.close(directory)


@contextmanager
def made(root: Path, parents: Sequence[str]) -> Iterator[int]:
    """Open a directory below ``root``, creating missing ones."""
    try:
        with opened(root, parents, make=True) as directory:
            yield directory
    except FileNotFoundError:
        raise Refused(
            f"{root.joinpath(*parents)} has disappeared", hint=f"check what happened to it: ls -la '{root}'"
        ) from None


def _step_down(directory: int, name: str, path: Path, *, make: bool) -> int:
    with translated(path):
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=directory)
        return _directory(directory, name, path)


def _directory(directory: int, name: str, path: Path) -> int:
    try:
        return os.open(name, DIRECTORY, dir_fd=directory)
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
        entry = look_at(directory, name, name)
        raise obstacle(path, entry.mode if entry else 0, wanted="directory") from None


@contextmanager
def opened_file(directory: int, name: str, path: Path) -> Iterator[int]:
    """Open a regular file to read; raises FileNotFoundError, Obstructed for anything else, else Refused."""
    with translated(path):
        try:
            opened = os.open(name, OLD, dir_fd=directory)
        except OSError as error:
            # A symlink, a socket or a device without its driver.
            if error.errno not in {errno.ELOOP, errno.ENXIO, errno.ENODEV}:
                raise
            entry = look_at(directory, name, name)
            raise obstacle(path, entry.mode if entry else 0) from None
    with closing(opened) as descriptor:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise obstacle(path, mode)
        yield descriptor


def obstacle(path: Path, mode: int, *, wanted: str = "file") -> Obstructed:
    """Return the error for a path of the wrong kind, from its mode."""
    what = "a symlink" if stat.S_ISLNK(mode) else "a directory" if stat.S_ISDIR(mode) else f"not a regular {wanted}"
    return Obstructed(f"{path} is {what}", hint=f"replace it with a regular {wanted}; to see it: ls -ld '{path}'")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn a failed system call into an error with the whole path; FileNotFoundError stays as it is."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, FileExistsError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise Obstructed(f"{path}: {(error.strerror or '').lower()}", hint=f"check it: ls -ld '{path}'") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise Refused(f"{path}: {reason}", hint=f"check it: ls -ld '{path}'; and the disk: df") from error


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Yield a descriptor, and close it."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def look_at(directory: int, name: str, path: str) -> Entry | None:
    """Return the entry with this name in an open directory; ``path`` is its path below the root."""
    try:
        info = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    return Entry(path, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
