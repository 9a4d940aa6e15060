"""Find what differs from git's index in a tree that an agent can write, without git opening the tree.

Git opens ``.gitignore``, ``.gitattributes``, ``.gitmodules`` and the ``.git`` of every directory,
and would hang if one of them is a named pipe. Here the tree is walked through open directories,
files are compared with the stat data in the index, and git is only asked which names it ignores.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orchestra.drivers.git.ignore_rules import NAME, IgnoreRules
from orchestra.drivers.git.index_table import ASSUMED, IndexTable, noted
from orchestra.drivers.untrusted_tree import Sight, Unreadable, UntrustedTree
from orchestra.errors import DeadlineExceeded, Refused

_GIT = ".git"
_RULED = 100
"""The depth down to which ignore rules apply; everything deeper counts as not ignored."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits for one scan of a worktree.

    ``files`` and ``size`` (bytes) of the untracked files, where the fullest directories are left
    out first; ``entries`` at most; ``seconds`` for the walk, and again for reading. With ``whole``
    nothing may be left out, and the scan is refused otherwise.
    """

    files: int
    size: int
    entries: int
    seconds: float
    whole: bool = False


@dataclass(slots=True)
class Found:
    """``changed``: tracked paths that may differ; ``untracked`` by the topmost directory that has nothing tracked.

    ``nested`` are nested repositories, ``modules`` checked-out submodules, ``unread`` unreadable
    directories; ``more`` says that the scan is incomplete. ``directories`` are those that were
    read, with their inodes: a change in any other one would not show.
    """

    changed: dict[str, Sight] = field(default_factory=dict)
    untracked: dict[str, list[str]] = field(default_factory=dict)
    nested: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    directories: dict[str, int] = field(default_factory=dict)
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory to walk, and its topmost parent without tracked files."""

    path: str
    heap: str = ""
    inode: int = 0


@dataclass(slots=True)
class _Level:
    """The entries at one depth: names to ask git about, and directories to enter anyway."""

    files: list[tuple[str, str]] = field(default_factory=list)
    directories: list[_Directory] = field(default_factory=list)
    certain: list[_Directory] = field(default_factory=list)


class Scan:
    """One walk over a worktree."""

    def __init__(
        self,
        tree: UntrustedTree,
        table: IndexTable,
        rules: IgnoreRules,
        bounds: Bounds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tree, self._table, self._rules, self._bounds = tree, table, rules, bounds
        self._clock = clock
        self._end = clock() + bounds.seconds
        self._left = bounds.entries
        self.found = Found()

    def run(self) -> Found:
        """Walk the tree; raises Refused for what exceeds the limits, and DeadlineExceeded."""
        level, depth = [_Directory("")], 0
        while level:
            met = _Level()
            for directory in level:
                self._visit(directory, met)
            level, depth = self._next(met, depth), depth + 1
        self._note_absent()
        return self.found

    def _visit(self, directory: _Directory, met: _Level) -> None:
        if self._clock() > self._end:
            seconds = f"{self._bounds.seconds:.0f} s"
            raise DeadlineExceeded(f"the worktree could not be scanned in {seconds}", hint="try again")
        tracked = self._table.files.get(directory.path, {})
        children = self._children(directory.path, len(tracked) + max(self._left, 0) + 1)
        if children is None:
            return
        names = {name for name, _ in children}
        if directory.heap and _GIT in names and self._is_repository(directory.path):
            self._nest(directory)
            return
        if NAME in names:
            self._rules.take(self._tree, directory.path)
        self.found.directories[directory.path] = directory.inode
        for name, seen in children:
            self._meet(directory, name, seen, tracked.get(name), met)
        for name in tracked.keys() - names:
            self._lost(_join(directory.path, name), tracked[name])

    def _children(self, path: str, most: int) -> list[tuple[str, os.stat_result]] | None:
        try:
            children = self._tree.children(path, most)
        except Unreadable:
            if self._bounds.whole or not path:
                raise
            self.found.unread.append(path)
            return None
        if len(children) == most:
            self._overflow(path)
        return children

    def _meet(self, directory: _Directory, name: str, seen: os.stat_result, known: str | None, met: _Level) -> None:
        path = _join(directory.path, name)
        if name == _GIT:
            self._keep_git_directory(directory, path, seen)
            return
        if known is not None and known not in {ASSUMED, noted(seen)}:
            self.found.changed[path] = self._tree.sight(seen)
        if stat.S_ISDIR(seen.st_mode):
            self._go_into(directory, path, seen.st_ino, met)
        elif known is None and path in self._table.links:
            self.found.changed[path] = self._tree.sight(seen)
        elif known is None and (stat.S_ISREG(seen.st_mode) or stat.S_ISLNK(seen.st_mode)):
            met.files.append((path, directory.heap or path))

    def _go_into(self, directory: _Directory, path: str, inode: int, met: _Level) -> None:
        if path in self._table.links:
            self._go_into_module(path, inode, met)
        elif path in self._table.files:
            met.certain.append(_Directory(path, inode=inode))
        else:
            met.directories.append(_Directory(path, directory.heap or path, inode))

    def _go_into_module(self, path: str, inode: int, met: _Level) -> None:
        """Check the directory of a submodule: it is a checkout of it, or has files that git would not see."""
        names = {name for name, _ in self._children(path, max(self._left, 0) + 1) or ()}
        if _GIT not in names:
            met.certain.append(_Directory(path, path, inode))
        elif self._bounds.whole:
            self._keep_all(_Directory(path, path))
        else:
            self.found.modules.append(path)

    def _is_repository(self, path: str) -> bool:
        return any(self._tree.look(f"{path}/{name}").mode for name in (_GIT, f"{_GIT}/HEAD"))

    def _nest(self, directory: _Directory) -> None:
        if self._bounds.whole:
            self._keep_all(directory)
        else:
            self.found.nested.append(directory.path)

    def _keep_git_directory(self, directory: _Directory, path: str, seen: os.stat_result) -> None:
        """Include a ``.git`` that is not the worktree's own if everything must be kept, because git ignores it."""
        if not self._bounds.whole or not directory.path:
            return
        if stat.S_ISDIR(seen.st_mode):
            self._keep_all(_Directory(path, directory.heap or path))
        elif self._tree.sight(seen).mode:
            self._add([path], directory.heap or path)

    def _keep_all(self, directory: _Directory) -> None:
        self._add(self._tree.below(directory.path, self._bounds.entries), directory.heap)

    def _next(self, met: _Level, depth: int) -> list[_Directory]:
        files, directories = [path for path, _ in met.files], [directory.path for directory in met.directories]
        ignored = self._rules.ignored(files, directories) if depth < _RULED else set()
        for path, heap in met.files:
            if path not in ignored:
                self._add([path], heap)
        inside = [directory for directory in met.directories if directory.path not in ignored]
        self._left -= len(inside)
        if self._left < 0 and inside:
            self._overflow(inside[-1].heap)
            inside = []
        return met.certain + inside

    def _add(self, paths: Iterable[str], heap: str) -> None:
        for path in paths:
            self._left -= 1
            if self._left < 0:
                self._overflow(heap)
                return
            self.found.untracked.setdefault(heap, []).append(path)

    def _overflow(self, path: str) -> None:
        self.found.more = True
        if self._bounds.whole:
            fullest = max(self.found.untracked, key=lambda heap: len(self.found.untracked[heap]), default=path)
            raise Refused(
                f"there are more than {self._bounds.entries:,} untracked files, most of them in {fullest!r}",
                hint="remove what you do not need there, or add it to .gitignore",
            )

    def _note_absent(self) -> None:
        for folder, names in self._table.files.items():
            if folder not in self.found.directories and not self._is_unread(folder):
                for name, known in names.items():
                    self._lost(_join(folder, name), known)

    def _lost(self, path: str, known: str) -> None:
        """Record a tracked file that was not found; it may exist in a directory that was too full to be listed."""
        if known != ASSUMED and path not in self._table.skipped:
            self.found.changed[path] = self._tree.look(path) if self.found.more else Sight()

    def _is_unread(self, folder: str) -> bool:
        return any(folder == unread or folder.startswith(f"{unread}/") for unread in self.found.unread)


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
