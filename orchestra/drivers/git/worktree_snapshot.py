"""Make an index of the current worktree without running or following anything that an agent wrote.

The host's own index says which files are unchanged, so that files with a filter are not read at
all. Each changed or untracked file is copied, and git reads the copy in an isolated git directory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from orchestra import files, safe_files
from orchestra.drivers import temporary
from orchestra.drivers.git import isolated
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.filter_programs import untouched
from orchestra.drivers.git.ignore_rules import NAME, IgnoreMemory, IgnoreRules
from orchestra.drivers.git.index_table import IndexTable
from orchestra.drivers.git.repository import Repository, real_path
from orchestra.drivers.git.seen_index import REPOSITORY, SeenIndex
from orchestra.drivers.git.worktree_scan import Bounds, Found, Scan
from orchestra.drivers.untrusted_tree import Sight, UntrustedTree
from orchestra.errors import CommandFailed, NotFound, Refused

LOOK = Bounds(files=5_000, size=128 << 20, entries=200_000, seconds=20.0)
"""The limits of a scan."""
KEEP = Bounds(files=500_000, size=16 << 30, entries=500_000, seconds=600.0, whole=True)
"""The limits of a snapshot, which refuses more."""
_KEPT_WHOLE = 2 << 30
"""The most bytes of one file in a snapshot."""
Clock = Callable[[], float]
_INDEX_MARK = "index.mark"
_KEPT = "look"
"""The name of the directory that makes the next look at the same worktree fast."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Frozen:
    """A snapshot of a worktree: ``git`` is pinned to an index of it, ``tip`` is the branch's commit.

    ``uncounted`` is the number of files that it lacks; ``notes`` say what else was left out.
    ``mark`` differs if a file that differs from the commit has changed. ``directories`` as in
    `worktree_scan.Found`.
    """

    git: Git
    tip: str
    uncounted: int = 0
    notes: tuple[str, ...] = ()
    mark: str = ""
    directories: Mapping[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def look(
    repo: Repository, worktree: Path, cache: Path | None, *, bounds: Bounds | None = None, clock: Clock = time.monotonic
) -> Iterator[Frozen]:
    """Yield the current worktree for comparing, with placeholders for long files and nested repositories.

    Nothing is written to the repository. ``cache`` is a directory, one per worktree, that makes the
    next scan as fast as ``git status``; while another process uses it, a temporary one is used.
    Raises DeadlineExceeded if the tree is too large to scan.
    """
    with _look_directory(repo, cache) as directory:
        git = isolated.build(directory, repo, own_objects=True)
        try:
            yield _freeze(repo, worktree, git, bounds or LOOK, clock)
        except CommandFailed:
            (directory / _INDEX_MARK).unlink(missing_ok=True)  # so that the next look begins from nothing
            raise


@contextlib.contextmanager
def keep(repo: Repository, worktree: Path, *, bounds: Bounds = KEEP) -> Iterator[Frozen]:
    """Yield the complete current worktree, with its files written to the repository.

    Raises Refused, with the reason, if something cannot be kept; DeadlineExceeded.
    """
    with _look_directory(repo, None) as directory:
        yield _freeze(repo, worktree, isolated.build(directory, repo), bounds)


@contextlib.contextmanager
def read_whole(repo: Repository, worktree: Path, *, bounds: Bounds = KEEP) -> Iterator[Frozen]:
    """Yield the same without writing to the repository."""
    with _look_directory(repo, None) as directory:
        yield _freeze(repo, worktree, isolated.build(directory, repo, own_objects=True), bounds)


def objects_of(cache: Path) -> Path:
    """Return where a look with this ``cache`` keeps the objects that the repository lacks."""
    return cache / _KEPT / "objects"


def source(repo: Repository, worktree: Path) -> Git:
    """Return git for the host's record of a worktree, without its files; raises NotFound."""
    path = real_path(worktree)
    if path == real_path(repo.root):
        return Git(repo.git_dir)
    return Git(repo.common_dir if repo.common_dir == path / ".git" else repo.record(path))


def take_index(record: Path, git_dir: Path) -> bool:
    """Copy the host's index to ``git_dir``; returns whether it has changed since the last time.

    The copy keeps the time of the original, which tells git which entries are too young to trust.
    """
    origin = record / "index"
    try:
        info = origin.stat()
    except FileNotFoundError:
        raise NotFound(f"there is no git index at {origin}", hint="in that checkout: git reset") from None
    mark = f"{origin}:{info.st_mtime_ns}:{info.st_size}:{info.st_ino}"
    noted = git_dir / _INDEX_MARK
    if noted.exists() and os.fsdecode(noted.read_bytes()) == mark:
        return False
    for shared in record.glob("sharedindex.*"):
        shutil.copy2(shared, git_dir)
    fresh = git_dir / "index.new"
    shutil.copy2(origin, fresh)
    fresh.replace(git_dir / "index")
    noted.write_bytes(os.fsencode(mark))
    return True


def _freeze(repo: Repository, worktree: Path, room: Git, bounds: Bounds, clock: Clock = time.monotonic) -> Frozen:
    host = source(repo, worktree)
    with UntrustedTree(worktree) as tree:
        # Git sees no tree: it reads attributes from the index.
        git = isolated.furnish(room, host, _empty(room.git_dir))
        renewed = take_index(host.git_dir, git.git_dir)
        table = _table(git, renewed=renewed)
        found = _scan(git, tree, table, bounds)
        kept = _filtered(git, host, tree, table, found)
        seen, uncounted = _candidates(tree, found, bounds, kept)
        index = SeenIndex(git, tree, bounds, clock)
        uncounted += index.bring_up_to_date(seen, renewed=renewed)
        # Nobody knows how many were not even read.
        uncounted = max(uncounted, int(found.more))
    tip = (git.git_dir / "HEAD").read_text(encoding="ascii").strip()
    return Frozen(git.at(index.path), tip, uncounted, tuple(_notes(found)), index.mark, found.directories)


def _empty(git_dir: Path) -> Path:
    empty = git_dir / "empty"
    empty.mkdir(exist_ok=True)
    return empty


def _table(git: Git, *, renewed: bool) -> IndexTable:
    path = git.git_dir / "table.json"
    known = None if renewed else IndexTable.load(path)
    if known is None:
        known = IndexTable.read(git, git.git_dir / "index")
        known.save(path)
    return known


@functools.lru_cache(maxsize=256)
def _memory_of(git_dir: Path) -> IgnoreMemory:
    del git_dir
    return IgnoreMemory()


def _scan(git: Git, tree: UntrustedTree, table: IndexTable, bounds: Bounds) -> Found:
    directory = Path(tempfile.mkdtemp(dir=git.git_dir, prefix="rules-"))
    try:
        rules = IgnoreRules(git, directory, _memory_of(git.git_dir) if git.git_dir.name == _KEPT else None)
        for path in table.skipped:
            folder, _, name = path.rpartition("/")
            if name == NAME:
                rules.obey(folder, git.run("cat-file", "blob", f":{path}").stdout)
        return Scan(tree, table, rules, bounds).run()
    finally:
        safe_files.remove(directory)


def _filtered(git: Git, host: Git, tree: UntrustedTree, table: IndexTable, found: Found) -> set[str]:
    """Return the changed paths that only look so, because a filter wrote them."""
    if not found.changed or not (table.has_attributes or isolated.has_attributes(git)):
        return set()
    return untouched(git, host, tree, sorted(found.changed))


def _candidates(
    tree: UntrustedTree, found: Found, bounds: Bounds, kept: Collection[str]
) -> tuple[dict[str, Sight], int]:
    """Return the paths to enter into the index, and how many untracked ones exceed the limits."""
    seen = {path: found.changed[path] for path in sorted(found.changed) if path not in kept}
    seen |= {path: Sight(mark=REPOSITORY) for path in found.nested}
    if bounds.whole:
        seen |= {path: tree.look(path) for heap in found.untracked.values() for path in heap}
        _require_room(seen, bounds)
        return seen, 0
    return seen, _choose(tree, found, bounds, seen)


def _choose(tree: UntrustedTree, found: Found, bounds: Bounds, seen: dict[str, Sight]) -> int:
    """Add untracked files up to the limits, and return how many are left."""
    files, size, left = 0, 0, 0
    # The fullest directory comes last, so that an unignored one (node_modules) does not displace files written by hand.
    for heap in sorted(found.untracked, key=lambda heap: (len(found.untracked[heap]), heap)):
        for path in sorted(found.untracked[heap]):
            if files == bounds.files or size > bounds.size:
                left += 1
                continue
            seen[path] = tree.look(path)
            files, size = files + 1, size + seen[path].stored
    return left


def _require_room(seen: Mapping[str, Sight], bounds: Bounds) -> None:
    largest = max(seen, key=lambda path: seen[path].size, default="")
    if largest and seen[largest].size > _KEPT_WHOLE:
        reason = f"{largest!r} has {seen[largest].size:,} bytes, which is too much to keep in git"
        raise Refused(reason, hint="move it elsewhere, delete it, or add it to .gitignore")
    if sum(sight.size for sight in seen.values()) <= bounds.size:
        return
    raise Refused(
        f"the files have more than {bounds.size:,} bytes; the largest is {largest!r}",
        hint="move them elsewhere, delete them, or add them to .gitignore",
    )


def _notes(found: Found) -> Iterator[str]:
    if found.more:
        yield "there are more files than were read"
    for paths, what in ((found.unread, "cannot be read"), (found.modules, "is a submodule with its own history")):
        named = ", ".join(repr(path) for path in paths[:_NAMED])
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        if named:
            yield f"not shown: {named}{more} {what}"


@contextlib.contextmanager
def _look_directory(repo: Repository, cache: Path | None) -> Iterator[Path]:
    kept = cache / _KEPT if cache is not None else None
    lock = _claim(kept) if kept is not None else None
    if kept is not None and lock is not None:
        with lock:
            yield kept
    else:
        with temporary.directory(repo.scratch) as directory:
            yield directory


def _claim(directory: Path) -> IO[str] | None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (directory / "lock").open("w")
    if not files.try_lock(lock):
        lock.close()
        return None
    # Nobody else uses this directory, so leftovers are from a killed process.
    for leftover in (*directory.glob("*.lock"), *directory.glob("stage-*"), *directory.glob("rules-*")):
        safe_files.remove(leftover) if leftover.is_dir() else leftover.unlink()
    return lock
