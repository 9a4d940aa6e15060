"""Cheap traces of change: what `lstat` says of a session's refs, index and spec; nothing is read, no git runs."""

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
"""Name, inode, size and time of change of every file looked at."""

_LIMITS = Limits(entries=500, depth=8, seconds=1.0)
"""An agent owns these directories: what it piles up there must not slow the watcher down."""


def of_files(*paths: Path) -> Trace:
    """Return the trace of some files; one that is not there leaves none."""
    return tuple(_mark(str(path), seen) for path in paths if (seen := _lstat(path)) is not None)


def of_refs(project: Project, session: Session) -> Trace:
    """Return a trace that changes when a branch moves, in the session's own git directory or in the project's."""
    repository = project.repository
    common = repository.common_dir
    ours = of_files(common / "packed-refs", common / "refs" / "heads" / session.branch)
    if session.role is Role.DESIGNER:
        ours += of_files(repository.git_dir / "HEAD")
    else:
        ours += of_files(common / "worktrees" / session.worktree.name / "HEAD")
    if session.sandbox is SandboxKind.HOST:
        return ours
    private = project.place(session).git
    return ours + of_files(private / "HEAD", private / "packed-refs") + of_tree(private, "refs/heads")


def of_work(project: Project, session: Session) -> Trace:
    """Return a trace that changes with the worktree's top directory and with what is staged."""
    return of_files(session.worktree, project.place(session).git / "index")


def of_spec(project: Project, session: Session) -> Trace:
    """Return a trace that changes when an editor saved the session's spec, in the checkout or in the person's copy."""
    place, source = project.place(session), project.paths.source
    name = str(place.spec.relative_to(source))
    seen = None
    # What cannot be looked at is told where it is read.
    with suppress(Refused):
        seen = safe_files.look(source, name)
    shared = (_entry(seen),) if seen else ()
    return shared + of_files(place.spec_copy)


def of_tree(root: Path, name: str) -> Trace:
    """Return the trace of everything below a directory, no link followed, and no more than a few hundred entries.

    Where there is more, or what is there cannot be looked at, the directories tell: a ref that is written changes the
    time of its own.
    """
    found: list[tuple[str, int, int, int]] = []
    with suppress(OrchestraError):
        if top := safe_files.look(root, name):
            found.append(_entry(top))
            found.extend(_entry(entry) for entry in safe_files.walk(root, name, limits=_LIMITS))
    return tuple(found)


def _entry(entry: Entry) -> tuple[str, int, int, int]:
    return entry.path, entry.inode, entry.size, entry.modified


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _mark(name: str, seen: os.stat_result) -> tuple[str, int, int, int]:
    return name, seen.st_ino, seen.st_size, seen.st_mtime_ns
