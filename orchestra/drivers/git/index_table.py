"""The stat data that git's index records, to recognise unchanged files without git opening any."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestra.drivers.git.command import Git

_ENTRY = re.compile(
    r"(\d{6}) ([0-9a-f]+) (\d)\t([^\0]+)\0\s+ctime: (\d+):(\d+)\n\s+mtime: (\d+):(\d+)\n"
    r"\s+dev: \d+\s+ino: (\d+)\n\s+uid: \d+\s+gid: \d+\n\s+size: (\d+)\s+flags: ([0-9a-f]+)\n"
)
"""An entry of ``git ls-files --stage --debug -z`` (git-ls-files(1))."""
_GITLINK = "160000"
_ASSUMED, _SKIPPED = 0x8000, 0x40000000
"""Flags of an entry: marked as unchanged by the person; left out by a sparse checkout (git's read-cache-ll.h)."""
_INTENDED = 0x20000000
"""The flag of a path that the person intends to add."""
_LASTING = _ASSUMED | _SKIPPED | _INTENDED
_LOW_32_BITS = 0xFFFFFFFF
_EMPTY = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
"""The object ids of an empty file, by SHA-1 and by SHA-256."""
ASSUMED = "="
"""The record of a file that always counts as unchanged."""


@dataclass(slots=True)
class IndexTable:
    """``files``: directory → name → the recorded stat data, empty if it is unreliable.

    ``links`` are the paths of submodules, ``skipped`` those that a sparse checkout leaves out.
    """

    files: dict[str, dict[str, str]] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, git: Git, index: Path) -> IndexTable:
        """Read the index that git is pinned to, a copy of ``index`` with its times."""
        table = cls({"": {}})
        written = index.stat().st_mtime_ns
        listing = git.run("ls-files", "--stage", "--debug", "-z", deadline=60.0).text
        for entry in _ENTRY.finditer(listing):
            table._add(entry, written)
        return table

    @classmethod
    def load(cls, path: Path) -> IndexTable | None:
        """Read what `save` wrote; None if there is nothing."""
        try:
            known = json.loads(path.read_text(encoding="ascii"))
            return cls(known["files"], set(known["links"]), set(known["skipped"]))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def save(self, path: Path) -> None:
        """Save the table for the next scan."""
        known = {"files": self.files, "links": sorted(self.links), "skipped": sorted(self.skipped)}
        path.write_text(json.dumps(known), encoding="ascii")

    @property
    def has_attributes(self) -> bool:
        """Whether a ``.gitattributes`` is tracked."""
        return any(".gitattributes" in names for names in self.files.values())

    def _add(self, entry: re.Match[str], written: int) -> None:
        path, flags = entry[4], int(entry[11], 16)
        folder, _, name = path.rpartition("/")
        if entry[1] == _GITLINK:
            self.links.add(path)
        else:
            self._directory(folder)[name] = ASSUMED if flags & _ASSUMED else _noted(entry, written)
        if flags & _SKIPPED:
            self.skipped.add(path)

    def _directory(self, folder: str) -> dict[str, str]:
        names = self.files.get(folder)
        if names is None:
            names = self.files[folder] = {}
            while folder:
                folder = folder.rpartition("/")[0]
                self.files.setdefault(folder, {})
        return names


def entries(git: Git) -> list[tuple[str, ...]]:
    """Return mode, id, stage, path and lasting flags of every entry of the index that git is pinned to."""
    listing = git.run("ls-files", "--stage", "--debug", "-z", deadline=60.0).text
    return [(*entry.group(1, 2, 3, 4), f"{int(entry[11], 16) & _LASTING:x}") for entry in _ENTRY.finditer(listing)]


def is_unseen(entry: Sequence[str]) -> bool:
    """Return whether git does not look at the file of an entry, because the person or a sparse checkout says so."""
    return bool(int(entry[4], 16) & (_ASSUMED | _SKIPPED))


def noted(info: os.stat_result) -> str:
    """Return the stat data that an index would record for the file as it is now."""
    kind = "120000" if stat.S_ISLNK(info.st_mode) else "100755" if info.st_mode & stat.S_IXUSR else "100644"
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
        return "none"
    facts = (info.st_size & _LOW_32_BITS, info.st_mtime_ns, info.st_ctime_ns, info.st_ino & _LOW_32_BITS)
    return f"{kind}:{':'.join(map(str, facts))}"


def _noted(entry: re.Match[str], written: int) -> str:
    changed, modified = (int(entry[at]) * 1_000_000_000 + int(entry[at + 1]) for at in (5, 7))
    # A file as young as the index may have changed after git looked; git notes no size then, or compares the content.
    if entry[3] != "0" or modified >= written or (entry[10] == "0" and entry[2] not in _EMPTY):
        return ""
    return f"{entry[1]}:{entry[10]}:{modified}:{changed}:{entry[9]}"
