"""A project's own build context: its Dockerfile and the files beside it, with one hash, built exactly as hashed."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestra import safe_files
from orchestra.errors import Refused
from orchestra.safe_files import Entry, Limits

DOCKERFILE = "Dockerfile"
"""The name of the file that says how the image is built."""
LIMITS = Limits(entries=5_000, size=256 << 20, depth=50, seconds=30.0)
"""Limits for the files beside a Dockerfile."""
_LONGEST = 1 << 20
_NOT_IMAGE = frozenset({"specs", "config.yaml", "agents", "instructions", "layouts"})
"""Names in ``.orchestra`` that do not belong to the build context."""
_BLOCK = 1 << 20
_known: dict[tuple[str, Entry], str] = {}
"""Hashes by file and its stat data: a changed file has another ctime."""


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One file of a context; ``content`` is the hash of its bytes, or the target of a symlink."""

    name: str
    mode: int
    size: int
    content: str

    @property
    def is_link(self) -> bool:
        """Whether it is a symlink."""
        return stat.S_ISLNK(self.mode)


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The Dockerfile's text and every file beside it, as hashed; ``directory`` is absolute."""

    directory: Path
    text: str
    files: tuple[ContextFile, ...]

    @property
    def digest(self) -> str:
        """The hash over names, kinds, permissions and contents."""
        total = hashlib.sha256()
        for file in self.files:
            fields = (file.name, f"{file.mode:o}", file.content)
            for field in map(os.fsencode, fields):
                total.update(f"{len(field)}:".encode() + field)
        return total.hexdigest()[:32]

    def add_to(self, archive: tarfile.TarFile) -> None:
        """Add every file except the Dockerfile to an archive; raises Refused if one has changed since it was hashed."""
        for file in self.files:
            entry = tarfile.TarInfo(file.name)
            entry.mode = file.mode & 0o777
            if file.is_link:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.content
                archive.addfile(entry)
            elif file.name != DOCKERFILE:
                self._add(archive, entry, file)

    def _add(self, archive: tarfile.TarFile, entry: tarfile.TarInfo, member: ContextFile) -> None:
        entry.size = member.size
        try:
            with safe_files.open_file(self.directory, member.name) as file:
                reader = _Hashing(file)
                archive.addfile(entry, reader)
                same = reader.total.hexdigest() == member.content and not file.read(1)
        except OSError:
            same = False
        if not same:
            raise Refused(
                f"{self.directory / member.name} changed while the image was built", hint="to see it: orchestra allow"
            )


class _Hashing(io.RawIOBase):
    """A file that hashes what is read of it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.total = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.total.update(block)
        return block


def read(directory: Path) -> BuildContext | None:
    """Return the build context in a project's ``.orchestra`` directory; None if there is none.

    Raises Refused if the Dockerfile is a symlink, and if the files exceed the limits.
    """
    root, top = directory.parent, directory.name
    text = safe_files.read(root, f"{top}/{DOCKERFILE}", most=_LONGEST)
    if text is None:
        return None
    seen = list(_entries(root, top))
    if sum(entry.size for entry in seen) > LIMITS.size:
        raise Refused(f"{directory} holds more than {LIMITS.size:,} bytes", hint="remove what the image does not need")
    files = tuple(_file(root, top, entry) for entry in seen)
    dockerfile = next((file for file in files if file.name == DOCKERFILE), None)
    if dockerfile is None or dockerfile.content != hashlib.sha256(text).hexdigest():
        raise Refused(f"{directory / DOCKERFILE} cannot be read: it is changing, or is too long", hint="try again")
    return BuildContext(directory, text.decode("utf-8", "replace"), files)


def _entries(root: Path, top: str) -> Iterator[Entry]:
    beside = [entry for entry in safe_files.list_directory(root, top) if entry.path.split("/")[1] not in _NOT_IMAGE]
    for entry in beside:
        if entry.is_directory:
            yield from (inner for inner in safe_files.walk(root, entry.path, limits=LIMITS) if not inner.is_directory)
        else:
            yield entry


def _file(root: Path, top: str, entry: Entry) -> ContextFile:
    name = entry.path[len(top) + 1 :]
    if entry.is_link:
        return ContextFile(name, entry.mode, 0, safe_files.read_link(root, entry.path) or "")
    key = str(root), entry
    if key not in _known or _young(entry):
        _known[key] = _content(root, entry)
    return ContextFile(name, entry.mode, entry.size, _known[key])


def _young(entry: Entry) -> bool:
    # File times come from a clock that ticks every 1 to 10 ms: a younger file may still change within one tick.
    return entry.changed > time.time_ns() - 100_000_000


def _content(root: Path, entry: Entry) -> str:
    total, left = hashlib.sha256(), LIMITS.size
    with safe_files.open_file(root, entry.path) as file:
        while block := file.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise Refused(f"{root / entry.path} holds more than {LIMITS.size:,} bytes", hint="move it elsewhere")
            total.update(block)
    return total.hexdigest()
