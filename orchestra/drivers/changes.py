"""What a session changed: its worktree as it is now, uncommitted and untracked files included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from orchestra.drivers import worktree_index
from orchestra.drivers.git import Git
from orchestra.drivers.merging import merge_commit
from orchestra.drivers.repository import Repository
from orchestra.model import DiffStat

DIFF_LIMIT = 1_000_000
"""Bytes of diff text that are shown."""
_COMPARED = (
    "--cached",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
    "--submodule=short",
)
_DEADLINE = 60.0
_AT_ONCE = 200
"""Files per call: git finds renames among them, and their text is all that is in memory."""
_NUMBERS = re.compile(r"(\d+) (files?|insertions?|deletions?)")


def stat(repo: Repository, worktree: Path, base: str, *, cache: Path | None = None) -> DiffStat:
    """Count what a worktree changed since the commit ``base``; ``cache`` as for `worktree_index.look`."""
    with worktree_index.look(repo, worktree, cache) as frozen:
        counted = frozen.git.text("diff-index", *_COMPARED, "-M", "--shortstat", base, "--", deadline=_DEADLINE)
    numbers = {word[0]: int(number) for number, word in _NUMBERS.findall(counted)}
    return DiffStat(files=numbers.get("f", 0), insertions=numbers.get("i", 0), deletions=numbers.get("d", 0))


def diff(repo: Repository, worktree: Path, base: str, *, limit: int = DIFF_LIMIT, cache: Path | None = None) -> str:
    """Return what a worktree changed since the commit ``base``, as unified text without colours.

    Text beyond ``limit`` bytes is left out, and a last line says of how many files. Bytes that are
    not UTF-8 come back as surrogates.
    """
    with worktree_index.look(repo, worktree, cache) as frozen:
        return _text(frozen.git, base, limit)


def dirty(repo: Repository, worktree: Path, *, cache: Path | None = None) -> list[str]:
    """Return the paths of a worktree that differ from its branch's last commit, untracked ones included."""
    with worktree_index.look(repo, worktree, cache) as frozen:
        return _paths(frozen.git, frozen.tip)


def snapshot(repo: Repository, worktree: Path, message: str, *, also: Sequence[str] = ()) -> str:
    """Commit everything in a worktree, untracked files too, on top of its branch, and move no branch.

    Ignored files are left out, and a nested repository is kept as plain files, its ``.git`` as
    ``dot-git``. ``also`` are further commits that the new one keeps reachable. Raises Refused
    where a file cannot be kept.
    """
    with worktree_index.keep(repo, worktree) as frozen:
        parents = dict.fromkeys((frozen.tip, *also))
        return merge_commit(repo, frozen.git.text("write-tree"), tuple(parents), message)


def _text(git: Git, base: str, limit: int) -> str:
    paths = iter(every := _paths(git, base))
    shown, begun = b"", 0
    while len(shown) <= limit and (some := list(islice(paths, _AT_ONCE))):
        shown += git.run("diff-index", *_COMPARED, "-M", "-p", base, "--", *some, deadline=_DEADLINE).stdout
        begun += len(some)
    if len(shown) <= limit:
        return shown.decode("utf-8", "surrogateescape")
    kept = shown[: shown.rfind(b"\n", 0, limit) + 1]
    left = max(len(every) - kept.count(b"\ndiff --git "), 1)
    note = f"[cut at {limit} bytes: {left} of {len(every)} changed files are not shown, or not to their end]\n"
    return kept.decode("utf-8", "surrogateescape") + note


def _paths(git: Git, base: str) -> list[str]:
    return git.lines0("diff-index", *_COMPARED, "--no-renames", "--name-only", "-z", base, "--", deadline=_DEADLINE)
