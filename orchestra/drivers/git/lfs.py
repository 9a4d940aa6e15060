"""Fill the Git LFS files of a new worktree with their contents, as far as these are on this machine.

In git such a file is a pointer (git-lfs-spec(1)). Git LFS itself replaces it by the content while
git fills the worktree, before any agent can use it. It runs with the person's own setting, in an
empty directory, and without network.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestra import safe_files
from orchestra.drivers import temporary
from orchestra.drivers.git import filter_programs, index_file, index_lock
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.repository import Repository
from orchestra.errors import OrchestraError

LONGEST_POINTER = 1024
"""The most bytes of a pointer (git-lfs-spec(1))."""
POINTER = b"version "
"""The beginning of a pointer."""
DRIVER = "lfs"
"""The name of the filter."""
_LONGEST_ATTRIBUTES = 1 << 20
_AGE = 10 * 1_000_000_000
"""In nanoseconds; more than two of the seconds in which git compares times."""
_DEADLINE = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The Git LFS files: those that have their content now, and those that are still pointers."""

    whole: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filling:
    """Settings with which git fills a worktree; ``reason`` says why Git LFS is not run."""

    settings: Mapping[str, str]
    reason: str = ""
    _ran: Path | None = field(default=None, repr=False)

    @property
    def ran(self) -> bool:
        """Whether git met a Git LFS file."""
        return self._ran is not None and self._ran.exists()


@contextlib.contextmanager
def filling(repo: Repository, writable: Sequence[Path]) -> Iterator[Filling]:
    """Yield the settings to fill a new worktree: no filter except Git LFS, and that only if no agent can influence it.

    ``writable`` are the directories that agents can write.
    """
    settings = filter_programs.settings_of(repo.git())
    off = repo.without_filters({setting.key for setting in settings})
    if not any(key.startswith(f"filter.{DRIVER}.") for key in off):
        yield Filling(off, "git has no such filter here; to add it: git lfs install")
        return
    filters = filter_programs.filters_of(settings, writable, repo.common_dir)
    if reason := _reason(filters, settings):
        yield Filling(off, reason)
        return
    with temporary.directory(repo.scratch) as directory:
        room, ran = directory / "room", directory / "ran"
        room.mkdir()
        chosen = filters.settings(room, repo.git_dir, only={DRIVER})
        first = f": >{shlex.quote(os.fspath(ran))}\n"
        commands = {key: text if key.endswith(".required") else first + text for key, text in chosen.items()}
        # Its entries are then all in the one file that `mark_unchanged` writes.
        yield Filling({**off, **commands, "core.splitIndex": "false"}, _ran=ran)


def mark_unchanged(repo: Repository, worktree: Path) -> Outcome:
    """Make a git without filters treat the contents in a new worktree as unchanged; returns the outcome.

    Git reads a file again if it is as young as the index, and would see that its content is not the
    pointer. So the files' times are set back, before any agent can change the files.
    """
    record = repo.record(worktree)
    with index_lock.held(record):
        kept = _kept(record)
        pointers = [path for path in kept if is_pointer_file(worktree, path)]
        whole = [path for path in kept if path not in set(pointers)]
        _note(repo, record, worktree, whole)
    return Outcome(tuple(whole), tuple(pointers))


def names_it(worktree: Path) -> bool:
    """Return whether the attributes at the top of a worktree name Git LFS."""
    with contextlib.suppress(OrchestraError):
        attributes = safe_files.read(worktree, ".gitattributes", most=_LONGEST_ATTRIBUTES)
        return f"filter={DRIVER}".encode() in (attributes or b"")
    return False


def is_pointer_file(worktree: Path, path: str) -> bool:
    """Return whether a file in a worktree is a pointer, or does not exist."""
    with contextlib.suppress(OrchestraError):
        content = safe_files.read(worktree, path, most=LONGEST_POINTER)
        return content is None or (len(content) <= LONGEST_POINTER and content.startswith(POINTER))
    return True


def _reason(filters: filter_programs.Filters, settings: Sequence[filter_programs.Setting]) -> str:
    if reason := filters.unsafe.get(DRIVER):
        return reason
    if any(setting.key.startswith("lfs.extension.") for setting in settings):
        # The pointer names the extensions to run (git-lfs-extensions(5)), and an agent may have written it.
        return "further programs are configured for it (lfs.extension)"
    parts = filters.safe.get(DRIVER, {})
    for part in ("smudge", "process"):
        if (command := parts.get(part, "")) and not _is_git_lfs(command):
            return f"its {part} program is not git-lfs"
    return "" if any(parts.get(part) for part in ("smudge", "process")) else "no program is configured that reads them"


def _is_git_lfs(command: str) -> bool:
    program, *rest = shlex.split(command) or [""]
    return Path(program).name == "git-lfs" or (Path(program).name, *rest[:1]) == ("git", "lfs")


def _kept(record: Path) -> list[str]:
    """Return the paths in the index that belong to Git LFS, according to the attributes in the index."""
    git = Git(record)
    names = git.run("ls-files", "-z", deadline=_DEADLINE).stdout
    fields = git.run("check-attr", "--cached", "-z", "--stdin", "filter", stdin=names, deadline=_DEADLINE)
    items = fields.text.split("\0")
    return [path for path, driver in zip(items[::3], items[2::3], strict=False) if driver == DRIVER]


def _note(repo: Repository, record: Path, worktree: Path, paths: Sequence[str]) -> None:
    stats = {path: safe_files.set_back(worktree, path, _AGE) for path in paths}
    fresh = record / "orchestra-index"
    shutil.copy2(record / "index", fresh)
    index_file.note(fresh, {path: info for path, info in stats.items() if info is not None}, repo.object_format)
    fresh.replace(record / "index")
