"""Remove files, and directories of any depth."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path

from orchestra.errors import DeadlineExceeded, Refused
from orchestra.safe_files.handles import (
    DIRECTORY,
    Clock,
    Entry,
    closing,
    look_at,
    opened,
    split,
    translated,
)

_LOCATION = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE = 10_000
"""How many names of a directory are read before the first is removed."""


def remove_file(root: Path, name: str) -> bool:
    """Remove a file or a symlink; returns False if there is none.

    Raises Refused for a directory, and for a symlink on the path.
    """
    parents, last = split(name)
    try:
        with opened(root, parents) as directory, translated(root / name):
            os.unlink(last, dir_fd=directory)
    except FileNotFoundError:
        return False
    return True


def remove_directory(root: Path, name: str) -> bool:
    """Remove an empty directory; returns False if there is none, or it is not empty. Follows no symlink."""
    parents, last = split(name)
    try:
        with opened(root, parents) as directory, translated(root / name):
            return _removed_empty(directory, last)
    except (FileNotFoundError, Refused):
        return False


def remove(path: Path, *, seconds: float = 600.0, clock: Clock = time.monotonic) -> None:
    """Remove a directory with all its content, however deep; does nothing if there is none. Follows no symlink.

    A directory that an agent made unreadable gets permissions first. Raises Refused for a symlink
    and for what this user may not delete, DeadlineExceeded after ``seconds``.
    """
    try:
        with opened(path.parent, ()) as above:
            entry = look_at(above, path.name, path.name)
            if entry is None:
                return
            if not entry.is_directory:
                raise _not_removed(path, entry)
            _take_away(path, above, clock, clock() + seconds)
    except FileNotFoundError:
        return


def _not_removed(path: Path, entry: Entry) -> Refused:
    if entry.is_link:
        return Refused(f"{path} is a symlink, not a directory", hint="check where it leads, then delete it yourself")
    return Refused(f"{path} is not a directory", hint="check what it is, then delete it yourself")


def _take_away(path: Path, above: int, clock: Clock, end: float) -> None:
    try:
        with closing(_open_up(above, path.name)) as top:
            _empty(path, top, clock, end)
        os.rmdir(path.name, dir_fd=above)
    except PermissionError as error:
        what = f"{error.filename} in {path}" if error.filename else str(path)
        raise Refused(f"{what} cannot be deleted: another user owns it", hint=f"sudo rm -rf '{path}'") from None
    except OSError as error:
        if error.errno != errno.ENOENT:
            reason = (error.strerror or "").lower()
            raise Refused(f"{path} cannot be deleted: {reason}", hint=f"check it: ls -la '{path}'") from error


def _empty(path: Path, top: int, clock: Clock, end: float) -> None:
    """Empty a directory; deeper directories are moved up first, so that depth and path length do not matter."""
    while names := _some_names(top):
        for name in names:
            if clock() > end:
                raise DeadlineExceeded(f"{path} could not be removed in time", hint=f"to remove it: rm -rf '{path}'")
            # Another process may have removed it first.
            with suppress(FileNotFoundError):
                if not _unlinked(top, name):
                    _move_up(top, name)


def _move_up(top: int, name: str) -> None:
    with closing(_open_up(top, name)) as inner:
        while names := _some_names(inner):
            for child in names:
                with suppress(FileNotFoundError):
                    if not _unlinked(inner, child):
                        _rename(inner, child, top)
    os.rmdir(name, dir_fd=top)


def _rename(inner: int, name: str, top: int) -> None:
    fresh = secrets.token_hex(8)
    try:
        os.rename(name, fresh, src_dir_fd=inner, dst_dir_fd=top)
    except PermissionError:
        # A directory that its owner may not write cannot be moved (rename(2)).
        os.close(_open_up(inner, name))
        os.rename(name, fresh, src_dir_fd=inner, dst_dir_fd=top)


def _unlinked(directory: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=directory)
    except (IsADirectoryError, PermissionError) as error:
        info = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            raise error from None
        return _removed_empty(directory, name)
    except FileNotFoundError:
        return True
    return True


def _removed_empty(directory: int, name: str) -> bool:
    try:
        os.rmdir(name, dir_fd=directory)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.EACCES}:
            return False
        raise
    return True


def _some_names(directory: int) -> list[str]:
    with os.scandir(directory) as listing:
        return [entry.name for entry in islice(listing, _AT_ONCE)]


def _open_up(directory: int, name: str) -> int:
    """Open a directory after giving its owner every permission on it."""
    with closing(os.open(name, _LOCATION, dir_fd=directory)) as location:
        if os.fstat(location).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            # The descriptor, not the name, which an agent could replace by a symlink meanwhile.
            os.chmod(f"/proc/self/fd/{location}", stat.S_IRWXU)  # noqa: PTH101 -- no path but a descriptor
        return os.open(".", DIRECTORY, dir_fd=location)
