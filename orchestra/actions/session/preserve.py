"""Keep the work of a deleted session: its worktree, its private git directory, and ignored files."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.actions.session import container_spec, provision
from orchestra.actions.session.reattach import bring_back, reattach
from orchestra.actions.session.worktrees import make_worktree
from orchestra.drivers.git import anchors, ignored_files, private_dir, private_refs
from orchestra.errors import NotFound, OrchestraError, StoreError
from orchestra.model import Role, SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.drivers.git.anchors import Anchor
    from orchestra.project import Project

TRASH = "refs/orchestra/trash/"
"""The prefix of the refs that keep the work of deleted sessions."""


def anchor(project: Project, session: Session) -> str:
    """Anchor a session's worktree, with uncommitted and untracked files, and its newest commits; returns the ref."""
    repository = project.repository
    imported = f"refs/orchestra/sessions/{session.name}"
    in_docker = session.sandbox is SandboxKind.DOCKER
    also = tuple(repository.refs(imported).values()) if in_docker else ()
    return anchors.anchor(repository, session.worktree, session.name, also=also)


def keep_git(project: Project, session: Session) -> str:
    """Keep everything else in a session's private git directory; return why that is impossible, or an empty text."""
    git_dir = project.session_paths(session).git
    kept = session.git_anchor and project.repository.refs(session.git_anchor)
    if kept or session.sandbox is not SandboxKind.DOCKER or not _has_objects(git_dir):
        return ""
    # Under a name that no container has: the directory is read without the session's own container.
    box = container_spec.box_for(project, session, image=session.image)
    renamed = replace(box, name=f"{box.name}-kept")
    prefix = f"{TRASH}{session.name}/git-{session.id}-{project.store.now():%Y%m%dT%H%M%S.%fZ}/"
    try:
        private_dir.refuse_pipes(git_dir)
        command = project.sandbox(session.sandbox).upload_pack(renamed, str(git_dir))
        private_refs.keep(project.repository, git_dir, upload_pack=command, prefix=prefix)
    except OrchestraError as error:
        return error.message
    with suppress(StoreError):
        project.store.sessions.update(session.id, git_anchor=prefix)
    return ""


def _has_objects(git_dir: Path) -> bool:
    try:
        entries = safe_files.walk(git_dir, "objects")
        return any(entry.is_file and "/info/" not in entry.path for entry in entries)
    except OrchestraError:
        return True


def keep_files(project: Project, session: Session, ref: str) -> list[str]:
    """Keep the ignored files of a worktree, which its anchor does not contain; return their names.

    Raises Refused if they are too many or too large.
    """
    files = ignored_files.find(project.repository, session.worktree, ref, project.paths.source) if ref else []
    ignored_files.keep(session.worktree, files, kept_files(project, session))
    return [file.path for file in files]


def kept_files(project: Project, session: Session) -> Path:
    """Return the directory with the ignored files of a deleted session."""
    return project.paths.state / "kept" / f"{session.id}-{session.name}"


def put_back(project: Project, session: Session) -> None:
    """Restore a deleted session's branch and worktree with everything that was kept; safe to repeat."""
    session = reattach(project, session)
    lost = session.restoring or not has_worktree(project, session)
    kept = anchor_of(project, session)
    if lost:
        # Recorded first, because an existing worktree does not mean that everything is back in it.
        project.store.sessions.update(session.id, restoring=True, anchor=kept.ref if kept else "")
    _put_back_branch(project, session, kept.tip if kept else session.head or session.base)
    make_worktree(project, session)
    if lost and kept is not None:
        anchors.put_back(project.repository, session.worktree, kept)
    if lost:
        ignored_files.put_back(kept_files(project, session), session.worktree)
    if session.sandbox is SandboxKind.DOCKER:
        provision.private_git(project, session)


def drop_kept_files(project: Project, session: Session) -> None:
    """Remove a session's kept files once they are back in its worktree."""
    with suppress(OrchestraError):
        safe_files.remove(kept_files(project, session))


def has_worktree(project: Project, session: Session) -> bool:
    """Return whether a session's worktree exists and git knows it."""
    try:
        project.repository.record(session.worktree)
    except NotFound:
        return False
    return session.worktree.is_dir()


def is_half_removed(project: Project, session: Session) -> bool:
    """Return whether git has a record of a session's worktree that no longer exists: its removal was interrupted."""
    try:
        project.repository.record(session.worktree)
    except NotFound:
        return False
    return session.role is Role.EXECUTOR and not os.path.lexists(session.worktree)


def anchor_of(project: Project, session: Session) -> Anchor | None:
    """Return the anchor of a session, not of an earlier one with its name, nor of an unfinished restoration."""
    known = anchors.anchors(project.repository, session.name)
    mine = [anchor for anchor in known if anchor.at >= session.created_at]
    return next((anchor for anchor in mine if anchor.ref == session.anchor), mine[-1] if mine else None)


def _put_back_branch(project: Project, session: Session, tip: str) -> None:
    repository = project.repository
    keep = f"refs/orchestra/base/{session.name}"
    if session.branch not in repository.branches():
        if not repository.has(tip):
            # This is another repository now; only the session's own directories are left.
            bring_back(project, session)
            return
        repository.update_ref(f"refs/heads/{session.branch}", tip, None)
    if keep not in repository.refs(keep):
        repository.update_ref(keep, session.base, None)


def drop_secrets(project: Project, session: Session) -> None:
    """Remove a session's credentials from memory; they are written again at its next start."""
    directory = project.session_paths(session).secrets
    with suppress(OrchestraError, OSError):
        safe_files.remove(directory)
