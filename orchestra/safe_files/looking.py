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
    told,
)


def look(root: Path, name: str) -> Entry | None:
    """Return the entry with this name; None if there is none, or only behind a symlink."""
    parents, last = split(name)
    try:
        with opened(root, parents) as place, told(root / name):
            return look_at(place, last, name)
    except (FileNotFoundError, Obstructed):
        return None


def read(root: Path, name: str, *, most: int) -> bytes | None:
    """Return the content of a file, at most ``most`` bytes and one more; None if there is no file.

    Raises Refused for a symlink, for anything but a regular file, and for an unreadable one.
    """
    parents, last = split(name)
    try:
        with opened(root, parents) as place, opened_file(place, last, root / name) as descriptor:
            return _first_bytes(descriptor, most + 1)
    except FileNotFoundError:
        return None


@contextmanager
def open_file(root: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file to read; raises Refused for anything but a regular file, FileNotFoundError if there is none."""
    parents, last = split(name)
    with (
        opened(root, parents) as place,
        opened_file(place, last, root / name) as descriptor,
        os.fdopen(os.dup(descriptor), "rb") as file,
    ):
        yield file


def read_link(root: Path, name: str) -> str | None:
    """Return the text of a symlink; None if there is no symlink."""
    parents, last = split(name)
    try:
        with opened(root, parents) as place:
            return os.readlink(last, dir_fd=place)
    except (OSError, Obstructed):
        return None


def list_directory(root: Path, name: str = "", *, most: int = 10_000) -> list[Entry]:
    """Return the entries of a directory, sorted by name; empty if there is no such directory.

    Raises Refused for a symlink and for more than ``most`` entries.
    """
    try:
        with opened(root, parts(name)) as place:
            return _entries(place, name, most, root)
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


def _keep_within(place: Path, limits: Limits, seen: int, total: int, late: bool) -> None:  # noqa: FBT001 -- one fact of four
    if seen > limits.entries:
        raise Refused(f"{place} holds more than {limits.entries:,} files", hint="remove what you do not need there")
    if total > limits.size:
        raise Refused(f"{place} holds more than {limits.size:,} bytes", hint="remove what you do not need there")
    if late:
        raise DeadlineExceeded(
            f"{place} could not be scanned in {limits.seconds:.0f} s", hint="remove what you do not need there"
        )


def _entries(place: int, name: str, most: int, root: Path) -> list[Entry]:
    with os.scandir(place) as listing:
        names = sorted(entry.name for entry in islice(listing, most + 1))
    if len(names) > most:
        raise Refused(f"{root / name} holds more than {most:,} files", hint="remove what you do not need there")
    front = f"{name.strip('/')}/" if name.strip("/") else ""
    return [found for one in names if (found := look_at(place, one, front + one)) is not None]


def _first_bytes(descriptor: int, most: int) -> bytes:
    found: list[bytes] = []
    while most > 0 and (block := os.read(descriptor, min(most, BLOCK))):
        found.append(block)
        most -= len(block)
    return b"".join(found)
