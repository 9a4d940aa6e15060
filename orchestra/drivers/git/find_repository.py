"""Find the repository around a directory, or say why sessions cannot work on it."""

from __future__ import annotations

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers import process
from orchestra.drivers.git import listed_settings
from orchestra.drivers.git.command import Git, environment
from orchestra.drivers.process import Completed, first_line
from orchestra.errors import NotARepository, ToolMissing

OLDEST_GIT = (2, 38)
"""``git merge-tree --write-tree`` came with 2.38."""

_PROMISOR = ".promisor"
"""The end of the setting of a remote that a partial clone takes what is missing from."""
_QUESTIONS = 5
"""How many lines describe a repository."""
_DEEPEST_ALTERNATE = 5
"""The depth to which git itself follows alternates (object-file.c)."""


@dataclass(frozen=True, slots=True)
class Found:
    """The absolute paths of a repository's parts."""

    root: Path
    git_dir: Path
    common_dir: Path
    object_format: str


def find(start: Path) -> Found:
    """Return the repository around ``start``; raises NotARepository with the reason and what to do."""
    require_git()
    facts, has_commit = _facts(start)
    root, git_dir, common_dir = (Path(os.path.realpath(text)) for text in facts[2:])
    found = Found(root, git_dir, common_dir, object_format=facts[1])
    _refuse_open_git_dir(found)
    if not has_commit:
        raise NotARepository(
            f"{found.root} has no commit yet, so there is nothing to branch from",
            hint="create one: git commit --allow-empty -m 'First commit'",
        )
    _refuse_partial(found)
    return found


def _facts(start: Path) -> tuple[list[str], bool]:
    """Return git's answers, and whether a commit is checked out; one process is asked, because each costs time."""
    done = _ask(
        start,
        "--is-bare-repository",
        "--show-object-format",
        "--path-format=absolute",
        "--show-toplevel",
        "--git-dir",
        "--git-common-dir",
        "HEAD^{commit}",
        "--",
    )
    # Without a commit, git fails after the first answers.
    has_commit = done.code == 0
    lines = done.text.splitlines()[: -2 if has_commit else None]
    if lines[:1] == ["true"]:
        raise NotARepository(f"{start} is a bare repository", hint=_checkout_of(start))
    if len(lines) < _QUESTIONS:
        raise _not_found(start, done)
    if len(lines) > _QUESTIONS:
        raise NotARepository(
            "the repository's path contains a line break, which git's own files cannot represent",
            hint="rename the directory",
        )
    return lines, has_commit


def _checkout_of(start: Path) -> str:
    """Return the hint for a bare repository: where its checkout is, or how to create one."""
    listing = process.run(
        ("git", "worktree", "list", "--porcelain", "-z"), cwd=start, env=environment(), check=False
    ).text
    blocks = [block.split("\0") for block in listing.split("\0\0") if block]
    paths = [block[0].removeprefix("worktree ") for block in blocks if "bare" not in block]
    checkout = next((path for path in paths if Path(path).is_dir()), "")
    return (
        f"go to a checkout of it: cd '{checkout}'"
        if checkout
        else "create a checkout of it: git worktree add ../NAME BRANCH"
    )


def _ask(start: Path, *questions: str) -> Completed:
    return process.run(("git", "rev-parse", *questions), cwd=start, env=environment(), check=False)


def _not_found(start: Path, done: Completed) -> NotARepository:
    complaint = done.complaint
    if "dubious ownership" in complaint:
        owner = _quoted(complaint) or str(start)
        return NotARepository(
            f"git does not trust {owner}, because another user owns it",
            hint=f"if you trust it: git config --global --add safe.directory '{owner}'",
        )
    if "not a git repository" in complaint:
        return NotARepository(f"{start} is not in a git repository", hint="cd to one, or create one: git init")
    if "must be run in a work tree" in complaint:
        return NotARepository(f"{start} is inside a .git directory", hint="cd to the directory above it")
    return NotARepository(f"git cannot read the repository at {start}: {first_line(complaint)}", hint="try: git status")


def _quoted(complaint: str) -> str:
    return first_line(complaint).partition("'")[2].rpartition("'")[0]


def _refuse_open_git_dir(found: Found) -> None:
    """Refuse a git directory among the files of the checkout, where the designer could write hooks."""
    for directory in (found.git_dir, found.common_dir):
        if directory.is_relative_to(found.root) and not directory.is_relative_to(found.root / ".git"):
            raise NotARepository(
                f"the git directory {directory} is inside {found.root}, where agents write",
                hint=f"move it elsewhere: git init --separate-git-dir '{found.root}.git' '{found.root}'",
            )


def _refuse_partial(found: Found) -> None:
    keys = (item.partition("\n")[0] for item in listed_settings.listed(Git(found.git_dir)))
    promised = next((key for key in keys if key.startswith("remote.") and key.endswith(_PROMISOR)), "")
    if promised:
        raise _partial(found.root, promised.removesuffix(_PROMISOR))


def _partial(root: Path, remote: str) -> NotARepository:
    name = remote.removeprefix("remote.")
    return NotARepository(
        f"{root} is a partial clone; a container cannot fetch what is missing",
        hint=f"complete it: git config --unset {remote}.partialclonefilter; git fetch --refetch {name}"
        f" && git config --unset {remote}.promisor",
    )


def object_dirs(first: Path) -> tuple[Path, ...]:
    """Return the absolute paths of an object directory and all its alternates, in the order of git."""
    directories: list[Path] = []
    _follow(Path(os.path.realpath(first)), directories, 0)
    return tuple(directories)


def _follow(directory: Path, directories: list[Path], depth: int) -> None:
    if directory in directories or not directory.is_dir() or depth > _DEEPEST_ALTERNATE:
        return
    directories.append(directory)
    for entry in _alternates(directory):
        _follow(Path(os.path.realpath(directory / entry)), directories, depth + 1)


def _alternates(objects: Path) -> list[str]:
    record = objects / "info" / "alternates"
    if not record.is_file():
        return []
    lines = record.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    return [_unquoted(line) for line in lines if line and not line.startswith("#")]


def _unquoted(line: str) -> str:
    if not (line.startswith('"') and line.endswith('"')):
        return line
    plain = line[1:-1].encode("utf-8", "surrogateescape").decode("unicode_escape")
    return plain.encode("latin-1").decode("utf-8", "surrogateescape")


def require_git() -> None:
    """Raise ToolMissing if git is missing or too old to merge without a checkout."""
    program = shutil.which("git")
    _require_version(program, listed_settings.stamp(Path(program)) if program else None)


@functools.lru_cache(maxsize=4)
def _require_version(program: str | None, stamp: tuple[int, int, int] | None) -> None:
    """Ask a program for its version, once until it is replaced."""
    del program, stamp
    words = process.run(("git", "--version"), env=environment()).text.split()
    version = tuple(int(part) for part in words[2].split(".")[:2])
    if version < OLDEST_GIT:
        raise ToolMissing(f"git {words[2]} is too old", hint="install git 2.38 or newer")
