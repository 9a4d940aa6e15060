"""Read and change git's index as a file: its paths and the recorded stat data.

Git itself would open the checkout for this, where an agent can leave named pipes. The format is
gitformat-index(5).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct(">4sII")
_STAT = struct.Struct(">10I")
_ASSUMED = 0x8000
_EXTENDED = 0x4000
_COMPRESSED = 4
_LOW_32_BITS = 0xFFFFFFFF
_REPOSITORY = 0o160000
_REPOSITORY_BYTES = struct.pack(">I", _REPOSITORY)
_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Entry:
    path: bytes
    mode: int
    start: int
    assumed: bool


def repositories(index: Path, object_format: str, *, looked_into: bool = False) -> list[str]:
    """Return the paths of all repositories inside the repository, according to the index.

    With ``looked_into``, only those that git looks into: those that are not marked as unchanged
    (``--assume-unchanged``).
    """
    try:
        return repositories_in(index.read_bytes(), object_format, looked_into=looked_into)
    except FileNotFoundError:
        return []


def repositories_in(content: bytes, object_format: str, *, looked_into: bool = False) -> list[str]:
    """Return the same for an index's content; raises struct.error, ValueError or IndexError for invalid content."""
    if _REPOSITORY_BYTES not in content:
        return []
    repositories = (entry for entry in _entries(content, _id_length(object_format)) if entry.mode == _REPOSITORY)
    return [os.fsdecode(entry.path) for entry in repositories if not (looked_into and entry.assumed)]


def note(index: Path, seen: Mapping[str, os.stat_result], object_format: str) -> None:
    """Record in the index the stat data of files that are known to match it; its other entries stay."""
    content = bytearray(index.read_bytes())
    length = _id_length(object_format)
    wanted = {os.fsencode(path): info for path, info in seen.items()}
    for entry in _entries(bytes(content), length):
        if (info := wanted.get(entry.path)) is not None:
            _STAT.pack_into(content, entry.start, *_fields(info, entry.mode))
    _write(index, content, object_format)


def assume_unchanged(index: Path, object_format: str) -> None:
    """Mark the repositories inside the repository as unchanged, so that git never looks into them."""
    if not repositories(index, object_format, looked_into=True):
        return
    content = bytearray(index.read_bytes())
    flags = _STAT.size + _id_length(object_format)
    for entry in _entries(bytes(content), _id_length(object_format)):
        if entry.mode == _REPOSITORY:
            content[entry.start + flags] |= _ASSUMED >> 8
    _write(index, content, object_format)


def _write(index: Path, content: bytearray, object_format: str) -> None:
    length = _id_length(object_format)
    # All zeros if the person has switched off the checksum (index.skipHash).
    if any(content[-length:]):
        algorithm = hashlib.new(object_format, bytes(content[:-length]), usedforsecurity=False)
        content[-length:] = algorithm.digest()
    index.write_bytes(content)


def _fields(info: os.stat_result, mode: int) -> tuple[int, ...]:
    times = (*divmod(info.st_ctime_ns, _BILLION), *divmod(info.st_mtime_ns, _BILLION))
    rest = (info.st_dev, info.st_ino, mode, info.st_uid, info.st_gid, info.st_size)
    return tuple(number & _LOW_32_BITS for number in (*times, *rest))


def _entries(content: bytes, length: int) -> Iterator[_Entry]:
    _, version, count = _HEADER.unpack_from(content)
    position, before = _HEADER.size, b""
    for _ in range(count):
        start, fixed = position, _STAT.size + length + 2
        (flags,) = struct.unpack_from(">H", content, start + fixed - 2)
        name = start + fixed + (2 if flags & _EXTENDED else 0)
        if version == _COMPRESSED:
            kept, name = _varint(content, name)
            end = content.index(b"\0", name)
            path, position = before[: len(before) - kept] + content[name:end], end + 1
        else:
            end = content.index(b"\0", name)
            path, position = content[name:end], start + (end - start + 8) // 8 * 8
        before = path
        yield _Entry(path, struct.unpack_from(">I", content, start + 24)[0], start, bool(flags & _ASSUMED))


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Read a number in the encoding of git's delta offsets; returns it and the position after it."""
    byte = content[position]
    number = byte & 0x7F
    while byte & 0x80:
        position += 1
        byte = content[position]
        number = ((number + 1) << 7) | (byte & 0x7F)
    return number, position + 1


def _id_length(object_format: str) -> int:
    return 32 if object_format == "sha256" else 20
