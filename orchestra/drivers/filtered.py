"""Files behind a filter program (Git LFS, encryption): unchanged ones are told apart without running it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence

from orchestra.drivers.git import Git
from orchestra.drivers.untrusted import UntrustedTree

_ENTRY = re.compile(
    r"(?P<path>[^\0]+)\0\s+ctime: (?P<ctime>\d+:\d+)\n\s+mtime: (?P<mtime>\d+:\d+)\n"
    r"\s+dev: \d+\s+ino: (?P<inode>\d+)\n\s+uid: \d+\s+gid: \d+\n\s+size: (?P<size>\d+)\s+flags: \w+\n"
)
_LOW_32_BITS = 0xFFFFFFFF
_MOST_ARGUMENTS = 200


def untouched(git: Git, host: Git, tree: UntrustedTree, changed: Sequence[str]) -> set[str]:
    """Return those of the paths that a filter wrote and nobody has written since.

    Git compares files of the index's own second by content, which for these is the unfiltered
    one. The nanoseconds it noted tell more: equal ones mean that the file is the one it wrote.
    Source of the record's form: git-ls-files(1), ``--debug``.
    """
    if not changed or not any(item.startswith("filter.") for item in host.lines0("config", "--list", "-z")):
        return set()
    behind = _behind_a_filter(git, changed)
    if not behind:
        return set()
    asked: Collection[str] = behind if len(behind) <= _MOST_ARGUMENTS else ()
    record = git.at(host.git_dir / "index").run("ls-files", "-z", "--debug", "--", *asked).text
    noted = (entry for entry in _ENTRY.finditer(record) if entry["path"] in behind)
    return {entry["path"] for entry in noted if _is_as_noted(entry, tree)}


def _behind_a_filter(git: Git, paths: Sequence[str]) -> set[str]:
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    fields = git.run("check-attr", "-z", "--stdin", "filter", stdin=names).text.split("\0")
    pairs = zip(fields[::3], fields[2::3], strict=False)
    return {path for path, value in pairs if value not in {"unspecified", "unset"}}


def _is_as_noted(entry: re.Match[str], tree: UntrustedTree) -> bool:
    times = tree.times(entry["path"])
    if times is None:
        return False
    changed, modified, inode, size = times
    noted = (entry["ctime"], entry["mtime"], int(entry["inode"]), int(entry["size"]))
    return noted == (_parts(changed), _parts(modified), inode & _LOW_32_BITS, size & _LOW_32_BITS)


def _parts(nanoseconds: int) -> str:
    return "{}:{}".format(*divmod(nanoseconds, 1_000_000_000))
