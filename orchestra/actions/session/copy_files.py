"""Copy the files, directories and patterns of the setting ``copy`` from the checkout into a new worktree.

The designer can write the checkout. So no symlink out of the project is followed, nothing in git's
own directory is copied, and what is left out is reported.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.errors import DeadlineExceeded, Refused
from orchestra.names import MAIN
from orchestra.safe_files import Entry, Limits, Obstructed

if TYPE_CHECKING:
    from orchestra.model import Session
    from orchestra.project import Project
    from orchestra.protocol import Progress

LIMITS = Limits()
"""Limits for one entry of the setting."""
_MOST_LINKS = 16
_MOST_LINES = 20
_MAGIC = frozenset("*?[")
_GIT = "is in git's own directory"


@dataclass(frozen=True, slots=True)
class _Copying:
    """One copy from the checkout to the worktree; ``hidden`` are git's own directories inside the checkout."""

    source: Path
    worktree: Path
    hidden: tuple[str, ...]

    def everything(self, pattern: str) -> Iterator[str]:
        """Copy one entry of the setting; yield a line for each file that is left out."""
        names = matching(self.source, pattern)
        if not names:
            yield f"{pattern}: no file has such a name"
        for name in names:
            yield from self._item(name)

    def _item(self, name: str) -> Iterator[str]:
        real, reason = self.led(name)
        entry = None if reason else safe_files.look(self.source, real)
        if entry is None or reason:
            yield f"{name} {reason or 'is not there'}"
        elif entry.is_directory:
            yield from self._directory(name, real)
        else:
            yield from self._file(name, entry)

    def _directory(self, name: str, real: str) -> Iterator[str]:
        safe_files.make_directory(self.worktree, name)
        for entry in safe_files.walk(self.source, real, limits=LIMITS):
            target = name + entry.path[len(real) :]
            if self._is_git(entry.path):
                yield from () if self._is_git(posixpath.dirname(entry.path)) else (f"{target} {_GIT}",)
            elif entry.is_directory:
                safe_files.make_directory(self.worktree, target)
            elif entry.is_link:
                yield from self._link(target, entry)
            else:
                yield from self._file(target, entry)

    def _link(self, target: str, entry: Entry) -> Iterator[str]:
        real, reason = self.led(entry.path)
        text = safe_files.read_link(self.source, entry.path) or ""
        if reason:
            yield f"{target} {reason}"
        elif text.startswith("/"):
            led = safe_files.look(self.source, real)
            yield from self._file(target, led) if led and led.is_file else (f"{target} is an absolute symlink",)
        elif not safe_files.plant_link(self.worktree, target, text):
            yield from self._in_the_way(target)

    def _file(self, target: str, entry: Entry) -> Iterator[str]:
        if not entry.is_file:
            yield f"{target} is not a regular file"
            return
        try:
            safe_files.copy_file(self.source, entry.path, self.worktree, target, most=LIMITS.size)
        except FileNotFoundError:
            yield f"{target} no longer exists"
        except Obstructed:
            yield from self._in_the_way(target)
        except Refused as error:
            yield f"{target}: {error.message}"

    def _in_the_way(self, target: str) -> Iterator[str]:
        # The base commit may contain the file; it may also be an agent's and contain a link with that name.
        there = safe_files.look(self.worktree, target)
        if there is None or not there.is_file:
            yield f"{target}: the worktree has something else with that name"

    def led(self, name: str) -> tuple[str, str]:
        """Return the target of a name when its symlinks are followed inside the project, or why they are not."""
        done, ahead, links = "", list(safe_files.parts(name)), 0
        while ahead:
            done = posixpath.normpath(posixpath.join(done, ahead.pop(0)))
            if done.startswith(".."):
                return name, "leads out of the project"
            if self._is_git(done):
                return name, _GIT
            if done == ".":
                continue
            if (text := safe_files.read_link(self.source, done)) is not None:
                links += 1
                if links > _MOST_LINKS:
                    return name, "is a symlink that leads to itself"
                done, ahead = self._follow(done, text, ahead)
        return (name, "is the whole project") if done == "." else (done, "")

    def _follow(self, link: str, text: str, ahead: list[str]) -> tuple[str, list[str]]:
        path = posixpath.join(str(self.source / posixpath.dirname(link)), text)
        inside = posixpath.relpath(path, str(self.source)) if text.startswith("/") else text
        above = "" if text.startswith("/") else posixpath.dirname(link)
        return above, [*inside.split("/"), *ahead]

    def _is_git(self, path: str) -> bool:
        if ".git" in (part.lower() for part in path.split("/")):
            return True
        return any(path == directory or path.startswith(f"{directory}/") for directory in self.hidden)


def copy_extras(project: Project, session: Session, progress: Progress) -> None:
    """Copy the files of the setting into a new worktree; log what was left out."""
    if session.name == MAIN or not project.settings.copy:
        return
    copying = _Copying(project.paths.source, session.worktree, _hidden(project))
    for pattern in project.settings.copy:
        for line in _shortened(_safely(copying, pattern)):
            progress(f"not copied: {line}")
            project.store.events.log(session.name, "not-copied", line)


def _safely(copying: _Copying, pattern: str) -> Iterator[str]:
    try:
        yield from copying.everything(pattern)
    except (Refused, DeadlineExceeded) as error:
        yield f"{pattern}: {error.message}"


def _shortened(lines: Iterator[str]) -> Iterator[str]:
    """Yield the first lines, without control characters, and how many more there are."""
    more = 0
    for number, line in enumerate(lines):
        if number < _MOST_LINES:
            yield "".join(letter if letter.isprintable() else "�" for letter in line)
        else:
            more += 1
    if more:
        yield f"{more} more"


def _hidden(project: Project) -> tuple[str, ...]:
    """Return git directories inside the checkout with another name than ``.git``."""
    source, repository = project.paths.source, project.repository
    directories = (repository.git_dir, repository.common_dir, *repository.object_dirs)
    return tuple(str(directory.relative_to(source)) for directory in directories if source in directory.parents)


def matching(source: Path, pattern: str) -> list[str]:
    """Return the names below ``source`` that match a pattern: ``*``, ``?``, ``[…]``, and ``**`` for any depth.

    A name without wildcards stands for itself, whether it exists or not.
    """
    names = [""]
    for part in safe_files.parts(pattern):
        names = [name for above in names for name in _next(source, above, part)]
    return [name for name in dict.fromkeys(names) if name]


def _next(source: Path, above: str, part: str) -> list[str]:
    if not _MAGIC & set(part):
        return [posixpath.join(above, part)]
    if part == "**":
        inner = (entry for entry in safe_files.walk(source, above, limits=LIMITS) if entry.is_directory)
        return [above, *(entry.path for entry in inner if ".git" not in entry.path.split("/"))]
    return [entry.path for entry in _listed(source, above) if _matches(posixpath.basename(entry.path), part)]


def _listed(source: Path, above: str) -> list[Entry]:
    try:
        return safe_files.list_directory(source, above)
    except Obstructed:
        return []


def _matches(name: str, part: str) -> bool:
    # As in a shell, a star does not match a hidden file.
    return fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))


def preview(project: Project, pattern: str) -> str:
    """Describe what an entry of the setting matches now."""
    try:
        names = matching(project.paths.source, pattern)
    except (Refused, DeadlineExceeded) as error:
        return f"{pattern} ({error.message})"
    if names == [pattern]:
        return f"{pattern} ({_kind(project, pattern)})"
    return f"{pattern} (matches {len(names)} names now)"


def _kind(project: Project, name: str) -> str:
    copying = _Copying(project.paths.source, project.paths.source, _hidden(project))
    real, reason = copying.led(name)
    entry = None if reason else safe_files.look(project.paths.source, real)
    if reason or entry is None:
        return f"not copied: {reason or 'it does not exist'}"
    what = "a directory" if entry.is_directory else f"{entry.size:,} bytes" if entry.is_file else "not a regular file"
    return what if real == name else f"a symlink to {real}, {what}"
