"""Read all files of a small directory at once, so that the same content is checked, allowed and used."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestra.errors import Refused
from orchestra.safe_files.handles import Entry, Limits
from orchestra.safe_files.looking import read, read_link, walk

SMALL = Limits(entries=500, size=4 << 20, depth=8, seconds=5.0)
"""Limits for a directory of which a snapshot is taken."""


@dataclass(frozen=True)
class Snapshot:
    """The content and mode of the files of a directory, by path; ``links`` are its symlinks as text."""

    path: Path
    files: Mapping[str, tuple[bytes, int]]
    links: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """A hash of everything; empty if there is nothing."""
        if not self.files and not self.links:
            return ""
        total = hashlib.sha256()
        for name, (content, mode) in sorted(self.files.items()):
            _add(total, b"file", os.fsencode(name), b"x" if mode & 0o100 else b"-", content)
        for name, target in sorted(self.links.items()):
            _add(total, b"link", os.fsencode(name), os.fsencode(target))
        return total.hexdigest()[:32]


def _add(total: hashlib._Hash, *fields: bytes) -> None:
    # The lengths keep fields apart.
    for value in fields:
        total.update(f"{len(value)}:".encode() + value)


def snapshot(root: Path, name: str, *, limits: Limits = SMALL) -> Snapshot:
    """Read all files of a directory below ``root``; a missing directory counts as empty.

    Raises Refused if it is a symlink, beyond the limits, and for anything but files, directories
    and symlinks.
    """
    files: dict[str, tuple[bytes, int]] = {}
    links: dict[str, str] = {}
    for entry in walk(root, name, limits=limits):
        inner = entry.path[len(name) + 1 :]
        if entry.is_link:
            links[inner] = read_link(root, entry.path) or ""
        elif not entry.is_directory:
            files[inner] = _whole(root, entry, limits), entry.permissions
    return Snapshot(root / name, files, links)


def _whole(root: Path, entry: Entry, limits: Limits) -> bytes:
    content = read(root, entry.path, most=limits.size) or b""
    if len(content) > limits.size:
        raise Refused(f"{root / entry.path} is growing while it is read", hint="wait until nothing writes to it")
    return content
