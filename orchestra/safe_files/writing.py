"""New files, links and directories below a root."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
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
    told,
)


def write(root: Path, name: str, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file in one move, its directories too; no reader sees half of it.

    The umask takes from ``mode``. Raises Refused for a symlink, or anything but a plain file, of that name.
    """
    parents, last = split(name)
    with made(root, parents) as place, told(root / name):
        found = look_at(place, last, name)
        if found is not None and not found.is_file:
            raise obstacle(root / name, found.mode)
        fresh = f".{secrets.token_hex(8)}.new"
        descriptor = os.open(fresh, NEW, mode, dir_fd=place)
        try:
            _fill(descriptor, content)
            os.rename(fresh, last, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            with suppress(OSError):
                os.unlink(fresh, dir_fd=place)
            raise


def plant(root: Path, name: str, content: bytes, mode: int) -> bool:
    """Write a new file, its directories too; False where something of that name is there, or in the way.

    What an agent has put there, a symlink most of all, is left as it is, and nothing is written beyond it.
    """
    parents, last = split(name)
    try:
        with made(root, parents) as place, told(root / name):
            _fill(os.open(last, NEW, mode, dir_fd=place), content)
    except Obstructed:
        return False
    return True


def plant_link(root: Path, name: str, target: str) -> bool:
    """Make a symlink, its directories too; False where something of that name is there, or in the way."""
    parents, last = split(name)
    try:
        with made(root, parents) as place, told(root / name):
            os.symlink(target, last, dir_fd=place)
    except Obstructed:
        return False
    return True


def make_directory(root: Path, name: str) -> bool:
    """Make a directory, its parents too; False where an agent has put something else in the way, which is left."""
    try:
        with made(root, parts(name)):
            return True
    except Obstructed:
        return False


def move_in(source: Path, root: Path, name: str, *, owner: tuple[int, int] | None = None) -> os.stat_result:
    """Move a file or symlink from outside to a name below ``root``, in place of the file or symlink there.

    Returns what it looks like there. Missing directories are made. ``owner`` (user and group) is who it, and they,
    belong to. Raises Refused where a directory has that name, or a symlink is on the way.
    """
    parents, last = split(name)
    for number in range(1, len(parents) + 1):
        _make_owned(root, parents[:number], owner)
    if owner is not None:
        os.lchown(source, *owner)
    with made(root, parents) as place, told(root / name):
        try:
            os.rename(source, last, dst_dir_fd=place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_in(source, place, last, owner)
        return os.stat(last, dir_fd=place, follow_symlinks=False)


def _make_owned(root: Path, parents: tuple[str, ...], owner: tuple[int, int] | None) -> None:
    *above, last = parents
    with made(root, above) as place, told(root.joinpath(*parents)), suppress(FileExistsError):
        os.mkdir(last, dir_fd=place)
        if owner is not None:
            os.chown(last, *owner, dir_fd=place, follow_symlinks=False)


def _copy_in(source: Path, place: int, last: str, owner: tuple[int, int] | None) -> None:
    """Copy to another file system, under a name of its own until it is whole."""
    fresh = f".{secrets.token_hex(8)}.new"
    if source.is_symlink():
        os.symlink(source.readlink(), fresh, dir_fd=place)
    else:
        with source.open("rb") as file:
            _pour(file.fileno(), os.open(fresh, NEW, 0o600, dir_fd=place), os.fstat(file.fileno()))
    if owner is not None:
        os.chown(fresh, *owner, dir_fd=place, follow_symlinks=False)
    os.rename(fresh, last, src_dir_fd=place, dst_dir_fd=place)


def set_back(root: Path, name: str, nanoseconds: int) -> os.stat_result | None:
    """Make a plain file look older by so much, and return what it looks like then; None where there is none."""
    parents, last = split(name)
    try:
        with opened(root, parents) as place, opened_file(place, last, root / name) as file:
            found = os.fstat(file)
            os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns - nanoseconds))
            return os.fstat(file)
    except FileNotFoundError:
        return None


def copy_file(root: Path, name: str, target: Path, target_name: str = "", *, most: int) -> int:
    """Copy a plain file to a new one below ``target`` and return its bytes; its permissions go with it.

    Raises Refused, with the reason, where nothing can be copied: a symlink, a file of more than ``most`` bytes,
    a name that is taken; FileNotFoundError where there is no such file.
    """
    parents, last = split(name)
    others, new = split(target_name or name)
    with opened(root, parents) as place, opened_file(place, last, root / name) as source:
        found = os.fstat(source)
        if found.st_size > most:
            raise Refused(f"{root / name} has {found.st_size:,} bytes", hint=f"at most {most:,} are copied")
        with made(target, others) as where, told(target / (target_name or name)):
            _pour(source, os.open(new, NEW, found.st_mode & 0o777, dir_fd=where), found)
    return found.st_size


def _fill(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(content)


def _pour(source: int, fresh: int, found: os.stat_result) -> None:
    with closing(fresh):
        os.fchmod(fresh, found.st_mode & 0o777)
        # No further than the size seen before: a file can grow as fast as it is read.
        left = found.st_size
        while left > 0 and (block := os.read(source, min(left, BLOCK))):
            left -= len(block)
            _write_all(fresh, block)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
