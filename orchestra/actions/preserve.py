"""Keeping what a deleted session held: its worktree, its own git, and files that git leaves out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from orchestra.errors import NotFound, OrchestraError
from orchestra.model import SandboxKind, Session
from orchestra.wire import Progress

if TYPE_CHECKING:
    from orchestra.drivers.anchors import Anchor
    from orchestra.project import Project


def anchor(project: Project, session: Session) -> str:
    """Keep a session's worktree, uncommitted and untracked files too, and its newest commits; returns the ref."""
    from orchestra.drivers import anchors  # noqa: PLC0415 -- loads when touched

    repository = project.repository
    imported = f"refs/orchestra/sessions/{session.name}"
    in_docker = session.sandbox is SandboxKind.DOCKER
    also = tuple(repository.refs(imported).values()) if in_docker else ()
    return anchors.anchor(repository, session.worktree, session.name, also=also)


def keep_git(project: Project, session: Session, progress: Progress) -> None:
    """Keep what else a session's own git holds."""


def keep_files(project: Project, session: Session, ref: str, progress: Progress) -> None:
    """Keep the files of a worktree that its anchor does not hold."""


def put_back(project: Project, session: Session) -> None:
    """Give a deleted session its branch and worktree again, with all that was kept of them; safe to repeat."""
    from orchestra.drivers import anchors  # noqa: PLC0415 -- loads when touched

    lost = session.restoring or not has_worktree(project, session)
    kept = _anchor_of(project, session)
    if lost:
        # Noted first: a worktree that is there says nothing of whether all is back in it.
        project.store.update_session(session.id, restoring=True, anchor=kept.ref if kept else "")
    _put_back_branch(project, session, kept.tip if kept else session.head or session.base)
    keep = f"refs/orchestra/base/{session.name}"
    project.repository.add_worktree(session.worktree, session.branch, session.base, keep=keep)
    if lost and kept is not None:
        anchors.put_back(project.repository, session.worktree, kept)


def has_worktree(project: Project, session: Session) -> bool:
    """Say whether a session's worktree is there, and git's."""
    try:
        project.repository.record(session.worktree)
    except NotFound:
        return False
    return session.worktree.is_dir()


def _anchor_of(project: Project, session: Session) -> Anchor | None:
    """Return what was kept of a session: not of an earlier one of its name, nor what was kept of half a restoration."""
    from orchestra.drivers import anchors  # noqa: PLC0415 -- loads when touched

    found = anchors.anchors(project.repository, session.name)
    mine = [one for one in found if one.at >= session.created_at]
    return next((one for one in mine if one.ref == session.anchor), mine[-1] if mine else None)


def _put_back_branch(project: Project, session: Session, tip: str) -> None:
    repository = project.repository
    keep = f"refs/orchestra/base/{session.name}"
    if session.branch not in repository.branches():
        repository.update_ref(f"refs/heads/{session.branch}", tip, None)
    if keep not in repository.refs(keep):
        repository.update_ref(keep, session.base, None)


def drop_secrets(project: Project, session: Session) -> None:
    """Remove a session's credentials from memory; they are written anew when it starts again."""
    from orchestra import safe_files  # noqa: PLC0415 -- loads when touched

    place = project.place(session).secrets
    with suppress(OrchestraError, OSError):
        safe_files.remove(place)
