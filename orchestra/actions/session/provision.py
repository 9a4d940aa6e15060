"""Write what a session's agent is started with: its git directory, task, settings and credentials."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestra import safe_files
from orchestra.actions.session import instructions
from orchestra.agents import LaunchContext, launch_files, own_files
from orchestra.drivers.git import private_dir as private
from orchestra.drivers.git import private_refs
from orchestra.drivers.sandbox.protocol import AGENT_FILES, AGENT_HOME, SECRETS
from orchestra.errors import ServiceDown
from orchestra.lifecycle import in_a_turn
from orchestra.model import Permissions, Role, SandboxKind, Session, Sign, State

if TYPE_CHECKING:
    from orchestra.agents import LaunchFiles, Profile
    from orchestra.project import Project

Prepare: TypeAlias = "Callable[[Profile, LaunchContext], LaunchFiles]"
_PRIVATE = 0o700
HANDED = "handed"
"""The kind of the event that another agent goes on in a session."""
_GOES_ON = (HANDED, Sign.TURN_STARTED.value)


def prepare_directories(project: Project, session: Session) -> None:
    """Create the sources of a container's mounts, so that it can be created while they are filled."""
    paths = project.session_paths(session)
    for directory in (paths.root, paths.home, paths.agent, paths.secrets, paths.git):
        directory.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
    session.worktree.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
    session.worktree.mkdir(exist_ok=True)
    paths.pointer.touch()
    # The engine mounts them one by one, by their inode.
    for name, (content, mode) in own_files(project.profile(session.agent)).items():
        write_file(paths.agent / name, content, mode)
    # A container that starts meanwhile waits for the launcher; an old launcher would start it with outdated files.
    (paths.agent / "launch.sh").unlink(missing_ok=True)


def private_git(project: Project, session: Session) -> None:
    """Create a session's private git directory, and the pointer that covers its worktree's ``.git``."""
    paths = project.session_paths(session)
    repository = project.repository
    paths.root.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
    record = repository.record(session.worktree)
    tip = repository.resolve(f"refs/heads/{session.branch}") if session.branch else session.base
    paths.pointer.write_text(private.pointer_text(str(paths.git)))
    if not (paths.git / "HEAD").is_file():
        private.create(
            paths.git,
            repository,
            branch=session.branch,
            tip=tip,
            base=session.base,
            index=record / "index",
            extras=private_refs.kept(repository, session.git_anchor, session.branch),
        )
    project.store.sessions.update(session.id, head=session.head or tip)


def write_files(project: Project, session: Session, *, prepare: Prepare | None = None) -> None:
    """Write the agent's files and credentials; its own files in its home stay unchanged.

    ``prepare`` returns other files than the usual ones.
    """
    paths = project.session_paths(session)
    profile = project.profile(session.agent)
    for directory in (paths.root, paths.home, paths.agent, paths.secrets):
        directory.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
    _write_secrets(project, session)
    made = (prepare or launch_files)(profile, launch_context(project, session))
    for name in made.home_dirs:
        safe_files.make_directory(paths.home, name)
    for name, (content, mode) in made.agent_files.items():
        write_file(paths.agent / name, content, mode)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file atomically, so that no reader sees half of it and no planted link is followed.

    A file with the same content stays, because a container may have it mounted.
    """
    if path.is_file() and path.stat().st_mode & 0o777 == mode and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
    # Always the same name, so that a killed process leaves no further files; the session's lock is held.
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor, opened without following links
        file.write(content)
    fresh.replace(path)


def _write_secrets(project: Project, session: Session) -> None:
    paths = project.session_paths(session)
    kept = paths.token.read_text() if paths.token.is_file() else ""
    if not kept or token_hash(kept) != session.token_hash:
        kept = secrets.token_urlsafe(32)
        project.store.sessions.update(session.name, token_hash=token_hash(kept))
        write_file(paths.token, kept.encode(), 0o400)
    for name, value in drop_withdrawn(project, session).items():
        write_file(paths.secrets / name, value.encode(), 0o400)


def drop_withdrawn(project: Project, session: Session) -> Mapping[str, str]:
    """Remove the files of withdrawn credentials, and return the current ones."""
    # This raises if the wanted credentials cannot be read, so that none counts as withdrawn.
    _ = project.settings
    current = credentials(project, project.profile(session.agent))
    secrets_dir = project.session_paths(session).secrets
    for file in secrets_dir.iterdir() if secrets_dir.is_dir() else ():
        if file.name not in {*current, project.session_paths(session).token.name}:
            file.unlink(missing_ok=True)
    return current


def token_hash(token: str) -> str:
    """Return the hash of a token, as the database keeps it."""
    return hashlib.sha256(token.encode()).hexdigest()


def credentials(project: Project, profile: Profile) -> Mapping[str, str]:
    """Return the values of the profile's credentials, from the environment or else from secret files."""
    return values_of(project, (*profile.credentials, *project.usable_settings.credentials))


def values_of(project: Project, names: Iterable[str]) -> Mapping[str, str]:
    """Return the values of credentials that the person has, from the environment or else from secret files."""
    values: dict[str, str] = {}
    for name in dict.fromkeys(names):
        file = project.paths.home.secrets / name
        value = os.environ.get(name) or (file.read_text().strip() if file.is_file() else "")
        if value:
            values[name] = value
    return values


def service_address(project: Project, kind: SandboxKind) -> str:
    """Return the service's address as seen from a sandbox; raises ServiceDown before its first start."""
    port = project.store.workspace.get().service_port
    if port is None:
        raise ServiceDown("the project's service was never started", hint="type: orchestra up")
    return f"http://{project.sandbox(kind).gateway()}:{port}"


def launch_context(project: Project, session: Session) -> LaunchContext:
    """Return the launch context of a session's agent; raises ServiceDown before the service's first start."""
    paths = project.session_paths(session)
    address = service_address(project, session.sandbox)
    common: dict[str, Any] = {
        "session": session,
        "mcp_url": f"{address}/mcp",
        "hook_url": f"{address}/hooks",
        "task": task_text(project, session),
        "instructions": instructions.added(project, session),
        "role": instructions.instead(project, session),
        "nudge": nudge(project, session),
        "permissions": permissions(project, session),
        "deny": (*project.usable_settings.deny, *project.profile(session.agent).deny),
    }
    if session.sandbox is SandboxKind.DOCKER:
        return LaunchContext(
            **common,
            agent_dir=AGENT_FILES,
            secrets_dir=SECRETS,
            home=AGENT_HOME,
        )
    return LaunchContext(**common, agent_dir=str(paths.agent), secrets_dir=str(paths.secrets), home=str(paths.home))


def permissions(project: Project, session: Session) -> Permissions | None:
    """Return what a session's agent does without asking, if a setting or its profile says so."""
    settings = project.usable_settings
    of_role = settings.designer_permissions if session.role is Role.DESIGNER else ""
    wanted = of_role or settings.permissions or project.profile(session.agent).permissions
    return Permissions(wanted) if wanted else None


def nudge(project: Project, session: Session) -> str:
    """Return the prompt for an agent that goes on after another one, or in the middle of a turn; else an empty text."""
    if session.handover and project.store.events.last_of(session.name, _GOES_ON) == HANDED:
        return session.handover
    cut_off = in_a_turn(project.store.sessions.program_sign(session.name)) and session.state is not State.DONE
    if not cut_off or session.role is Role.DESIGNER:
        return ""
    return "You were interrupted and have been started again. Look at git status, then continue where you stopped."


def task_text(project: Project, session: Session) -> str:
    """Return the task that a session was created with: the first version of an executor's spec.

    One that goes on after another agent gets the newest version, and what it is told of those before it.
    """
    if session.role is Role.DESIGNER:
        return project.store.workspace.get().designer_task
    if session.handover:
        newest = project.store.specs.get(session.name)
        return "\n\n".join(part.rstrip() for part in (newest.text if newest else "", session.handover) if part.strip())
    first = project.store.specs.get(session.name, 1)
    return first.text if first else ""
