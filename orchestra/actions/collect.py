"""Giving back disk: what deleted sessions left behind, and containers that belong to none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra.model import SandboxKind, Session
from orchestra.wire import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that can go; ``size`` in bytes."""

    kind: str
    what: str
    size: int


def gc(
    project: Project, *, remove: bool = False, everything: bool = False, progress: Progress = ignore
) -> list[Leftover]:
    """List what deleted sessions left behind; with ``remove`` take it away.

    Branches and anchors stay, so `restore` still finds the work; what goes is the worktree and
    the agent's home with its conversation. ``everything`` adds every container of this home, live
    ones too, and its network: `up` makes them anew.
    """
    found = _containers(project, remove=remove) if everything else []
    for session in project.store.sessions(include_deleted=True):
        if session.deleted_at is not None:
            found.extend(_of_deleted(project, session, remove=remove, progress=progress))
    return found


def _containers(project: Project, *, remove: bool) -> list[Leftover]:
    sandbox = project.sandbox(SandboxKind.DOCKER)
    names = sorted(sandbox.look_all())
    if remove:
        for name in names:
            sandbox.remove(name)
        sandbox.remove_network()
    return [Leftover("container", name, 0) for name in names]


def _of_deleted(project: Project, session: Session, *, remove: bool, progress: Progress) -> list[Leftover]:
    from orchestra.drivers import trees  # noqa: PLC0415 -- loads when touched

    found = []
    live = project.store.find_session(session.name) is not None
    if not live and session.worktree.is_dir():
        found.append(Leftover("worktree", str(session.worktree), size_of(session.worktree)))
        if remove:
            _anchor_and_remove(project, session)
            progress(f"removed {session.worktree}")
    state = project.place(session).root
    if state.is_dir():
        found.append(Leftover("agent's home", str(state), size_of(state)))
        if remove:
            trees.remove(state)
            progress(f"removed {state}")
    if not live and session.sandbox is SandboxKind.DOCKER and remove:
        project.sandbox(session.sandbox).remove(project.box_name(session))
    return found


def _anchor_and_remove(project: Project, session: Session) -> None:
    from orchestra.drivers import anchors  # noqa: PLC0415 -- loads when touched

    if session.worktree in project.repository.worktrees():
        anchors.anchor(project.repository, session.worktree, session.name)
        project.repository.remove_worktree(session.worktree)


def size_of(directory: Path) -> int:
    """Return the bytes of all files below a directory, links not followed."""
    total = 0
    for base, _, files in os.walk(directory):
        total += sum((Path(base) / name).lstat().st_size for name in files)
    return total
