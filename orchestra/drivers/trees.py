"""Read, write and remove what lies where an agent could write, without ever following a link out of it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePath

from orchestra.errors import Refused

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe would keep a plain open waiting for whoever writes into it.
_OLD = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_IN_THE_WAY = frozenset({errno.EEXIST, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})


def remove(place: Path) -> None:
    """Remove a directory with all it holds; does nothing where there is none. Follows no symlink.

    A directory that an agent made unreadable is opened up first. Raises Refused for a symlink
    and for what this user may not delete.
    """
    if place.is_symlink():
        raise Refused(f"{place} is a symlink, not a directory", hint="look where it leads, then delete it yourself")
    if not place.exists():
        return
    try:
        shutil.rmtree(place)
    except PermissionError:
        _open_up(place)
        _remove_or_refuse(place)


def plant(root: Path, name: str, content: bytes, mode: int) -> bool:
    """Write a new file below ``root``, its directories too; False where something of that name is there.

    What an agent has put in the way, a symlink most of all, is left as it is, and nothing is
    written beyond it.
    """
    *parents, last = PurePath(name).parts
    if last == ".." or ".." in parents or PurePath(name).is_absolute():
        raise Refused(f"{name} does not lie below {root}", hint="name a file inside it")
    with ExitStack() as stack:
        try:
            place = _descend(stack, root, parents)
            descriptor = os.open(last, _NEW, mode, dir_fd=place)
        except OSError as error:
            if error.errno in _IN_THE_WAY:
                return False
            raise
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor, opened without following links
            file.write(content)
    return True


def make_directory(root: Path, name: str) -> None:
    """Make a directory below ``root``, its parents too; what an agent has put in the way is left as it is."""
    with ExitStack() as stack:
        try:
            _descend(stack, root, PurePath(name).parts)
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise


def read(root: Path, name: str, *, most: int) -> bytes | None:
    """Return what a file below ``root`` holds, at most ``most`` bytes and one more; None where there is none.

    Raises Refused for a symlink on the way, and for what is not a file.
    """
    *parents, last = PurePath(name).parts
    try:
        with ExitStack() as stack:
            place = os.open(root, _DIRECTORY)
            stack.callback(os.close, place)
            for part in parents:
                place = os.open(part, _DIRECTORY, dir_fd=place)
                stack.callback(os.close, place)
            return _first_bytes(os.open(last, _OLD, dir_fd=place), most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise Refused(f"{root / name} is not a plain file", hint="put a file there, and no symlink") from None
        raise


def _first_bytes(descriptor: int, most: int) -> bytes:
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        return file.read(most)


def _descend(stack: ExitStack, root: Path, parents: Sequence[str]) -> int:
    place = os.open(root, _DIRECTORY)
    stack.callback(os.close, place)
    for part in parents:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, stat.S_IRWXU, dir_fd=place)
        place = os.open(part, _DIRECTORY, dir_fd=place)
        stack.callback(os.close, place)
    return place


def _remove_or_refuse(place: Path) -> None:
    try:
        shutil.rmtree(place)
    except PermissionError as error:
        raise Refused(
            f"{error.filename} may not be deleted: another user owns it", hint=f"sudo rm -rf '{place}'"
        ) from None


def _open_up(place: Path) -> None:
    place.chmod(stat.S_IRWXU)
    for _, names, _, descriptor in os.fwalk(place):
        for name in names:
            if stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                os.chmod(name, stat.S_IRWXU, dir_fd=descriptor)
