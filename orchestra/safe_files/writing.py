"""Create files, links and directories below a root."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestra.errors import Refused
from orchestra.safe_files.handles import (
    BLOCK,
    NEW,
    Obstructed,
    closing,
    look_at,
    made,
    obstacle,
    opened,
    opened_file,
    parts,
    split,
    translated,
)

_UNNAMED = os.O_WRONLY | os.O_CLOEXEC | getattr(os, "O_TMPFILE", os.O_CREAT | os.O_EXCL | os.O_DIRECTORY)
"""The flags for opening a file without a name; elsewhere than on Linux the call fails."""


def write(root: Path, name: str, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file atomically, creating its directories; one process at a time writes a name.

    The umask applies to ``mode``. Raises Refused if the path is a symlink or not a regular file. A
    killed process leaves at most, between two system calls, a hidden copy, which the next write
    removes.
    """
    parents, last = split(name)
    with made(root, parents) as directory, translated(root / name):
        entry = look_at(directory, last, name)
        if entry is not None and not entry.is_file:
            raise obstacle(root / name, entry.mode)
        with _unnamed(directory, last, mode) as (descriptor, fresh):
            _write_all(descriptor, content)
            _name(directory, descriptor, fresh, last)


@contextmanager
def _unnamed(directory: int, last: str, mode: int) -> Iterator[tuple[int, str]]:
    """Yield a new file without a name, and its temporary name.

    It has that name at once if the file system does not support unnamed files (open(2), O_TMPFILE).
    """
    fresh = _hidden(last)
    # Left by a killed process.
    with suppress(OSError):
        os.unlink(fresh, dir_fd=directory)
    try:
        descriptor = os.open(".", _UNNAMED, mode, dir_fd=directory)
    except OSError:
        descriptor = os.open(fresh, NEW, mode, dir_fd=directory)
    try:
        yield descriptor, fresh
    finally:
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(fresh, dir_fd=directory)


def _hidden(last: str) -> str:
    return f".{hashlib.sha256(os.fsencode(last)).hexdigest()[:16]}.new"


def _name(directory: int, descriptor: int, fresh: str, last: str) -> None:
    if os.fstat(descriptor).st_nlink == 0:
        source = f"/proc/self/fd/{descriptor}"
        with suppress(FileExistsError):
            os.link(source, last, dst_dir_fd=directory, follow_symlinks=True)
            return
        os.link(source, fresh, dst_dir_fd=directory, follow_symlinks=True)
    os.rename(fresh, last, src_dir_fd=directory, dst_dir_fd=directory)


def plant(root: Path, name: str, content: bytes, mode: int) -> bool:
    """Write a new file, creating its directories; returns False if the name is taken or something is in the way.

    What an agent has put there, such as a symlink, stays unchanged, and nothing is written behind
    it.
    """
    parents, last = split(name)
    try:
        with made(root, parents) as directory, translated(root / name):
            _fill(os.open(last, NEW, mode, dir_fd=directory), content)
    except Obstructed:
        return False
    return True


def plant_link(root: Path, name: str, target: str) -> bool:
    """Create a symlink and its directories; returns False if the name is taken or something is in the way."""
    parents, last = split(name)
    try:
        with made(root, parents) as directory, translated(root / name):
            os.symlink(target, last, dir_fd=directory)
    except Obstructed:
        return False
    return True


def make_directory(root: Path, name: str) -> bool:
    """Create a directory and its parents; returns False if something else is in the way, which stays."""
    try:
        with made(root, parts(name)):
            return True
    except Obstructed:
        return False


def move_in(source: Path, root: Path, name: str, *, owner: tuple[int, int] | None = None) -> os.stat_result:
    """Move a file or symlink from outside to a name below ``root``, replacing a file or symlink there.

    Returns its new entry. Missing directories are created. ``owner`` (user and group) will own it
    and them. Raises Refused if the name is a directory, or a symlink is on the path.
    """
    parents, last = split(name)
    for number in range(1, len(parents) + 1):
        _make_owned(root, parents[:number], owner)
    if owner is not None:
        os.lchown(source, *owner)
    with made(root, parents) as directory, translated(root / name):
        try:
            os.rename(source, last, dst_dir_fd=directory)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_in(source, directory, last, owner)
        return os.stat(last, dir_fd=directory, follow_symlinks=False)


def _make_owned(root: Path, parents: tuple[str, ...], owner: tuple[int, int] | None) -> None:
    *above, last = parents
    with made(root, above) as directory, translated(root.joinpath(*parents)), suppress(FileExistsError):
        os.mkdir(last, dir_fd=directory)
        if owner is not None:
            os.chown(last, *owner, dir_fd=directory, follow_symlinks=False)


def _copy_in(source: Path, directory: int, last: str, owner: tuple[int, int] | None) -> None:
    """Copy to another file system, to an unnamed file until it is complete."""
    if source.is_symlink():
        _copy_link(source, directory, last, owner)
        return
    with source.open("rb") as file, _unnamed(directory, last, 0o600) as (descriptor, fresh):
        _pour(file.fileno(), descriptor, os.fstat(file.fileno()))
        if owner is not None:
            os.fchown(descriptor, *owner)
        _name(directory, descriptor, fresh, last)


def _copy_link(source: Path, directory: int, last: str, owner: tuple[int, int] | None) -> None:
    fresh = _hidden(last)
    with suppress(FileNotFoundError):
        os.unlink(fresh, dir_fd=directory)
    os.symlink(source.readlink(), fresh, dir_fd=directory)
    if owner is not None:
        os.chown(fresh, *owner, dir_fd=directory, follow_symlinks=False)
    os.rename(fresh, last, src_dir_fd=directory, dst_dir_fd=directory)


def set_back(root: Path, name: str, nanoseconds: int) -> os.stat_result | None:
    """Set back the times of a regular file by so much, and return its entry; None if there is none."""
    parents, last = split(name)
    try:
        with opened(root, parents) as directory, opened_file(directory, last, root / name) as file:
            info = os.fstat(file)
            os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns - nanoseconds))
            return os.fstat(file)
    except FileNotFoundError:
        return None


def copy_file(root: Path, name: str, target: Path, target_name: str = "", *, most: int) -> int:
    """Copy a regular file to a new one below ``target``, with its permissions, and return its size.

    Raises Refused with the reason for a symlink, a file of more than ``most`` bytes, or a taken
    name; FileNotFoundError if there is no such file.
    """
    parents, last = split(name)
    others, new = split(target_name or name)
    with opened(root, parents) as directory, opened_file(directory, last, root / name) as source:
        info = os.fstat(source)
        if info.st_size > most:
            raise Refused(f"{root / name} has {info.st_size:,} bytes", hint=f"at most {most:,} are copied")
        with (
            made(target, others) as where,
            translated(target / (target_name or name)),
            closing(os.open(new, NEW, info.st_mode & 0o777, dir_fd=where)) as fresh,
        ):
            _pour(source, fresh, info)
    return info.st_size


def _fill(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(content)


def _pour(source: int, fresh: int, info: os.stat_result) -> None:
    os.fchmod(fresh, info.st_mode & 0o777)
    # Only up to the size seen before, because a file can grow as fast as it is read.
    left = info.st_size
    while left > 0 and (block := os.read(source, min(left, BLOCK))):
        left -= len(block)
        _write_all(fresh, block)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
