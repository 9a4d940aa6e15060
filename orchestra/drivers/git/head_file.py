"""Read which commit is checked out from git's files, because starting git takes longer."""

from __future__ import annotations

import re
from pathlib import Path

from orchestra.drivers.git.command import Git

_REF = "ref: "
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHARED = "refs/heads/"
"""Refs of branches are in the directory that all checkouts share (gitrepository-layout(5))."""
_PACKED = 64 << 20
"""The most bytes of ``packed-refs`` that are read here."""


def commit_at(git: Git) -> str:
    """Return the commit that is checked out; git is asked where its files do not say it, as with reftables.

    Raises CommandFailed if there is none.
    """
    return _commit(git.git_dir) or git.text("rev-parse", "--verify", "HEAD^{commit}")


def head(git: Git) -> tuple[str, str] | None:
    """Return the commit and the branch that are checked out; None when detached, or where the files do not say it."""
    branch = _text(git.git_dir / "HEAD").strip().removeprefix(_REF + _SHARED)
    commit = _commit(git.git_dir)
    return None if commit is None else (commit, branch)


def _commit(git_dir: Path) -> str | None:
    name = _text(git_dir / "HEAD").strip()
    if not name.startswith(_REF + _SHARED):
        return None
    name = name.removeprefix(_REF)
    shared = _common(git_dir)
    tip = _text(shared / name).strip() or _packed(shared / "packed-refs", name)
    return tip if _COMMIT.fullmatch(tip) else None


def _common(git_dir: Path) -> Path:
    other = _text(git_dir / "commondir").strip()
    return git_dir / other if other else git_dir


def _packed(path: Path, name: str) -> str:
    try:
        if path.stat().st_size > _PACKED:
            return ""
    except OSError:
        return ""
    end = f" {name}"
    return next((line[: -len(end)] for line in _text(path).splitlines() if line.endswith(end)), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
