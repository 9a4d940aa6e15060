"""Giving back disk: what deleted sessions left behind, and containers that belong to none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestra.actions.aside import sweep
from orchestra.errors import DeadlineExceeded, EngineDown, StoreError
from orchestra.model import BoxState, SandboxKind, Session
from orchestra.paths import ProjectPaths
from orchestra.project import Project
from orchestra.wire import Progress, ignore


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
    the agent's home with its conversation, and containers whose session is gone. ``everything``
    adds every container of this home, live ones too, and its network: `up` makes them anew.
    """
    found = _containers(project, remove=remove) if everything else _orphans(project, remove=remove)
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


def _orphans(project: Project, *, remove: bool) -> list[Leftover]:
    sweep(project)
    try:
        names = orphans(project)
    except (EngineDown, DeadlineExceeded):
        # The rest can be given back without an engine.
        return []
    for name in names if remove else ():
        project.sandbox(SandboxKind.DOCKER).remove(name)
    return [Leftover("container", name, 0) for name in names]


def orphans(project: Project) -> list[str]:
    """Return the names of this home's containers whose session, in whichever project, is gone; raises EngineDown."""
    sights = project.sandbox(SandboxKind.DOCKER).look_all()
    known: set[str] = set()
    for other in _projects(project) if sights else ():
        try:
            known |= {other.box_name(session) for session in other.store.sessions()}
        except StoreError:
            known |= {name for name in sights if name.startswith(other.box_prefix)}
    running = {name for name, sight in sights.items() if sight.state is BoxState.RUNNING}
    return sorted(name for name in sights if name not in known and not (name in running and _once(name) in known))


def _once(name: str) -> str:
    """Return the box that a container made for one run belongs to."""
    return re.sub(r"(-check)?-[0-9a-f]{6}$", "", name)


def _projects(project: Project) -> Iterator[Project]:
    """Return every project of this home that has a record of its sessions."""
    home = project.paths.home
    for record in sorted((home.root / "projects").glob("*/source")):
        if record.parent == project.paths.state:
            yield project
        elif (record.parent / "state.db").exists():
            source = Path(record.read_text(encoding="utf-8", errors="surrogateescape"))
            other = Project(ProjectPaths(home=home, key=record.parent.name, source=source, state=record.parent))
            with closing(other.store):
                yield other


def _of_deleted(project: Project, session: Session, *, remove: bool, progress: Progress) -> list[Leftover]:
    from orchestra import safe_files  # noqa: PLC0415 -- loads when touched

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
            safe_files.remove(state)
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
