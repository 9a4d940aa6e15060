"""Update a checkout of the person's to another commit, while an agent may write in it.

Git never writes there. It fills another directory, with a git directory that has only a few
harmless settings. From there each file is moved to its path through open directories, without
following symlinks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from orchestra import safe_files
from orchestra.drivers.git import filter_programs, index_file, index_lock, isolated, worktree_snapshot
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.tree_changes import Change, changes_between
from orchestra.drivers.process import first_line
from orchestra.errors import OrchestraError, Refused
from orchestra.safe_files import Entry

_DEADLINE = 300.0
_LINK = "120000"
_STAGE = "orchestra-landing"
_LARGEST = 4 << 30
"""The most bytes of a file that is read to see whether it was changed, if git's record does not say so."""
_OBEYED = frozenset({"core.checkstat", "core.trustctime", "core.sharedrepository"})
_ATTRIBUTES = "core.attributesfile"
_EXACT = "* -text !eol -ident -filter !working-tree-encoding\n"
_CONVERTING = frozenset(
    {
        _ATTRIBUTES,
        "core.autocrlf",
        "core.eol",
        "core.sparsecheckout",
        "core.sparsecheckoutcone",
        "index.sparse",
    }
)
"""Settings by which git writes other bytes than it stores, or leaves files out."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """One checkout: its files, the host's record of it, and the directories that agents can write."""

    repo: Repository
    root: Path
    record: Path
    writable: tuple[Path, ...]


@contextlib.contextmanager
def rendered(checkout: Checkout, old: str, new: str) -> Iterator[tuple[Path, list[Change]]]:
    """Yield a directory with those files of commit ``new`` that differ from ``old``, as git would write them there.

    A file that a sparse checkout leaves out is missing. Raises Refused like `prepared`.
    """
    with _stage(checkout.record) as stage:
        room = _room(checkout, stage, raw=False)
        room.git.run("read-tree", old, deadline=_DEADLINE)
        changes = changes_between(checkout.repo.git(), old, new)
        _fill(room, Prepared(checkout, stage, room.git, tuple(changes), {}, room.settings), old, new)
        yield stage / "files", changes


@contextlib.contextmanager
def exactly(checkout: Checkout, old: str, new: str, permissions: Mapping[str, int] | None = None) -> Iterator[Prepared]:
    """Prepare to update a checkout's files from tree ``old`` to ``new``, which have them byte for byte.

    The index is locked, but does not count and stays. ``permissions`` are those of new files that have others than git
    gives them.
    """
    with index_lock.held(checkout.record), _stage(checkout.record) as stage:
        git = isolated.furnish(isolated.build(stage / "room", checkout.repo), Git(checkout.record), stage / "files")
        (stage / "room" / "info" / "attributes").write_text(_EXACT, encoding="ascii")
        git = replace(git, settings={key: text for key, text in git.settings.items() if key not in _CONVERTING})
        git.run("read-tree", old, deadline=_DEADLINE)
        changes = changes_between(checkout.repo.git(), old, new)
        entries = {change.path: change.old_side for change in changes}
        ready = Prepared(checkout, stage, git, tuple(changes), entries, {}, exact=True)
        _fill(_Room(git, filter_programs.Filters({}, {}, ""), {}), ready, old, new)
        for path, mode in (permissions or {}).items():
            if (stage / "files" / path).is_file() and not (stage / "files" / path).is_symlink():
                (stage / "files" / path).chmod(mode)
        yield ready


@contextlib.contextmanager
def prepared(checkout: Checkout, old: str, new: str, *, late: bool = False, raw: bool = False) -> Iterator[Prepared]:
    """Lock a checkout's index and prepare everything to update its files from commit ``old`` to ``new``.

    With ``raw`` the files are as git stores them, without filters or other encodings. ``late`` says
    that the branch is at ``new`` already: then only paths that the index has as in ``old`` are
    updated. Nothing in the checkout changes before `Prepared.show`. Raises Refused if a filter that
    the files need is not safe, or if git cannot write them.
    """
    with index_lock.held(checkout.record), _stage(checkout.record) as stage:
        room = _room(checkout, stage, raw=raw)
        changes = changes_between(checkout.repo.git(), old, new)
        entries = _index_entries(room.git, changes)
        if late:
            changes = [change for change in changes if entries.get(change.path) == change.old_side]
        ready = Prepared(checkout, stage, room.git, tuple(changes), entries, room.settings, late=late)
        if changes and not ready.in_the_way:
            _fill(room, ready, old, new)
        yield ready


def is_untidy(checkout: Checkout) -> bool:
    """Return whether a process works on the checkout's files, or was killed while it did."""
    return (checkout.record / _STAGE).exists()


def tidy(checkout: Checkout) -> None:
    """Remove the lock and the stage of a killed process of ours; raises Refused if another git is running."""
    with index_lock.held(checkout.record):
        safe_files.remove(checkout.record / _STAGE)


@dataclass
class Prepared:
    """A prepared checkout: the new files are in the stage, with the new index beside them."""

    checkout: Checkout
    stage: Path
    git: Git
    changes: tuple[Change, ...]
    entries: Mapping[str, tuple[str, str]]
    filters: Mapping[str, str]
    late: bool = False
    exact: bool = False
    seen: dict[str, Entry | None] = field(default_factory=dict)
    written: dict[str, os.stat_result] = field(default_factory=dict)

    @cached_property
    def in_the_way(self) -> tuple[str, ...]:
        """Paths with uncommitted content that the new commit changes; none if it is late."""
        changed = set(self._changed)
        if self.late:
            return ()
        staged = {change.path for change in self.changes if not self._is_staged_as_expected(change)}
        return tuple(sorted(changed | staged))

    @cached_property
    def _changed(self) -> tuple[str, ...]:
        return tuple(_Files(self).changed())

    def _is_staged_as_expected(self, change: Change) -> bool:
        return self.entries.get(change.path, change.nothing) in {change.old_side, change.new_side}

    def show(self, *, index: bool = True) -> list[str]:
        """Move the files, and the index unless it must stay, into place; returns the paths that were left unchanged."""
        if not self.changes:
            return []
        left = set(self._changed)
        gone = [change.path for change in self.changes if change.was_file and not change.is_file]
        for path in sorted(gone, reverse=True):
            if path not in left and not self._removed(path):
                left.add(path)
        for change in self.changes:
            if change.is_file and change.path not in left and not self._written(change.path):
                left.add(change.path)
        if index:
            self._put_index()
        return sorted(left)

    def _removed(self, path: str) -> bool:
        """Remove a file; also True if it is gone already, or a directory is there for other files."""
        if not self._is_as_seen(path):
            return False
        if (seen := self.seen.get(path)) and seen.is_directory:
            return True
        with contextlib.suppress(OrchestraError):
            if seen is not None:
                safe_files.remove_file(self.checkout.root, path)
            _remove_empty(self.checkout.root, PurePosixPath(path).parent)
            return True
        return False

    def _written(self, path: str) -> bool:
        """Move a file from the stage to its path; also True if a sparse checkout leaves it out."""
        fresh = self.stage / "files" / path
        if not os.path.lexists(fresh):
            return True
        if not self._is_free(path):
            return False
        with contextlib.suppress(OrchestraError, OSError):
            self.written[path] = safe_files.move_in(fresh, self.checkout.root, path, owner=_owner(self.checkout.root))
            return True
        return False

    def _is_free(self, path: str) -> bool:
        """Return whether a file may be written: what was there is unchanged, or was a directory and is gone."""
        seen = self.seen.get(path)
        if seen is None or not seen.is_directory:
            return self._is_as_seen(path)
        safe_files.remove_directory(self.checkout.root, path)
        return safe_files.look(self.checkout.root, path) is None

    def _is_as_seen(self, path: str) -> bool:
        """Return whether a file is unchanged since it was read."""
        return safe_files.look(self.checkout.root, path) == self.seen.get(path) or path not in self.seen

    def _put_index(self) -> None:
        index, fresh = self.checkout.record / "index", self.git.git_dir / "index"
        index_file.note(fresh, self.written, self.checkout.repo.object_format)
        if owner := _owner(index):
            os.chown(fresh, *owner)
        fresh.replace(index)


@dataclass(frozen=True, slots=True)
class _Room:
    git: Git
    filters: filter_programs.Filters
    settings: Mapping[str, str]


def _room(checkout: Checkout, stage: Path, *, raw: bool) -> _Room:
    """Create a git directory in which nothing in the checkout can influence git."""
    source = Git(checkout.record)
    git = isolated.build(stage / "room", checkout.repo)
    attributes = checkout.repo.common_dir / "info" / "attributes"
    if not raw:
        # The person's own encodings apply in their checkout.
        (stage / "room" / "info" / "attributes").write_bytes(attributes.read_bytes() if attributes.is_file() else b"")
    git = isolated.furnish(git, source, stage / "files")
    worktree_snapshot.take_index(checkout.record, git.git_dir)
    if raw:
        return _Room(git, filter_programs.Filters({}, {}, ""), {})
    settings = filter_programs.settings_of(source)
    filters = filter_programs.filters_of(settings, checkout.writable, checkout.repo.common_dir)
    chosen = {setting.key: setting.value for setting in settings if setting.key in _OBEYED} | isolated.obeyed(source)
    # Git would hang on a named pipe.
    chosen = {
        key: text for key, text in chosen.items() if key != _ATTRIBUTES or not _is_agents(text, checkout.writable)
    }
    chosen |= {"core.splitIndex": "false", "core.excludesFile": os.devnull}
    return _Room(replace(git, settings=chosen), filters, filters.settings(stage / "empty", checkout.record))


def _is_agents(path: str, writable: Sequence[Path]) -> bool:
    expanded = Path(path).expanduser()
    return not expanded.is_absolute() or filter_programs.is_inside(expanded, writable)


def _fill(room: _Room, ready: Prepared, old: str, new: str) -> None:
    """Let git write the new files and the new index to the stage."""
    git = replace(room.git, settings={**room.git.settings, **room.settings})
    target = new if not ready.late else _only(git, ready, old)
    _require_safe_filters(room, ready, target)
    done = git.run("read-tree", "-m", "-u", old, target, check=False, deadline=_DEADLINE)
    if done.code != 0:
        raise Refused(
            f"the files of {ready.checkout.root} cannot be prepared: {first_line(done.complaint)}",
            hint="check git's filters and the disk; nothing was changed",
        )


def _only(git: Git, ready: Prepared, old: str) -> str:
    """Return a tree that equals ``old`` except for the paths to update."""
    index = git.at(git.git_dir / "only.index")
    index.run("read-tree", old)
    lines = sorted(f"{change.new_mode} {change.new_id}\t{change.path}\0" for change in ready.changes)
    index.run("update-index", "-z", "--index-info", stdin=_bytes("".join(lines)))
    return index.text("write-tree")


def _require_safe_filters(room: _Room, ready: Prepared, tree: str) -> None:
    written = [change.path for change in ready.changes if change.is_file and change.new_mode != _LINK]
    if not room.filters.unsafe or not written:
        return
    index = room.git.at(room.git.git_dir / "attributes.index")
    index.run("read-tree", tree)
    fields = index.run("check-attr", "--cached", "-z", "--stdin", "filter", stdin=_bytes("\0".join([*written, ""])))
    items = fields.text.split("\0")
    for path, driver in zip(items[::3], items[2::3], strict=False):
        if reason := room.filters.unsafe.get(driver):
            raise Refused(
                f"{path} needs the filter {driver!r}, but {reason}",
                hint=f"merge it yourself: git merge; or set another program: git config --get-regexp {driver}",
            )


class _Files:
    """The files of a checkout, compared with those of two commits."""

    def __init__(self, ready: Prepared) -> None:
        self._ready = ready
        self._root = ready.checkout.root
        self._git = ready.git
        self._ancestors: dict[str, str] = {}
        self._changes = {change.path: change for change in ready.changes}

    def changed(self) -> Iterator[str]:
        """Yield the paths whose content differs from both commits."""
        doubtful: list[Change] = []
        paths = [change.path for change in self._ready.changes]
        # What the index notes says nothing about files that it does not know.
        noted = {} if self._ready.exact else _noted(self._git, paths)
        for change in self._ready.changes:
            blocked = self._blocked(change.path)
            entry = None if blocked else safe_files.look(self._root, change.path)
            self._ready.seen[change.path] = entry
            if blocked:
                yield blocked
            elif entry is None or (change.path in noted and noted[change.path] == _times(entry)):
                continue
            elif entry.is_directory:
                yield from self._in_directory(change)
            else:
                doubtful.append(change)
        yield from self._different(doubtful)

    def _blocked(self, path: str) -> str:
        """Return the path of what blocks a needed directory; empty for a directory, or for what changes itself."""
        for above in [str(parent) for parent in PurePosixPath(path).parents][-2::-1]:
            if above not in self._ancestors:
                entry = safe_files.look(self._root, above)
                free = entry is None or entry.is_directory or above in self._changes
                self._ancestors[above] = "" if free else above
            if self._ancestors[above]:
                return above
        return ""

    def _in_directory(self, change: Change) -> Iterator[str]:
        if not change.is_file:
            if change.was_file and change.path not in self._directories:
                yield change.path
            return
        for entry in safe_files.walk(self._root, change.path):
            mine = self._changes.get(entry.path)
            if not entry.is_directory and (mine is None or mine.is_file):
                yield entry.path

    @cached_property
    def _directories(self) -> set[str]:
        """The directories of new files."""
        new = (change.path for change in self._ready.changes if change.is_file)
        return {str(parent) for path in new for parent in PurePosixPath(path).parents}

    def _different(self, doubtful: Sequence[Change]) -> Iterator[str]:
        actuals = {change.path: self._id(change) for change in doubtful}
        staged = [change.path for change in doubtful if actuals[change.path] == ("", "")]
        ids = self._hashed(staged)
        for change in doubtful:
            actual = actuals[change.path]
            if actual == ("", "") and change.path in ids:
                actual = (_git_mode(self._ready.seen[change.path]), ids[change.path])
            if not any(_alike(actual, side, self._keeps_modes) for side in (change.old_side, change.new_side)):
                yield change.path

    @cached_property
    def _keeps_modes(self) -> bool:
        return self._git.settings.get("core.filemode", "true") != "false"

    def _id(self, change: Change) -> tuple[str, str]:
        entry = self._ready.seen[change.path]
        if entry is None or entry.is_file:
            return "", ""
        target = safe_files.read_link(self._root, change.path)
        return (_LINK, self._blob(os.fsencode(target))) if target is not None else ("special", "")

    def _blob(self, content: bytes) -> str:
        algorithm = hashlib.new(self._ready.checkout.repo.object_format, usedforsecurity=False)
        algorithm.update(b"blob %d\0" % len(content) + content)
        return algorithm.hexdigest()

    def _hashed(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the object id that each regular file would have, computed from a copy."""
        check = self._ready.stage / "check"
        copied = [path for path in paths if self._copied(path, check)]
        git = replace(self._git, work_tree=check, settings={**self._git.settings, **self._ready.filters})
        # Git reads a list of paths line by line.
        listed, odd = [path for path in copied if "\n" not in path], [path for path in copied if "\n" in path]
        ids: dict[str, str] = {}
        if listed:
            asked = _bytes("\n".join(listed))
            done = git.run("hash-object", "--stdin-paths", stdin=asked, check=False, deadline=_DEADLINE)
            ids = dict(zip(listed, done.text.split(), strict=False)) if done.code == 0 else {}
        for path in odd:
            done = git.run("hash-object", "--", path, check=False, deadline=_DEADLINE)
            ids |= {path: done.text.strip()} if done.code == 0 else {}
        return ids

    def _copied(self, path: str, check: Path) -> bool:
        with contextlib.suppress(OrchestraError, OSError):
            safe_files.copy_file(self._root, path, check, most=_LARGEST)
            return True
        return False


def _alike(actual: tuple[str, str], side: tuple[str, str], keeps_modes: bool) -> bool:  # noqa: FBT001 -- one fact of three
    same_mode = actual[0] == side[0] or (not keeps_modes and _LINK not in {actual[0], side[0]})
    return same_mode and actual[1] == side[1]


def _index_entries(git: Git, changes: Sequence[Change]) -> dict[str, tuple[str, str]]:
    """Return mode and id of each path in the index, without conflicting paths."""
    wanted = {change.path: change.nothing for change in changes}
    for item in git.lines0("ls-files", "-s", "-z"):
        words, _, path = item.partition("\t")
        if path in wanted:
            mode, name, number = words.split(" ")
            wanted[path] = (mode, name) if number == "0" else ("conflict", "")
    return wanted


def _noted(git: Git, paths: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
    """Return times, inode and size of the files that are unchanged according to git's record."""
    index = git.git_dir / "index"
    return filter_programs.noted(git.at(index), paths, younger_than=index.stat().st_mtime_ns)


def _times(entry: Entry) -> tuple[int, int, int, int]:
    return (
        entry.changed,
        entry.modified,
        entry.inode & filter_programs.LOW_32_BITS,
        entry.size & filter_programs.LOW_32_BITS,
    )


def _git_mode(entry: Entry | None) -> str:
    if entry is None:
        return ""
    return "100755" if entry.mode & stat.S_IXUSR else "100644"


@contextlib.contextmanager
def _stage(record: Path) -> Iterator[Path]:
    """Yield an empty directory beside the index, on the same file system; leftovers of a killed process are removed."""
    directory = record / _STAGE
    safe_files.remove(directory)
    directory.mkdir(mode=0o700)
    for name in ("files", "check", "empty", "room"):
        (directory / name).mkdir()
    try:
        yield directory
    finally:
        safe_files.remove(directory)


def _remove_empty(root: Path, directory: PurePosixPath) -> None:
    for folder in (directory, *directory.parents):
        if str(folder) == "." or not safe_files.remove_directory(root, str(folder)):
            return


def _owner(path: Path) -> tuple[int, int] | None:
    """Return the owner for files that root writes in the checkout of another user; None if that is not needed."""
    info = path.stat()
    return (info.st_uid, info.st_gid) if os.geteuid() == 0 else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
