"""Read which commit is checked out, or on a branch, from git's files, because starting git takes longer."""

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


def tip(shared: Path, branch: str) -> str | None:
    """Return the commit of a branch; None where the files of the shared git directory do not say it."""
    name = _SHARED + branch
    commit = _text(shared / name).strip() or _packed(shared / "packed-refs", name)
    return commit if _COMMIT.fullmatch(commit) else None


def _commit(git_dir: Path) -> str | None:
    name = _text(git_dir / "HEAD").strip()
    return tip(_common(git_dir), name.removeprefix(_REF + _SHARED)) if name.startswith(_REF + _SHARED) else None


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
