"""What a paired session sees in place of the source project's own ``.git``: a copy of its refs, objects to read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.drivers import private_git
from orchestra.model import SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.project import Project

_PRIVATE = 0o700


def is_covered(session: Session) -> bool:
    """Say whether a session's box shows the source project, and so needs a cover for its ``.git``."""
    return session.paired and session.sandbox is SandboxKind.DOCKER


def git_cover(project: Project, session: Session) -> Path:
    """Return the git directory that a paired session sees, read-only."""
    return project.place(session).root / "source-git"


def pointer_cover(project: Project, session: Session) -> Path:
    """Return the file that covers the ``.git`` of a source project that is a worktree itself."""
    return project.place(session).root / "source-dotgit"


def prepare(project: Project, session: Session) -> None:
    """Make what a paired session's mounts name, so that its box can be made while they are filled."""
    if is_covered(session):
        git_cover(project, session).mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        pointer_cover(project, session).touch()


def cover(project: Project, session: Session) -> None:
    """Make the cover anew, as the source project is now; a box that runs sees no other until it is started again."""
    if not is_covered(session):
        return
    repository = project.repository
    tip, branch = repository.head()
    place = git_cover(project, session)
    safe_files.remove(place)
    place.mkdir(parents=True, mode=_PRIVATE)
    index = repository.git_dir / "index"
    private_git.create(place, repository, branch=branch, tip=tip, base=session.base, index=index)
    pointer_cover(project, session).write_text(private_git.pointer_text(str(place)))
