"""What a person has in a checkout, byte for byte, to compare it with later."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

Contents = dict[str, object]


def contents(root: Path) -> Contents:
    """Return all that git and the file system tell of a checkout: files, index, HEAD, branches and stashes."""
    return {
        "status": _git(root, "status", "--porcelain", "-z", "--ignored"),
        "index": _git(root, "ls-files", "-s", "-v", "-z"),
        "staged": _git(root, "diff", "--cached", "--raw", "--no-abbrev", "-z"),
        "intended": _git(root, "diff", "--raw", "--no-abbrev", "--diff-filter=A", "-z"),
        "stash": _git(root, "stash", "list"),
        "head": _git(root, "symbolic-ref", "HEAD") + _git(root, "rev-parse", "HEAD"),
        "branches": _git(root, "for-each-ref", "refs/heads/main", "refs/stash"),
        "files": {str(path.relative_to(root)): _file(path) for path in _files(root)},
    }


def differences(before: Contents, after: Contents) -> dict[str, tuple[object, object]]:
    """Return what differs, by its name; empty if nothing does."""
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def _files(root: Path) -> list[Path]:
    found: list[Path] = []
    for directory, inside, names in os.walk(root):
        if Path(directory) == root:
            inside.remove(".git")
        links = [name for name in inside if Path(directory, name).is_symlink()]
        found += [Path(directory, name) for name in (*names, *links)]
    return sorted(found)


def _file(path: Path) -> tuple[str, object, object]:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        return "link", str(path.readlink()), ""
    if not stat.S_ISREG(info.st_mode):
        return "special", stat.S_IFMT(info.st_mode), ""
    return "file", stat.S_IMODE(info.st_mode), path.read_bytes()


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(("git", *words), cwd=root, capture_output=True, check=False, timeout=60)
    return done.stdout.decode("utf-8", "surrogateescape") + done.stderr.decode()
