"""The index that a scan produces: the host's own, with every changed file as it was last read."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestra import safe_files
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.worktree_scan import Bounds
from orchestra.drivers.untrusted_tree import Sight, UntrustedTree
from orchestra.errors import DeadlineExceeded, Refused
from orchestra.names import digest

REPOSITORY = "160000"
"""The mark, and git's mode, of a repository inside the worktree."""
_LOOKED_INTO = 4 << 20
"""Bytes up to which a changed file is read for a diff; a longer one shows as binary."""
_OBJECTS_KEPT = 20_000
_BYTES_KEPT = 1 << 30
_BATCH_FILES, _BATCH_BYTES = 1_000, 64 << 20
"""How much is copied at once before git reads it."""
_LONGEST_PATH = 1_000
"""Bytes of a path that is copied out under its own name; the system takes four times as many."""
_DEADLINE = 300.0
_SHA1 = 40


@dataclass(slots=True)
class _Memory:
    """Knowledge from earlier scans: the marks of the entries in the index, and the object ids of marks."""

    marks: dict[str, str] = field(default_factory=dict)
    read: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> _Memory:
        try:
            known = json.loads(path.read_text(encoding="ascii"))
            return cls(known["marks"], known["read"])
        except (FileNotFoundError, ValueError, KeyError):
            return cls()

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"marks": self.marks, "read": self.read}), encoding="ascii")

    def knows(self, path: str, sight: Sight) -> bool:
        return bool(sight.mark) and self.read.get(path, [""])[0] == sight.mark


class SeenIndex:
    """The index of one scan, in the git directory of ``git``."""

    def __init__(
        self, git: Git, tree: UntrustedTree, bounds: Bounds, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = git.git_dir / "seen.index"
        self._git, self._tree, self._bounds = git.at(self.path), tree, bounds
        self._notes = git.git_dir / "seen.json"
        self._clock = clock
        self._memory = _Memory.load(self._notes)
        self.mark = ""

    def bring_up_to_date(self, seen: Mapping[str, Sight], *, renewed: bool) -> int:
        """Update the index to what was seen, and return how many files could not be read in time."""
        unread = self._update_to(seen, renewed=renewed)
        # By content where it was read, because a young file may change again without a new time.
        known = {path: [*self._memory.read.get(path, ["", sight.mark])[1:]] for path, sight in seen.items()}
        self.mark = digest(json.dumps(known, sort_keys=True), 16)
        return unread

    def _update_to(self, seen: Mapping[str, Sight], *, renewed: bool) -> int:
        marks = {path: sight.mark for path, sight in seen.items()}
        fresh = self._fresh(seen)
        if not renewed and not fresh and marks == self._memory.marks and self.path.exists():
            return 0
        if fresh and self._is_full():
            self._forget()
            fresh = self._fresh(seen)
        self._notes.unlink(missing_ok=True)
        shutil.copy2(self._git.git_dir / "index", self.path)
        self._enter(seen)
        unread = self._read(fresh, seen)
        self._memory.marks = {path: mark for path, mark in marks.items() if path not in unread}
        self._memory.save(self._notes)
        return len(unread)

    def _fresh(self, seen: Mapping[str, Sight]) -> list[str]:
        """Return the files to read; if the attributes have changed, all of them are read again."""
        marks = {path: sight.mark for path, sight in seen.items()}
        known = self._memory.read if _attributes(marks) == _attributes(self._memory.marks) else {}
        self._memory.read = {path: known[path] for path in seen if path in known}
        return [path for path, sight in seen.items() if sight.mode and not self._memory.knows(path, sight)]

    def _is_full(self) -> bool:
        sizes = [path.stat().st_size for path in self._objects()]
        return len(sizes) > _OBJECTS_KEPT or sum(sizes) > _BYTES_KEPT

    def _objects(self) -> Iterator[Path]:
        return (self._git.git_dir / "objects").glob("[0-9a-f][0-9a-f]/*")

    def _forget(self) -> None:
        self._memory = _Memory()
        for path in self._objects():
            path.unlink(missing_ok=True)

    def _enter(self, seen: Mapping[str, Sight]) -> None:
        """Enter what is known, deletions first, so that a directory can replace a file."""
        tip = (self._git.git_dir / "HEAD").read_text(encoding="ascii").strip()
        none = "0" * len(tip)
        lines = [f"0 {none}\t{_kept_name(path)}\0" for path, sight in seen.items() if not sight.mode]
        lines += [f"{REPOSITORY} {tip}\t{path}\0" for path, sight in seen.items() if sight.mark == REPOSITORY]
        lines += [f"{mode} {name}\t{_kept_name(path)}\0" for path, (_, mode, name) in self._memory.read.items()]
        if lines:
            self._git.run("update-index", "-z", "--index-info", stdin=os.fsencode("".join(lines)), deadline=_DEADLINE)

    def _read(self, fresh: list[str], seen: Mapping[str, Sight]) -> set[str]:
        """Read files in batches, and return those that could not be read in time."""
        end, left = self._clock() + self._bounds.seconds, set(fresh)
        for batch in _batches(_possible(fresh), seen, whole=self._bounds.whole):
            if self._clock() > end:
                break
            self._take(batch, seen)
            left.difference_update(batch)
        if left and self._bounds.whole:
            reason = f"{len(left):,} files could not be read in {self._bounds.seconds:.0f} s"
            raise DeadlineExceeded(reason, hint="remove what you do not need there, or add it to .gitignore")
        self._remember(set(fresh) - left, seen)
        return left

    def _take(self, batch: list[str], seen: Mapping[str, Sight]) -> None:
        directory = Path(tempfile.mkdtemp(dir=self._git.git_dir, prefix="stage-"))
        try:
            stage = _Stage(directory / "tree", self._tree, whole=self._bounds.whole)
            long = [path for path in batch if len(os.fsencode(path)) > _LONGEST_PATH]
            staged = {path for path in batch if path not in long and stage.copy(path, seen[path])}
            self._update(directory / "tree", [path for path in batch if path not in {*staged, *long}], "--force-remove")
            self._update(directory / "tree", sorted(staged), "--add", "--replace")
            self._take_long(directory / "tree", stage, {path: seen[path] for path in long})
        finally:
            safe_files.remove(directory)

    def _update(self, stage: Path, paths: Collection[str], *how: str) -> None:
        if paths:
            git = Git(self._git.git_dir, stage, self._git.index, self._git.settings, self._git.variables)
            names = b"".join(os.fsencode(_kept_name(path)) + b"\0" for path in paths)
            git.run("update-index", *how, "-z", "--stdin", stdin=names, deadline=_DEADLINE)

    def _take_long(self, directory: Path, stage: _Stage, files: Mapping[str, Sight]) -> None:
        """Read files whose paths are too long for git to open, without attributes."""
        numbers = {path: f".long-{number}" for number, path in enumerate(files)}
        modes = {path: mode for path, sight in files.items() if (mode := stage.flat(path, sight, numbers[path]))}
        if not modes:
            return
        git = Git(self._git.git_dir, directory, self._git.index, self._git.settings, self._git.variables)
        asked = "".join(f"{numbers[path]}\n" for path in modes).encode()
        done = git.run("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=asked, deadline=_DEADLINE)
        entries = zip(modes.items(), done.text.split(), strict=True)
        lines = "".join(f"{mode} {name}\t{_kept_name(path)}\0" for (path, mode), name in entries)
        git.run("update-index", "-z", "--index-info", stdin=os.fsencode(lines), deadline=_DEADLINE)

    def _remember(self, paths: set[str], seen: Mapping[str, Sight]) -> None:
        if not paths:
            return
        wanted = {_kept_name(path): path for path in paths}
        for line in self._git.lines0("ls-files", "--stage", "-z", deadline=_DEADLINE):
            facts, _, kept = line.partition("\t")
            if (path := wanted.get(kept)) is not None:
                mode, name, _ = facts.split(" ")
                self._memory.read[path] = [seen[path].mark, mode, name]


class _Stage:
    """The directory to which files are copied for git to read."""

    def __init__(self, directory: Path, tree: UntrustedTree, *, whole: bool) -> None:
        self._directory, self._tree, self._whole = directory, tree, whole
        self._made = {""}
        directory.mkdir(exist_ok=True)

    def copy(self, path: str, sight: Sight) -> bool:
        """Copy a file to its own name; returns False if it no longer exists."""
        kept = _kept_name(path)
        self._make(kept.rpartition("/")[0])
        return self._copy(path, sight, self._directory / kept)

    def flat(self, path: str, sight: Sight, name: str) -> str:
        """Copy a file to another name, a symlink as its text; return its mode, empty if there is no file."""
        target = self._directory / name
        if not self._copy(path, sight, target):
            return ""
        if not target.is_symlink():
            return "100755" if target.stat().st_mode & stat.S_IXUSR else "100644"
        text = os.fsencode(target.readlink())
        target.unlink()
        target.write_bytes(text)
        return "120000"

    def _copy(self, path: str, sight: Sight, target: Path) -> bool:
        return self._tree.copy(path, target) if self._whole else self._copy_for_a_look(path, sight, target)

    def _make(self, folder: str) -> None:
        missing = []
        while folder not in self._made:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        for path in reversed(missing):
            (self._directory / path).mkdir()
            self._made.add(path)

    def _copy_for_a_look(self, path: str, sight: Sight, target: Path) -> bool:
        # Holes in a file are zeros, which no text file has.
        with contextlib.suppress(Refused):
            if sight.size <= _LOOKED_INTO:
                return self._tree.copy(path, target, holes=False)
        target.unlink(missing_ok=True)
        # The zero byte makes git treat the placeholder as binary, like the file itself.
        target.write_bytes(f"\0{sight.size} bytes, {sight.mark}".encode())
        return True


def _batches(paths: list[str], seen: Mapping[str, Sight], *, whole: bool) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for path in paths:
        # Holes take no space but are read all the same.
        weight = seen[path].stored + seen[path].size // 16 if whole or seen[path].size <= _LOOKED_INTO else 0
        if batch and (len(batch) == _BATCH_FILES or size + weight > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += weight
    if batch:
        yield batch


def _possible(paths: Collection[str]) -> list[str]:
    """Return the paths without those below another path that was a file at another moment.

    Attributes come first, because they determine how the others are read.
    """
    present = set(paths)
    ordered = sorted(present, key=lambda path: (not _is_attributes(path), path))
    return [path for path in ordered if not any(above in present for above in _parents(path))]


def _attributes(marks: Mapping[str, str]) -> dict[str, str]:
    return {path: mark for path, mark in marks.items() if _is_attributes(path)}


def _is_attributes(path: str) -> bool:
    return path.rpartition("/")[2] == ".gitattributes"


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _kept_name(path: str) -> str:
    """Return the name under which git can keep a path, because git refuses the ``.git`` of a nested repository."""
    parts = path.split("/")
    return "/".join("dot-git" if part.lower() == ".git" else part for part in parts)
