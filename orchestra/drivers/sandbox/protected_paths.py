"""Directories that no agent may see: the person's home, Orchestra's own, and any that contains one of them."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from orchestra.errors import Refused
from orchestra.paths import Home

_MOUNTS = Path("/proc/self/mountinfo")
_MOUNT_POINT = 4
"""The field with the path of a mount, special characters in octal (proc(5), /proc/[pid]/mountinfo)."""
_OCTAL = re.compile(r"\\([0-7]{3})")


def refuse(source: Path, *, home: Path | None = None, start: Path | None = None) -> None:
    """Raise Refused for a directory that is or contains the person's home directory or Orchestra's own.

    This holds for every path to it, also through a symlink or a bind mount. ``home`` is Orchestra's
    home; ``start`` is the person's current directory, for the hint.
    """
    kept = home or Home.find().root
    for protected, what in (*_people(), (kept, "the directory with Orchestra's own settings and secrets")):
        if holds(source, protected):
            same = _is_same(source, protected)
            hint = "give the project its own repository"
            hint += f": cd '{start}' && git init" if start is not None and start != source else " in another directory"
            verb = "is" if same else f"contains {protected},"
            raise Refused(f"{source} {verb} {what}: agents would see all of it", hint=hint)


def holds(source: Path, path: Path) -> bool:
    """Return whether ``path`` is ``source`` or below it, or below a mount inside ``source``."""
    above = [known for directory in _upward(path) if (known := _identity(directory))]
    return any(_identity(directory) in above for directory in (source, *_mounted_below(source)))


def _people() -> Iterator[tuple[Path, str]]:
    words = "your home directory"
    yield Path.home(), words
    try:
        yield Path(pwd.getpwuid(os.getuid()).pw_dir), words
    except KeyError:
        return


def _upward(path: Path) -> Iterator[Path]:
    real = Path(os.path.realpath(path))
    yield real
    yield from real.parents


def _identity(path: Path) -> tuple[int, int] | None:
    """Return a value that is equal for all paths to a directory, including bind mounts."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _is_same(one: Path, other: Path) -> bool:
    return _identity(one) == _identity(other)


def _mounted_below(source: Path) -> Iterator[Path]:
    top = os.path.realpath(source)
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        mount_point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), line.split(" ")[_MOUNT_POINT])
        if mount_point.startswith(f"{top.rstrip('/')}/"):
            yield Path(mount_point)
