"""Run an action in the service if one answers, else in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra.errors import NotARepository, ServiceDown
from orchestra.names import MAIN
from orchestra.project import Project, locate
from orchestra.protocol import call, request_id
from orchestra.terminal_text import clean, without_sequences

if TYPE_CHECKING:
    from orchestra.paths import ProjectPaths

NEEDS_SERVICE = frozenset({"up", "spawn", "spawn_group", "hand", "fork", "resume", "restore", "pair", "unpair"})
"""The actions that start agents, which need the service."""
WAKES_SERVICE = frozenset({"send", "answer", "send_comments", "try", "pr"})
"""The actions whose effect an agent waits for; for them, a dead service of an open project is started again."""


def say(line: str) -> None:
    """Show a line of progress on stderr, without control characters, because a build may have written it."""
    print(f"  {clean(without_sequences(line))}", file=sys.stderr)  # noqa: T201 -- progress goes beside the result


def paths_of(start: Path | None) -> ProjectPaths:
    """Return the paths of the chosen project, or of the current directory's; a moved project is followed."""
    paths = locate(start or current_directory())
    if paths.moved_from is None:
        return paths
    from orchestra.actions.workspace.relocate import relocate  # noqa: PLC0415 -- only for a project that was moved

    return relocate(paths, progress=say)


def current_directory() -> Path:
    """Return the current directory with links resolved; raises NotARepository if it was removed."""
    try:
        return Path(os.path.realpath(Path.cwd()))
    except FileNotFoundError:
        hint = "cd to the project, or name it: orchestra --project DIR …"
        raise NotARepository("the directory you are in has been removed", hint=hint) from None


def open_project(start: Path | None) -> Project:
    """Open the chosen project in this process."""
    return Project(paths_of(start))


def open_to_look(start: Path | None) -> Project:
    """Open the chosen project to show it; unreadable settings only cause a warning."""
    from orchestra.actions.registry import settings_warning  # noqa: PLC0415 -- only without a service

    project = open_project(start)
    if warning := settings_warning(project):
        say(warning)
    return project


def ask(start: Path | None, action: str, **arguments: object) -> Any:  # noqa: ANN401 -- the action's plain result
    """Run an action and return its plain result; raises the action's errors."""
    paths, request = paths_of(start), request_id()
    try:
        return call(paths.socket, action, arguments, progress=say, request=request)
    except ServiceDown as down:
        begun = down.asked
    from orchestra.actions.requests import ONCE  # noqa: PLC0415 -- only without a service

    # A request that may have begun is repeated with the same id where requests are remembered.
    if action in NEEDS_SERVICE or (begun and action in ONCE) or (action in WAKES_SERVICE and _is_open(paths)):
        return _with_service(paths, action, arguments, request)
    from orchestra.actions.registry import run  # noqa: PLC0415 -- as above

    return run(Project(paths), action, arguments, say, request)


def _is_open(paths: ProjectPaths) -> bool:
    return bool(paths.database.exists() and Project(paths).store.workspace.get().tmux_socket)


def _with_service(paths: ProjectPaths, action: str, arguments: dict[str, object], request: str) -> Any:  # noqa: ANN401 -- as above
    from orchestra.actions.service_process import ask_surely  # noqa: PLC0415 -- only without a service

    project = Project(paths)
    project.check_source()
    _ = project.repository
    project.check_room()
    return ask_surely(paths, action, arguments, progress=say, request=request)


def current_session(start: Path | None) -> str:
    """Return the session of the current directory; outside every worktree, the designer."""
    paths = paths_of(start)
    try:
        here = current_directory()
    except NotARepository:
        # The project was given explicitly, and the removed directory is no worktree of a session.
        return MAIN
    worktrees = Path(os.path.realpath(paths.worktrees))
    return here.relative_to(worktrees).parts[0] if worktrees in here.parents else MAIN
