"""Containers that must be replaced, because an older version created them or the project was moved."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from orchestra.actions.session import container_spec
from orchestra.model import SandboxKind

if TYPE_CHECKING:
    from orchestra.project import Project


def drop_containers(project: Project) -> None:
    """Remove the containers that must be replaced; their sessions continue in new ones where they were.

    Raises EngineDown if there may be such containers but no engine answers.
    """
    inside = [session for session in project.store.sessions.all() if session.sandbox is SandboxKind.DOCKER]
    if not inside:
        return
    every = project.store.workspace.get().moved
    sandbox = project.sandbox(SandboxKind.DOCKER)
    known = sandbox.made_for(project.paths.key)
    stale = [name for name, earlier in known.items() if earlier or every]
    if stale:
        with ThreadPoolExecutor(len(stale)) as pool:
            list(pool.map(partial(_drop, project), stale))
        if set(stale) - {project.box_name(session) for session in inside}:
            # Their windows wait for a container whose name will not be used again.
            _close_windows(project)
    if every:
        project.store.workspace.update(moved=False)


def _drop(project: Project, name: str) -> None:
    sandbox = project.sandbox(SandboxKind.DOCKER)
    sandbox.stop(name)
    sandbox.remove(name)


def _close_windows(project: Project) -> None:
    server = project.tmux()
    for session in project.store.sessions.all() if server else ():
        window = container_spec.window_of(project, session)
        if server is not None and window is not None and session.sandbox is SandboxKind.DOCKER:
            server.windows.close_agent(window)
