"""Follow a project whose directory was moved or renamed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from orchestra import files
from orchestra.actions.service_process import quit_service
from orchestra.errors import OrchestraError
from orchestra.model import Role, SandboxKind
from orchestra.paths import SOURCE, ProjectPaths, git_dir
from orchestra.project import Project
from orchestra.protocol import Progress, ignore


def relocate(paths: ProjectPaths, *, progress: Progress = ignore) -> ProjectPaths:
    """Record the new location of a project, from ``paths``; return its paths.

    Windows stay open. Containers continue until `up` replaces them, because their mounts have
    moved. Safe to repeat after a crash at any point.
    """
    here = replace(paths, moved_from=None)
    before = paths.moved_from
    if before is None:
        return here
    quit_service(paths)
    project = Project(here)
    with project.lock("moved"):
        if (paths.state / SOURCE).read_text(encoding="utf-8", errors="surrogateescape") == str(paths.source):
            return here
        _rewrite(project, before)
        _show_windows(project, before)
        files.replace(paths.state / SOURCE, str(paths.source))
    project.store.close()
    progress(f"this project was at {before}; its sessions are here now. To continue: orchestra up")
    return here


def _rewrite(project: Project, before: Path) -> None:
    source = project.paths.source
    for session in project.store.sessions.all(include_deleted=True):
        if session.role is Role.DESIGNER and session.worktree == before:
            project.store.sessions.update(session.id, worktree=source)
        if session.deleted_at is None:
            project.store.events.log(session.name, "moved", f"the project was moved from {before} to {source}")
    if any(session.sandbox is SandboxKind.DOCKER for session in project.store.sessions.all()):
        project.store.workspace.update(moved=True)
    _repair(source)


def _repair(source: Path) -> None:
    """Tell git the new path of a checkout that is a linked worktree, like ``git worktree repair``."""
    record = git_dir(source)
    if record is not None and (source / ".git").is_file() and (record / "gitdir").is_file():
        files.replace(record / "gitdir", f"{source / '.git'}\n")


def _show_windows(project: Project, before: Path) -> None:
    with suppress(OrchestraError):
        if (server := project.tmux()) is not None:
            server.control.close(str(before))
            server.rename_project(str(before), str(project.paths.source))
