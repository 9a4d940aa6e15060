"""Read the host's own records of what is checked out where, without touching any worktree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers.git.repository import Repository
from orchestra.errors import NotFound

_BRANCH = "ref: refs/heads/"
_REBASES = ("rebase-merge/head-name", "rebase-apply/head-name")
_RENAMED = "Branch: renamed refs/heads/{} to refs/heads/{}"
"""The line that git writes into the reflog of a renamed branch (builtin/branch.c)."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """One worktree: ``branch`` is empty if it is detached, ``rebased`` is the branch that is being rebased in it."""

    path: Path
    branch: str
    rebased: str = ""


def checkout_at(repo: Repository, path: Path) -> Checkout | None:
    """Return what is checked out at ``path``; None if git has no worktree there."""
    try:
        record = repo.record(path)
    except NotFound:
        return None
    return _read(record, path)


def checkout_of(repo: Repository, branch: str) -> Checkout | None:
    """Return the linked worktree that has ``branch`` checked out; None if there is none."""
    return next((checkout for checkout in _linked(repo) if checkout.branch == branch), None)


def renamed_to(repo: Repository, branch: str, candidates: Iterator[str]) -> str:
    """Return which of the branches was called ``branch`` before; empty if none was, or no reflog says so."""
    return next((name for name in candidates if _was(repo, branch, name)), "")


def _was(repo: Repository, before: str, now: str) -> bool:
    return _RENAMED.format(before, now) in _text(repo.common_dir / "logs" / "refs" / "heads" / now)


def _linked(repo: Repository) -> Iterator[Checkout]:
    for record in sorted((repo.common_dir / "worktrees").glob("*/gitdir")):
        checkout = _read(record.parent, (record.parent / _text(record).rstrip("\n")).parent)
        if checkout is not None:
            yield checkout


def _read(record: Path, path: Path) -> Checkout | None:
    head = _text(record / "HEAD").rstrip("\n")
    if not head:
        return None
    branch = head.removeprefix(_BRANCH) if head.startswith(_BRANCH) else ""
    rebased = next((text for name in _REBASES if (text := _text(record / name).strip())), "")
    return Checkout(path, branch, rebased.removeprefix("refs/heads/"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
