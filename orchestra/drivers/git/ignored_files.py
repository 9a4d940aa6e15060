"""Find, keep and restore the ignored files of a worktree, which its anchor does not contain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from orchestra import safe_files
from orchestra.drivers.git.repository import Repository
from orchestra.errors import Refused
from orchestra.safe_files import Entry, Limits

MOST_FILES = 50_000
"""The most files that are kept."""
MOST_BYTES = 512 << 20
"""The most bytes that are kept."""
_LIMITS = Limits(entries=2_000_000, size=1 << 50, seconds=300.0)
_COMPARED = 64 << 20
_MADE_ANEW = frozenset({"node_modules", "__pycache__"})
_MARKS = frozenset({"CACHEDIR.TAG", "pyvenv.cfg"})
"""Files that mark what a tool can create again: a cache (bford.info/cachedir), a virtual environment (PEP 405)."""
_NAMED = 3


def find(repo: Repository, worktree: Path, anchor: str, checkout: Path) -> list[Entry]:
    """Return the files and links in a worktree that ``anchor`` does not contain, for whatever reason.

    Left out are files that a tool can create again, such as caches, and files that the person's
    checkout has with the same name and content. Raises Refused if the worktree cannot be scanned.
    """
    held = set(repo.git().lines0("ls-tree", "-r", "-z", "--name-only", anchor, deadline=120.0))
    every = [entry for entry in safe_files.walk(worktree, limits=_LIMITS) if entry.is_file or entry.is_link]
    anew = {str(PurePosixPath(entry.path).parent) for entry in every if PurePosixPath(entry.path).name in _MARKS} - {
        "."
    }
    return [
        entry
        for entry in every
        if entry.path != ".git"
        and _name_in_git(entry.path) not in held
        and not _is_made_anew(entry.path, anew)
        and not _is_copy(worktree, entry, checkout)
    ]


def keep(worktree: Path, files: Sequence[Entry], target: Path) -> None:
    """Copy files and links to the directory ``target``, which contains nothing else afterwards.

    Raises Refused, naming the largest directories, for more than `MOST_FILES` or `MOST_BYTES`, and
    if a file cannot be copied.
    """
    size = sum(entry.size for entry in files)
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise Refused(
            f"{worktree} has {len(files):,} files of {size >> 20:,} MiB that git ignores, more than can be kept: "
            f"{_most(files)}",
            hint="move the files you need elsewhere, and remove the others",
        )
    safe_files.remove(target)
    if files:
        target.mkdir(parents=True, mode=0o700)
    for entry in files:
        _copy(worktree, entry, target)


def put_back(source: Path, worktree: Path) -> None:
    """Copy what `keep` kept into a worktree; existing files stay unchanged, so that it may be repeated."""
    for entry in safe_files.walk(source, limits=_LIMITS):
        if entry.is_directory or safe_files.look(worktree, entry.path) is not None:
            continue
        _copy(source, entry, worktree)


def _copy(source: Path, entry: Entry, target: Path) -> None:
    if entry.is_link:
        safe_files.plant_link(target, entry.path, safe_files.read_link(source, entry.path) or "")
    else:
        safe_files.copy_file(source, entry.path, target, most=MOST_BYTES)


def _name_in_git(path: str) -> str:
    return "/".join("dot-git" if part.lower() == ".git" else part for part in path.split("/"))


def _is_made_anew(path: str, anew: set[str]) -> bool:
    above = PurePosixPath(path).parent
    return not _MADE_ANEW.isdisjoint(above.parts) or any(str(parent) in anew for parent in (above, *above.parents))


def _is_copy(worktree: Path, entry: Entry, checkout: Path) -> bool:
    other = safe_files.look(checkout, entry.path)
    if other is None or not (entry.is_file and other.is_file) or entry.size != other.size or entry.size > _COMPARED:
        return False
    first, second = (safe_files.read(directory, entry.path, most=entry.size) for directory in (worktree, checkout))
    return first is not None and first == second


def _most(files: Sequence[Entry]) -> str:
    sizes: Counter[str] = Counter()
    for entry in files:
        sizes[entry.path.partition("/")[0]] += entry.size
    return ", ".join(f"{name} ({size >> 20:,} MiB)" for name, size in sizes.most_common(_NAMED))
