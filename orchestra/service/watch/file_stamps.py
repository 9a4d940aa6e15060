"""Detect changes cheaply from the stat data of a session's refs, index and spec, without git."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from orchestra import safe_files
from orchestra.errors import OrchestraError, Refused
from orchestra.model import Role, SandboxKind, Session
from orchestra.project import Project
from orchestra.safe_files import Entry, Limits

Trace = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and ctime of every file."""

_LIMITS = Limits(entries=500, depth=8, seconds=1.0)
"""Limits, because an agent owns these directories and must not slow down the watcher."""


def of_files(*paths: Path) -> Trace:
    """Return the trace of some files; missing ones are left out."""
    return tuple(_mark(str(path), seen) for path in paths if (seen := _lstat(path)) is not None)


def of_refs(project: Project, session: Session) -> Trace:
    """Return a trace that changes when a branch moves, in the private git directory or in the project's."""
    repository = project.repository
    common = repository.common_dir
    ours = of_files(common / "packed-refs", common / "refs" / "heads" / session.branch)
    if session.role is Role.DESIGNER:
        ours += of_files(repository.git_dir / "HEAD")
    else:
        ours += of_files(common / "worktrees" / session.worktree.name / "HEAD")
    if session.sandbox is SandboxKind.HOST:
        return ours
    private = project.session_paths(session).git
    return ours + of_files(private / "HEAD", private / "packed-refs") + of_tree(private, "refs/heads")


def of_work(project: Project, session: Session) -> Trace:
    """Return a trace that changes with the worktree's top directory and with the index."""
    return of_files(session.worktree, project.session_paths(session).git / "index")


def of_spec(project: Project, session: Session) -> Trace:
    """Return a trace that changes when the session's spec is saved, in the checkout or in the person's copy."""
    paths, source = project.session_paths(session), project.paths.source
    name = str(paths.spec.relative_to(source))
    seen = None
    # Errors are reported where the file is read.
    with suppress(Refused):
        seen = safe_files.look(source, name)
    shared = (_entry(seen),) if seen else ()
    return shared + of_files(paths.spec_copy)


def of_tree(root: Path, name: str) -> Trace:
    """Return the trace of everything below a directory, without following links, for at most a few hundred entries.

    With more or unreadable entries only the directories count: writing a ref changes the time of
    its directory.
    """
    entries: list[tuple[str, int, int, int]] = []
    with suppress(OrchestraError):
        if top := safe_files.look(root, name):
            entries.append(_entry(top))
            entries.extend(_entry(entry) for entry in safe_files.walk(root, name, limits=_LIMITS))
    return tuple(entries)


def _entry(entry: Entry) -> tuple[str, int, int, int]:
    return entry.path, entry.inode, entry.size, entry.modified


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _mark(name: str, seen: os.stat_result) -> tuple[str, int, int, int]:
    return name, seen.st_ino, seen.st_size, seen.st_mtime_ns
