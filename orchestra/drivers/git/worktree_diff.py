"""The changes of a session: its current worktree, with uncommitted and untracked files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from orchestra.drivers.git import worktree_snapshot
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.diff_text import DiffText
from orchestra.drivers.git.merge_trees import merge_commit
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.tree_diff import SAFE
from orchestra.drivers.git.worktree_snapshot import Frozen
from orchestra.errors import CommandFailed, DeadlineExceeded, Refused
from orchestra.model import DiffStat
from orchestra.names import digest

DIFF_LIMIT = 1_000_000
"""The most bytes of diff text that are shown."""
_COMPARED = ("--cached", *SAFE)
_DEADLINE = 60.0
_PATCHING = 600.0
_COUNTING = 20.0
"""Seconds that git may take to compare; after that it compares without detecting renames."""
_NUMBERS = re.compile(r"(\d+) (files?|insertions?|deletions?)")


def stat(repo: Repository, worktree: Path, base: str, *, cache: Path | None = None) -> DiffStat:
    """Count the changes of a worktree since the commit ``base``; ``cache`` as for `worktree_snapshot.look`."""
    return count(repo, worktree, base, cache=cache).stat


@dataclass(frozen=True, slots=True)
class Counted:
    """The changes of a worktree, and a mark that differs if they may have changed.

    ``tree`` is what was seen, on top of the commit ``tip``, with its new objects in the look's own directory; empty if
    git could not write it. ``directories`` are all those whose entries count, with their inodes; the top one is empty.
    """

    stat: DiffStat
    mark: str
    directories: Mapping[str, int]
    tree: str = ""
    tip: str = ""


def count(repo: Repository, worktree: Path, base: str, *, cache: Path | None = None) -> Counted:
    """Count the changes of a worktree since the commit ``base``; ``cache`` as for `worktree_snapshot.look`."""
    with worktree_snapshot.look(repo, worktree, cache) as frozen:
        counted, tree = _counted(frozen.git, base), _tree(frozen)
    left = frozen.uncounted
    mark = digest(f"{base} {frozen.tip} {left} {frozen.mark}", 16)
    numbers = replace(counted, files=counted.files + left, uncounted=counted.uncounted + left)
    return Counted(numbers, mark, frozen.directories, tree, frozen.tip)


def _tree(frozen: Frozen) -> str:
    # An index that cannot be written as a tree, in the middle of a merge for example, can be counted all the same.
    with suppress(CommandFailed, DeadlineExceeded):
        return write_tree(frozen)
    return ""


def diff(repo: Repository, worktree: Path, base: str, *, limit: int = DIFF_LIMIT, cache: Path | None = None) -> str:
    """Return the changes of a worktree since the commit ``base`` as a unified diff without colours.

    Text beyond ``limit`` bytes is left out, and so is the end of a long file. Lines in brackets say
    what is left out. Bytes that are not UTF-8 come back as surrogates.
    """
    with worktree_snapshot.look(repo, worktree, cache) as frozen:
        text = _text(frozen.git, base, limit)
    return text + "".join(f"[{note}]\n" for note in _left_out(frozen))


def dirty(repo: Repository, worktree: Path, *, cache: Path | None = None) -> list[str]:
    """Return the paths of a worktree that differ from its branch's last commit, untracked ones included.

    Raises Refused if none was found but not all files could be read.
    """
    with worktree_snapshot.look(repo, worktree, cache) as frozen:
        paths = _paths(frozen.git, frozen.tip)
    if frozen.uncounted and not paths:
        raise Refused(f"{frozen.uncounted:,} files of {worktree} could not be read in time", hint="try again")
    return paths


def snapshot(repo: Repository, worktree: Path, message: str, *, also: Sequence[str] = ()) -> str:
    """Commit everything in a worktree, with untracked files, on top of its branch, without moving the branch.

    Ignored files are left out, and a nested repository is kept as plain files, its ``.git`` as
    ``dot-git``. ``also`` are further commits that the new one keeps reachable. Raises Refused if a
    file cannot be kept.
    """
    with worktree_snapshot.keep(repo, worktree) as frozen:
        parents = dict.fromkeys((frozen.tip, *also))
        return merge_commit(repo, frozen.git.text("write-tree"), tuple(parents), message)


def tree(repo: Repository, worktree: Path) -> str:
    """Write everything in a worktree, with untracked files, to the repository as a tree, and return its id.

    Raises as `snapshot` does.
    """
    with worktree_snapshot.keep(repo, worktree) as frozen:
        return frozen.git.text("write-tree")


def write_tree(frozen: Frozen) -> str:
    """Write what a look saw as a tree, into its own git directory, and return its id."""
    return frozen.git.text("write-tree", "--missing-ok", deadline=_DEADLINE)


def patch(repo: Repository, worktree: Path, base: str, take: Callable[[bytes], bool]) -> bool:
    """Pass on all changes of a worktree since the commit ``base`` as a patch for ``git apply``, binary files included.

    Nothing is left out, and nothing is written to the repository: raises Refused for what cannot be read whole. A
    nested repository is taken as plain files, its ``.git`` as ``dot-git``. Returns False once ``take`` does.
    """
    with worktree_snapshot.read_whole(repo, worktree) as frozen:
        words = ("diff-index", *_COMPARED, "-M", "-p", "--binary", "--full-index", base, "--")
        return frozen.git.stream(take, *words, deadline=_PATCHING)


def left_out(frozen: Frozen) -> tuple[str, ...]:
    """Return, in words, what a look left out."""
    return tuple(_left_out(frozen))


def _counted(git: Git, base: str) -> DiffStat:
    # Detecting renames compares every new file with every removed one.
    for care in (("-M",), ("--no-renames",)):
        try:
            counted = git.text("diff-index", *_COMPARED, *care, "--shortstat", base, "--", deadline=_COUNTING)
        except DeadlineExceeded:
            continue
        numbers = {word[0]: int(number) for number, word in _NUMBERS.findall(counted)}
        return DiffStat(files=numbers.get("f", 0), insertions=numbers.get("i", 0), deletions=numbers.get("d", 0))
    files = len(_paths(git, base))
    return DiffStat(files=files, uncounted=files)


def _text(git: Git, base: str, limit: int) -> str:
    every = len(_paths(git, base))
    for care in (("-M",), ("--no-renames",)):
        shown = DiffText(limit)
        try:
            git.stream(shown.take, "diff-index", *_COMPARED, *care, "-p", base, "--", deadline=_COUNTING)
        except DeadlineExceeded:
            shown.cut = True
            if not shown.kept:
                continue
        break
    shown.close()
    text = b"".join(shown.kept).decode("utf-8", "surrogateescape")
    if not shown.cut:
        return text
    left = max(every - shown.whole, 1)
    return f"{text}[cut at {limit} bytes: {left} of {every} changed files are missing or incomplete]\n"


def _left_out(frozen: Frozen) -> Iterator[str]:
    if frozen.uncounted:
        yield f"{frozen.uncounted:,} more files are not shown, because there are too many"
    yield from frozen.notes


def _paths(git: Git, base: str) -> list[str]:
    return git.lines0("diff-index", *_COMPARED, "--no-renames", "--name-only", "-z", base, "--", deadline=_DEADLINE)
