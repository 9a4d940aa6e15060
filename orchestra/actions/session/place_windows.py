"""Where the agents are in tmux, by the layout: each in its own window, or the executors that run in a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.actions.session.layout import layout_of
from orchestra.config.layout import Executors
from orchestra.errors import BadConfig, Refused, UsageError
from orchestra.model import Intent, Role, Window

if TYPE_CHECKING:
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.project import Project

_LOCK = "+windows"


def place_windows(project: Project, server: Tmux | None = None) -> None:
    """Put the agents where the layout wants them, and record their windows; does nothing if they are there.

    ``server`` is a tmux server that has just answered. Raises CommandFailed or NotFound if tmux
    ends, or windows close, meanwhile.
    """
    server = server or project.tmux()
    if server is None or (tiled := _is_tiled(project)) is None:
        return
    windows = _windows(project, server)
    if tiled or any(window.shared for window in windows.values()):
        # Two that arrange at once would take the panes from each other.
        with project.lock(_LOCK):
            panes = _tiles(project, _windows(project, server)) if tiled else []
            if server.grid.arrange(str(project.paths.source), panes, project.paths.resized):
                windows = _windows(project, server)
    _record(project, windows)


def _is_tiled(project: Project) -> bool | None:
    """Return whether the layout has a grid; None if its file was changed since and cannot be used."""
    try:
        return layout_of(project).executors is Executors.GRID
    except (BadConfig, Refused, UsageError):
        return None


def _windows(project: Project, server: Tmux) -> dict[str, Window]:
    source = str(project.paths.source)
    return {window.session: window for window in server.windows.all() if window.project == source}


def _tiles(project: Project, windows: dict[str, Window]) -> list[str]:
    """Return the panes of the executors that are to run, in the order of the list."""
    return [
        windows[session.name].pane
        for session in project.store.sessions.all()
        if session.role is Role.EXECUTOR and session.intent is Intent.RUN and session.name in windows
    ]


def _record(project: Project, windows: dict[str, Window]) -> None:
    for session in project.store.sessions.all():
        window = windows.get(session.name)
        if window is not None and session.window is not None and session.window != window.id:
            project.store.sessions.update(session.name, window=window.id)
