"""Create a session's worktree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.drivers.git import lfs, update_branch
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.drivers.git.lfs import Filling
    from orchestra.model import Session
    from orchestra.project import Project


def make_worktree(project: Project, session: Session, progress: Progress = ignore) -> None:
    """Check out a session's branch in its worktree, with the available Git LFS contents; safe to repeat."""
    repository = project.repository
    keep = f"refs/orchestra/base/{session.name}"
    with lfs.filling(repository, (repository.root, project.paths.worktrees)) as filling:
        made = repository.add_worktree(
            session.worktree, session.branch, session.base, keep=keep, settings=filling.settings
        )
        if made and (missing := _missing(project, session, filling)):
            progress(missing)


def _missing(project: Project, session: Session, filling: Filling) -> str:
    """Describe which Git LFS files are pointers in a new worktree, and what to type."""
    front = f"{session.name} sees pointers in place of"
    if filling.ran:
        pointers = lfs.mark_unchanged(project.repository, session.worktree).pointers
        fetch = "the contents are not on this machine; to get them for later sessions: git lfs fetch"
        return f"{front} {update_branch.named(pointers)}, which Git LFS keeps: {fetch}" if pointers else ""
    if lfs.names_it(session.worktree):
        return f"{front} the files that Git LFS keeps: {filling.reason}" if filling.reason else ""
    return ""
