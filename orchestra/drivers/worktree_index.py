"""An index that holds a worktree as it is now, made without running or following anything an agent wrote.

The host's own index says which files are unchanged (so a file behind a filter is not read at
all); each changed or untracked file is copied out, and git reads the copy in a clean room.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestra.drivers import clean_room, temporary
from orchestra.drivers.filtered import untouched
from orchestra.drivers.git import Git
from orchestra.drivers.repository import Repository, real_place
from orchestra.drivers.untrusted import Sight, UntrustedTree
from orchestra.errors import CommandFailed, NotFound, Refused

_DEADLINE = 300.0
_LOOKED_INTO = 4 << 20
"""Bytes up to which a changed file is read for a diff; a longer one shows as binary."""
_KEPT_WHOLE = 2 << 30
"""Bytes up to which a snapshot takes a file."""
_OBJECTS_KEPT = 2_000
_BYTES_KEPT = 256 << 20
_INDEX_MARK = "index.mark"
_REPOSITORY = "160000"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A worktree as it is now: ``git`` is pinned to an index that holds it, ``tip`` is the branch's commit."""

    git: Git
    tip: str


@contextlib.contextmanager
def look(repo: Repository, worktree: Path, cache: Path | None) -> Iterator[Frozen]:
    """Give the worktree as it is, for comparing: long files and nested repositories are stood in for.

    Nothing is written to the repository. ``cache`` is a directory, one per worktree, that makes
    the next look as fast as ``git status``; while another process uses it, a throw-away one serves.
    """
    with _place(cache) as place:
        git = clean_room.build(place, repo, own_objects=True)
        try:
            frozen = _freeze(repo, worktree, git, whole=False)
        except CommandFailed:
            (place / _INDEX_MARK).unlink(missing_ok=True)  # so that the next look begins from nothing
            raise
        yield frozen


@contextlib.contextmanager
def keep(repo: Repository, worktree: Path) -> Iterator[Frozen]:
    """Give the worktree as it is, whole, its files written to the repository; raises Refused for a monstrous file."""
    with _place(None) as place:
        yield _freeze(repo, worktree, clean_room.build(place, repo), whole=True)


def source(repo: Repository, worktree: Path) -> Git:
    """Return git on the host's record of a worktree, without its files; raises NotFound."""
    place = real_place(worktree)
    if place == real_place(repo.root):
        return Git(repo.git_dir)
    return Git(repo.common_dir if repo.common_dir == place / ".git" else repo.record(place))


def take_index(record: Path, place: Path) -> bool:
    """Copy the host's index to ``place``, and say whether it is another one than the last time.

    The copy keeps the time of the original, by which git knows which entries are too young to trust.
    """
    origin = record / "index"
    try:
        found = origin.stat()
    except FileNotFoundError:
        raise NotFound(f"there is no git index at {origin}", hint="in that checkout: git reset") from None
    mark = f"{origin}:{found.st_mtime_ns}:{found.st_size}:{found.st_ino}"
    noted = place / _INDEX_MARK
    if noted.exists() and os.fsdecode(noted.read_bytes()) == mark:
        return False
    for shared in record.glob("sharedindex.*"):
        shutil.copy2(shared, place)
    aside = place / "index.new"
    shutil.copy2(origin, aside)
    aside.replace(place / "index")
    noted.write_bytes(os.fsencode(mark))
    return True


def _freeze(repo: Repository, worktree: Path, room: Git, *, whole: bool) -> Frozen:
    host = source(repo, worktree)
    with UntrustedTree(worktree) as tree:
        git = clean_room.furnish(room, host, worktree)
        state = _State(git.git_dir)
        renewed = take_index(host.git_dir, git.git_dir)
        seen = _candidates(git, host, tree, whole=whole)
        state.bring_up_to_date(git, tree, seen, whole=whole, renewed=renewed)
    return Frozen(git.at(state.index), (git.git_dir / "HEAD").read_text(encoding="ascii").strip())


def _candidates(git: Git, host: Git, tree: UntrustedTree, *, whole: bool) -> dict[str, Sight]:
    changed, untracked = _status(git)
    kept = untouched(git, host, tree, changed)
    seen = {path: tree.look(path) for path in sorted(changed) if path not in kept}
    for path in sorted(untracked):
        if not path.endswith("/"):
            seen[path] = tree.look(path)
        elif whole:
            seen.update((inner, tree.look(inner)) for inner in sorted(tree.below(path)))
        else:
            seen[path] = Sight(mark=_REPOSITORY)
    return seen


def _status(git: Git) -> tuple[list[str], list[str]]:
    """Return the tracked paths that may differ from the index, and the untracked ones."""
    flags = ("--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=all", "--no-renames")
    changed: list[str] = []
    untracked: list[str] = []
    for line in git.lines0("status", *flags, deadline=_DEADLINE):
        kind, fields = line[:1], line.split(" ", 8)
        if kind == "?":
            untracked.append(line[2:])
        elif kind == "1" and fields[1][1] != ".":
            changed.append(fields[8])
        elif kind == "u":
            changed.append(line.split(" ", 10)[10])
    return changed, untracked


@dataclass(frozen=True, slots=True)
class _State:
    """What a room remembers between looks: an index with the files as last read, and their marks."""

    place: Path

    @property
    def index(self) -> Path:
        return self.place / "seen.index"

    def bring_up_to_date(
        self, git: Git, tree: UntrustedTree, seen: Mapping[str, Sight], *, whole: bool, renewed: bool
    ) -> None:
        """Read what changed since the last look; all of it where the last look is of no use."""
        before = {} if renewed else self._marks()
        if not before or not before.keys() <= seen.keys() or self._is_full():
            self._begin_again()
            before = {}
        news = {path: sight for path, sight in seen.items() if not sight.mark or sight.mark != before.get(path)}
        if news:
            (self.place / "marks.json").unlink(missing_ok=True)
            _read_in(git.at(self.index), tree, news, whole=whole)
        marks = {path: sight.mark for path, sight in seen.items()}
        (self.place / "marks.json").write_text(json.dumps(marks), encoding="ascii")

    def _begin_again(self) -> None:
        for place in self._objects():
            place.unlink(missing_ok=True)
        shutil.copy2(self.place / "index", self.index)

    def _is_full(self) -> bool:
        sizes = [place.stat().st_size for place in self._objects()]
        return len(sizes) > _OBJECTS_KEPT or sum(sizes) > _BYTES_KEPT

    def _objects(self) -> Iterator[Path]:
        return (self.place / "objects").glob("[0-9a-f][0-9a-f]/*")

    def _marks(self) -> dict[str, str]:
        try:
            return dict(json.loads((self.place / "marks.json").read_text(encoding="ascii")))
        except (FileNotFoundError, ValueError):
            return {}


def _read_in(git: Git, tree: UntrustedTree, news: Mapping[str, Sight], *, whole: bool) -> None:
    nested = [path.rstrip("/") for path, sight in news.items() if sight.mark == _REPOSITORY]
    if nested:
        marker = (git.git_dir / "HEAD").read_text(encoding="ascii").strip()
        entries = "".join(f"{_REPOSITORY} {marker}\t{_kept_name(path)}\0" for path in nested)
        git.run("update-index", "-z", "--index-info", stdin=os.fsencode(entries))
    plain = {path: sight for path, sight in news.items() if sight.mark != _REPOSITORY}
    with temporary.directory(git.git_dir) as stage:
        staged = _stage(stage, tree, plain, whole=whole)
        reader = Git(git.git_dir, stage, git.index, git.settings, git.variables)
        _update(reader, [path for path in plain if path not in staged], "--force-remove")
        _update(reader, staged, "--add", "--replace")


def _update(git: Git, paths: Collection[str], *how: str) -> None:
    if paths:
        names = b"".join(os.fsencode(_kept_name(path)) + b"\0" for path in paths)
        git.run("update-index", *how, "-z", "--stdin", stdin=names, deadline=_DEADLINE)


def _stage(stage: Path, tree: UntrustedTree, news: Mapping[str, Sight], *, whole: bool) -> set[str]:
    """Copy what is there to the stage, and return its paths."""
    present = {path for path, sight in news.items() if sight.mode}
    copy = _copy_whole if whole else _copy_for_a_look
    # A file and something below it cannot both be there: one of the two looks came too late.
    possible = (path for path in sorted(present) if not any(str(above) in present for above in Path(path).parents))
    return {path for path in possible if copy(tree, path, news[path], _target(stage, path))}


def _target(stage: Path, path: str) -> Path:
    target = stage / _kept_name(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _copy_whole(tree: UntrustedTree, path: str, sight: Sight, target: Path) -> bool:
    if sight.size > _KEPT_WHOLE:
        reason = f"{path!r} has {sight.size:,} bytes, too many to keep in git"
        raise Refused(reason, hint="move it away, delete it, or name it in .gitignore")
    return tree.copy(path, target)


def _copy_for_a_look(tree: UntrustedTree, path: str, sight: Sight, target: Path) -> bool:
    try:
        if sight.size <= _LOOKED_INTO:
            return tree.copy(path, target)
    except Refused:
        target.unlink(missing_ok=True)
    # The zero byte makes git take the stand-in for what it stands for: something not shown as text.
    target.write_bytes(f"\0{sight.size} bytes, {sight.mark}".encode())
    return True


def _kept_name(path: str) -> str:
    """Return the name under which git can keep a path: it takes no ``.git``, which an agent's nested repository has."""
    parts = path.split("/")
    return "/".join("dot-git" if part.lower() == ".git" else part for part in parts)


@contextlib.contextmanager
def _place(cache: Path | None) -> Iterator[Path]:
    kept = cache / "look" if cache is not None else None
    lock = _claim(kept) if kept is not None else None
    if kept is not None and lock is not None:
        with lock:
            temporary.sweep(kept)
            yield kept
    else:
        with temporary.directory() as place:
            yield place


def _claim(place: Path) -> IO[str] | None:
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (place / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    # Nobody else is in here: what is left over was left by a process that was killed.
    for leftover in (*place.glob("*.lock"), *place.glob("stage-*")):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    return lock
