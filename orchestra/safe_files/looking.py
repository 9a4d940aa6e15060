"""Read files, links and directories below a root."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from orchestra.errors import DeadlineExceeded, Refused
from orchestra.safe_files.handles import (
    BLOCK,
    Clock,
    Entry,
    Limits,
    Obstructed,
    look_at,
    opened,
    opened_file,
    parts,
    split,
    translated,
)


def look(root: Path, name: str) -> Entry | None:
    """Return the entry with this name; None if there is none, or only behind a symlink."""
    parents, last = split(name)
    try:
        with opened(root, parents) as directory, translated(root / name):
            return look_at(directory, last, name)
    except (FileNotFoundError, Obstructed):
        return None


def read(root: Path, name: str, *, most: int) -> bytes | None:
    """Return the content of a file, at most ``most`` bytes and one more; None if there is no file.

    Raises Refused for a symlink, for anything but a regular file, and for an unreadable one.
    """
    parents, last = split(name)
    try:
        with opened(root, parents) as directory, opened_file(directory, last, root / name) as descriptor:
            return _first_bytes(descriptor, most + 1)
    except FileNotFoundError:
        return None


@contextmanager
def open_file(root: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file to read; raises Refused for anything but a regular file, FileNotFoundError if there is none."""
    parents, last = split(name)
    with (
        opened(root, parents) as directory,
        opened_file(directory, last, root / name) as descriptor,
        os.fdopen(os.dup(descriptor), "rb") as file,
    ):
        yield file


def read_link(root: Path, name: str) -> str | None:
    """Return the text of a symlink; None if there is no symlink."""
    parents, last = split(name)
    try:
        with opened(root, parents) as directory:
            return os.readlink(last, dir_fd=directory)
    except (OSError, Obstructed):
        return None


def list_directory(root: Path, name: str = "", *, most: int = 10_000) -> list[Entry]:
    """Return the entries of a directory, sorted by name; empty if there is no such directory.

    Raises Refused for a symlink and for more than ``most`` entries.
    """
    try:
        with opened(root, parts(name)) as directory:
            return _entries(directory, name, most, root)
    except FileNotFoundError:
        return []


def walk(root: Path, name: str = "", *, limits: Limits | None = None, clock: Clock = time.monotonic) -> Iterator[Entry]:
    """Yield everything below a directory, each directory before its entries; symlinks are not followed.

    What disappears meanwhile is left out. Raises Refused beyond the limits and for an unreadable
    directory.
    """
    limits = limits or Limits()
    end, seen, total = clock() + limits.seconds, 0, 0
    pending = [name.strip("/")]
    while pending:
        above = pending.pop()
        inside = _children(root, above, limits, first=above == name.strip("/"))
        for entry in inside:
            seen, total = seen + 1, total + (entry.size if entry.is_file else 0)
            _keep_within(root / name, limits, seen, total, clock() > end)
            yield entry
        pending += [entry.path for entry in reversed(inside) if entry.is_directory]


def _children(root: Path, above: str, limits: Limits, *, first: bool) -> list[Entry]:
    if len(parts(above)) > limits.depth:
        raise Refused(
            f"{root} has directories nested more than {limits.depth} deep", hint="move the deepest ones elsewhere"
        )
    try:
        return list_directory(root, above, most=limits.entries)
    except Obstructed:
        # A directory was seen there a moment ago.
        if first:
            raise
        return []


def _keep_within(path: Path, limits: Limits, seen: int, total: int, late: bool) -> None:  # noqa: FBT001 -- one fact of four
    if seen > limits.entries:
        raise Refused(f"{path} holds more than {limits.entries:,} files", hint="remove what you do not need there")
    if total > limits.size:
        raise Refused(f"{path} holds more than {limits.size:,} bytes", hint="remove what you do not need there")
    if late:
        raise DeadlineExceeded(
            f"{path} could not be scanned in {limits.seconds:.0f} s", hint="remove what you do not need there"
        )


def _entries(directory: int, name: str, most: int, root: Path) -> list[Entry]:
    with os.scandir(directory) as listing:
        names = sorted(entry.name for entry in islice(listing, most + 1))
    if len(names) > most:
        raise Refused(f"{root / name} holds more than {most:,} files", hint="remove what you do not need there")
    front = f"{name.strip('/')}/" if name.strip("/") else ""
    return [entry for entry_name in names if (entry := look_at(directory, entry_name, front + entry_name)) is not None]


def _first_bytes(descriptor: int, most: int) -> bytes:
    blocks: list[bytes] = []
    while most > 0 and (block := os.read(descriptor, min(most, BLOCK))):
        blocks.append(block)
        most -= len(block)
    return b"".join(blocks)
