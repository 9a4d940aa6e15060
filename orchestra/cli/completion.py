"""Shell completion: the names that a person may type next."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from orchestra.cli.dispatch import current_directory
from orchestra.errors import OrchestraError
from orchestra.paths import Home
from orchestra.project import Project, locate
from orchestra.terminal_text import clean

if TYPE_CHECKING:
    from orchestra.model import Session

VARIABLE = "_ORCHESTRA_COMPLETE"
"""The environment variable in which the scripts ask typer for completions."""

Choices = list[tuple[str, str]]
"""Words, each with what the shell says about it."""


def sessions(context: typer.Context) -> Choices:
    """Return the names of the sessions, each with its state."""
    return [(session.name, session.state.value) for session in _recorded(context) if session.deleted_at is None]


def deleted_sessions(context: typer.Context) -> Choices:
    """Return the names of the deleted sessions, each with its title."""
    found = _recorded(context)
    alive = {session.name for session in found if session.deleted_at is None}
    return [(session.name, session.title) for session in found if session.name not in alive]


def changed_files(context: typer.Context) -> Choices:
    """Return the files that the commits of the session named before have changed."""
    from orchestra.drivers.git import tree_diff  # noqa: PLC0415 -- only while completing

    project, name = _project(context), context.params.get("name") or ""
    session = project.store.sessions.find(name) if project else None
    if project is None or session is None or not session.head:
        return []
    with contextlib.suppress(OrchestraError):
        files, _ = tree_diff.changed_files(project.repository.git(), session.base, session.head)
        return [(clean(file.path), "") for file in files]
    return []


def comments(context: typer.Context) -> Choices:
    """Return the numbers of the comments on the session named before, each with its text."""
    project, name = _project(context), context.params.get("name") or ""
    session = project.store.sessions.find(name) if project else None
    known = project.store.comments.of(session.id) if project and session else []
    return [(str(one.number), f"{one.state}: {clean(one.text.splitlines()[0])}") for one in known]


def profiles(context: typer.Context) -> Choices:
    """Return the names of the profiles."""
    from orchestra.agents import names  # noqa: PLC0415 -- only while completing

    project = _project(context)
    return [(name, "") for name in names(project.profile_dirs() if project else ())]


def layouts(context: typer.Context) -> Choices:
    """Return the names of the layouts."""
    from orchestra.config.layout import names  # noqa: PLC0415 -- only while completing

    project = _project(context)
    return [(name, "") for name in names([project.paths.home.root / "layouts"] if project else [])]


def _recorded(context: typer.Context) -> list[Session]:
    project = _project(context)
    with contextlib.suppress(OrchestraError):
        return project.store.sessions.all(include_deleted=True) if project else []
    return []


def _project(context: typer.Context) -> Project | None:
    """Return the project that the person is typing about, if Orchestra knows it; nothing is created."""
    home = Home.find()
    if not (home.root / "projects").is_dir():
        return None
    chosen = context.find_root().params.get("project")
    try:
        paths = locate(Path(chosen) if chosen else current_directory(), home)
    except OrchestraError:
        return None
    return Project(paths) if paths.database.exists() else None
