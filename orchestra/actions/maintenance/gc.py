"""Clean up what deleted sessions left behind, and containers that belong to no session."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orchestra import safe_files
from orchestra.actions.maintenance.scratch_project import sweep
from orchestra.actions.session import container_spec, preserve
from orchestra.actions.session.troubles import error_to_report
from orchestra.actions.work import summaries
from orchestra.drivers import temporary
from orchestra.drivers.git import looked_tree
from orchestra.drivers.git.repository import REMOVED
from orchestra.drivers.sandbox.protocol import Sandbox
from orchestra.errors import CommandFailed, DeadlineExceeded, EngineDown, OrchestraError, StoreError
from orchestra.model import BoxState, SandboxKind, Session
from orchestra.paths import ProjectPaths
from orchestra.project import Project
from orchestra.protocol import Progress, ignore

Remove: TypeAlias = "Callable[[Project, Session], str]"
_TIMES, _PAUSE = 50, 0.2
"""How often the removal of the network is tried while it is in use, and the seconds between."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that can be removed; ``size`` is in bytes. ``kept`` says why it was not or cannot be removed."""

    kind: str
    what: str
    size: int
    kept: str = ""


def gc(
    project: Project, *, remove: bool = False, everything: bool = False, progress: Progress = ignore
) -> list[Leftover]:
    """List what deleted sessions left behind; with ``remove``, remove it.

    Branches and anchors stay, so `restore` still finds the work. What is removed is the worktree
    and the agent's home with its conversation, and containers of deleted sessions. What cannot be
    kept elsewhere stays, with the reason. ``everything`` adds every container of this home, live
    ones too, its network and all credentials in memory: `up` creates them again.
    """
    leftovers = _containers(project, remove=remove) if everything else _orphans(project, remove=remove)
    for session in project.store.sessions.all(include_deleted=True):
        if session.deleted_at is not None:
            leftovers.extend(_of_deleted(project, session, remove=remove, progress=progress))
    leftovers.extend(_half_removed(project, remove=remove))
    if remove:
        _forget_secrets(project, everything=everything)
        looked_tree.drop_others(project.repository, [session.id for session in project.store.sessions.all()])
    return leftovers


def _half_removed(project: Project, *, remove: bool) -> Iterator[Leftover]:
    """Find worktrees whose removal was interrupted; everything they held was kept before."""
    for directory in sorted(project.paths.worktrees.glob(f".*{REMOVED}")):
        size, kept = size_of(directory), ""
        try:
            if remove:
                safe_files.remove(directory)
        except OrchestraError as error:
            kept = str(error)
        yield Leftover("worktree", str(directory), size, kept=kept)


def _containers(project: Project, *, remove: bool) -> list[Leftover]:
    sandbox = project.sandbox(SandboxKind.DOCKER)
    leftovers = [_container(project, name, remove=remove) for name in sorted(sandbox.look_all())]
    return [*leftovers, *_network(project, sandbox, remove=remove)]


def _network(project: Project, sandbox: Sandbox, *, remove: bool) -> Iterator[Leftover]:
    """Find the network of the containers; it stays while a container of somebody else is connected."""
    if sandbox.has_network():
        kept = _trouble_with_network(sandbox) if remove else ""
        yield Leftover("network", project.paths.home.network, 0, kept=kept)


def _trouble_with_network(sandbox: Sandbox) -> str:
    """Remove the network, or return why it stays; a busy engine disconnects a removed container some seconds later."""
    trouble = ""
    for _ in range(_TIMES):
        try:
            sandbox.remove_network()
        except CommandFailed as error:
            trouble = error.stderr or error.message
            time.sleep(_PAUSE)
        else:
            return ""
    return trouble


def _container(project: Project, name: str, *, remove: bool) -> Leftover:
    try:
        if remove:
            project.sandbox(SandboxKind.DOCKER).remove(name)
    except OrchestraError as error:
        return Leftover("container", name, 0, kept=error.message)
    return Leftover("container", name, 0)


def _orphans(project: Project, *, remove: bool) -> list[Leftover]:
    sweep(project)
    temporary.sweep()
    try:
        summaries.sweep(project)
        names = orphans(project)
    except (EngineDown, DeadlineExceeded):
        # The rest can be removed without an engine.
        return []
    return [_container(project, name, remove=remove) for name in names]


def orphans(project: Project) -> list[str]:
    """Return the names of this home's containers whose session no longer exists in any project; raises EngineDown."""
    sights = project.sandbox(SandboxKind.DOCKER).look_all()
    known: set[str] = set()
    for other in _projects(project) if sights else ():
        try:
            known |= {other.monitor_box, *(other.box_name(session) for session in other.store.sessions.all())}
        except Exception:  # noqa: BLE001 -- one project's trouble takes no other's containers for orphans
            known |= {name for name in sights if name.startswith(other.box_prefix)}
    running = {name for name, sight in sights.items() if sight.state is BoxState.RUNNING}
    return sorted(name for name in sights if name not in known and not (name in running and _once(name) in known))


def _once(name: str) -> str:
    """Return the name of the box that a one-off container belongs to."""
    return re.sub(r"(-check[0-9]*)?-[0-9a-f]{6}$", "", name)


def _projects(project: Project) -> Iterator[Project]:
    """Return every project of this home that has a database."""
    home = project.paths.home
    for record in sorted((home.root / "projects").glob("*/source")):
        if record.parent == project.paths.state:
            yield project
        elif (record.parent / "state.db").exists():
            source = Path(record.read_text(encoding="utf-8", errors="surrogateescape"))
            other = Project(ProjectPaths(home=home, key=record.parent.name, source=source, state=record.parent))
            with closing(other.store):
                yield other


def _of_deleted(project: Project, session: Session, *, remove: bool, progress: Progress) -> Iterator[Leftover]:
    """List what one deleted session left; under its lock, so that no `restore` runs at the same time."""
    with project.lock(session.name):
        if _again(project, session).deleted_at is None:
            return
        live = project.store.sessions.find(session.name) is not None
        if not live and os.path.lexists(session.worktree):
            yield _part(project, session, session.worktree, _worktree if remove else None, progress)
        state = project.session_paths(session).root
        if state.is_dir():
            yield _part(project, session, state, _state if remove else None, progress)
        yield from _kept(project, session)
        if not live and session.sandbox is SandboxKind.DOCKER and remove:
            with suppress(EngineDown, DeadlineExceeded):
                project.sandbox(session.sandbox).remove(project.box_name(session))


def _again(project: Project, session: Session) -> Session:
    return next(other for other in project.store.sessions.all(include_deleted=True) if other.id == session.id)


def _part(project: Project, session: Session, path: Path, remove: Remove | None, progress: Progress) -> Leftover:
    kind = "worktree" if path == session.worktree else "agent's home"
    size = size_of(path)
    kept = _removed(project, session, path, remove) if remove else ""
    if remove:
        progress(f"{path} stays: {kept}" if kept else f"removed {path}")
    return Leftover(kind, str(path), size, kept=kept)


def _removed(project: Project, session: Session, path: Path, remove: Remove) -> str:
    """Remove something, and return why it could not be removed; empty if it was removed."""
    try:
        kept = remove(project, session)
    except Exception as error:  # noqa: BLE001 -- what else was left behind goes all the same
        return str(error_to_report(project, error))
    return kept or ("it could not be removed" if os.path.lexists(path) else "")


def _worktree(project: Project, session: Session) -> str:
    if session.restoring:
        # Its kept files are not back in it yet.
        return f"it is being restored; to continue: orchestra restore {session.name}"
    if not preserve.has_worktree(project, session):
        return f"it is no git worktree; if you do not need it: rm -rf '{session.worktree}'"
    ref = preserve.anchor(project, session)
    preserve.keep_files(project, session, ref)
    with suppress(StoreError):
        project.store.sessions.update(session.id, anchor=ref)
    project.repository.remove_worktree(session.worktree)
    return ""


def _state(project: Project, session: Session) -> str:
    """Remove a session's home; its private git directory stays if it has work that is nowhere else."""
    paths = project.session_paths(session)
    reason = preserve.keep_git(project, session)
    if not reason:
        safe_files.remove(paths.root)
        return ""
    for part in sorted(paths.root.iterdir()):
        if part in {paths.git, paths.pointer}:
            continue
        safe_files.remove(part) if part.is_dir() and not part.is_symlink() else part.unlink()
    remove = f"if you do not need it: rm -rf '{paths.root}'"
    return f"its private git directory, which has work that is nowhere else: {reason}; {remove}"


def _kept(project: Project, session: Session) -> Iterator[Leftover]:
    """List the kept files of a session; only the person may remove them."""
    directory = preserve.kept_files(project, session)
    if directory.is_dir():
        yield Leftover(
            "kept files",
            str(directory),
            size_of(directory),
            kept=f"orchestra restore brings them back; if you do not need them: rm -rf '{directory}'",
        )


def _forget_secrets(project: Project, *, everything: bool) -> None:
    """Remove credentials from memory that no live session reads; of all projects if all containers are removed."""
    for other in _projects(project) if everything else (project,):
        with suppress(OrchestraError):
            _forget_secrets_of(other)


def _forget_secrets_of(project: Project) -> None:
    for session in project.store.sessions.all(include_deleted=True):
        with suppress(OrchestraError), project.lock(session.name):
            if _again(project, session).deleted_at is not None or not container_spec.runs(project, session):
                preserve.drop_secrets(project, session)


def size_of(directory: Path) -> int:
    """Return the size in bytes of all files below a directory, without following links."""
    total = 0
    pending = [directory]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total
