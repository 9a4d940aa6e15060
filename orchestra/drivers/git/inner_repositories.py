"""Find the repositories that a ``git status`` in a checkout would enter: submodules, and checkouts inside it.

Git reads the settings in their ``.git`` and runs the programs named there, so whoever can write
that ``.git`` decides what runs.
"""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.drivers.git import index_file
from orchestra.drivers.git.command import Git
from orchestra.errors import OrchestraError

if TYPE_CHECKING:
    from orchestra.drivers.git.repository import Repository

_LARGEST_INDEX = 256 << 20
_LARGEST_POINTER = 4096
_DEEPEST = 5


def inside(repo: Repository) -> list[str]:
    """Return the paths of all submodules, including nested ones, and of the checkouts inside this one."""
    index = repo.git_dir / "index"
    submodules = _of_index(index, _stamp(index), repo.object_format)
    paths = [*submodules, *(inner for path in submodules for inner in _nested(repo, path, 1)), *_linked(repo)]
    return sorted(dict.fromkeys(paths))


@functools.lru_cache(maxsize=64)
def of_commit(repo: Repository, commit: str) -> tuple[str, ...]:
    """Return the paths of a commit's submodules."""
    rows = (row.partition("\t") for row in repo.git().lines0("ls-tree", "-r", "-z", commit, deadline=60.0))
    return tuple(path for about, _, path in rows if about.startswith("160000 "))


def submodule_of(repo: Repository, worktree: Path, path: str) -> str:
    """Return the submodule, according to git's record of the worktree, that contains a path; empty if none does."""
    index = repo.record(worktree) / "index"
    submodules = _of_index(index, _stamp(index), repo.object_format)
    return next((submodule for submodule in submodules if path == submodule or path.startswith(f"{submodule}/")), "")


def hide(git: Git, object_format: str) -> None:
    """Mark the submodules of a checkout as unchanged, so that git never looks into them.

    This is for the worktrees of sessions, which agents can write and whose submodules are empty.
    Does nothing if git looks into none.
    """
    index = git.git_dir / "index"
    if paths := _looked_into(index, _stamp(index), object_format):
        names = "".join(f"{path}\0" for path in paths)
        git.run("update-index", "--assume-unchanged", "-z", "--stdin", stdin=os.fsencode(names))


@functools.lru_cache(maxsize=64)
def _of_index(index: Path, stamp: tuple[int, int], object_format: str) -> tuple[str, ...]:
    del stamp  # identifies a changed index
    return tuple(index_file.repositories(index, object_format))


@functools.lru_cache(maxsize=64)
def _looked_into(index: Path, stamp: tuple[int, int], object_format: str) -> tuple[str, ...]:
    del stamp
    return tuple(index_file.repositories(index, object_format, looked_into=True))


def _stamp(index: Path) -> tuple[int, int]:
    try:
        info = index.stat()
    except FileNotFoundError:
        return 0, 0
    return info.st_mtime_ns, info.st_size


def _nested(repo: Repository, path: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    for inner in _names(repo, path):
        yield f"{path}/{inner}"
        yield from _nested(repo, f"{path}/{inner}", depth + 1)


def _names(repo: Repository, path: str) -> tuple[str, ...]:
    """Return the submodules of the submodule at ``path``; agents may have written its pointer and its index."""
    try:
        if (pointer := safe_files.read(repo.root, f"{path}/.git", most=_LARGEST_POINTER)) is not None:
            return _of_pointer(repo, path, os.fsdecode(pointer))
    except OrchestraError:
        # A directory: the repository itself is in the checkout.
        with_index = f"{path}/.git/index"
        try:
            content = safe_files.read(repo.root, with_index, most=_LARGEST_INDEX) or b""
            return tuple(index_file.repositories_in(content, repo.object_format))
        except (OrchestraError, struct.error, ValueError, IndexError):
            return ()
    return ()


def _of_pointer(repo: Repository, path: str, pointer: str) -> tuple[str, ...]:
    git_dir = Path(os.path.realpath(repo.root / path / pointer.removeprefix("gitdir:").strip()))
    if repo.common_dir not in git_dir.parents:
        return ()
    index = git_dir / "index"
    return _of_index(index, _stamp(index), repo.object_format)


def _linked(repo: Repository) -> Iterator[str]:
    records = [*(repo.common_dir / "worktrees").glob("*/gitdir")]
    worktrees = [_worktree_path(record) for record in records]
    for worktree in worktrees:
        if repo.root in worktree.parents:
            yield os.path.relpath(worktree, repo.root)


def _worktree_path(record: Path) -> Path:
    text = record.read_text(encoding="utf-8", errors="surrogateescape").removesuffix("\n")
    return Path(os.path.normpath(record.parent / text)).parent
