"""Choose the tmux of a project: the person's own if they are in one, else Orchestra's own."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from orchestra.drivers.tmux.driver import Tmux
from orchestra.errors import NotFound

if TYPE_CHECKING:
    from orchestra.project import Project

OWN_SERVER = "orchestra"
"""The socket name (``tmux -L``) of the server for people outside tmux, unless it is taken."""
_LEAST = (40, 12)
"""The least columns and rows with which a tmux session starts, whatever the terminal says."""


def find_tmux(project: Project) -> tuple[str, str, bool]:
    """Return the socket path, the tmux session's id, and whether the caller is inside that tmux.

    Starts a server of our own if the caller is in none. Raises ToolMissing without tmux.
    """
    here = Tmux.current()
    if here is not None and here.alive():
        # A program that a key binding or hook of tmux runs may be in no tmux session; this counts as outside.
        with contextlib.suppress(NotFound):
            return here.socket, here.current_session(), True
    server = _own_server(project)
    # As large as the terminal that will show it, because tmux distributes the space badly when the size changes.
    columns, rows = shutil.get_terminal_size((200, 50))
    size = (max(columns, _LEAST[0]), max(rows, _LEAST[1]))
    shown = server.start(tmux_session_name(project), project.paths.source, size)
    server.claim(project.paths.home.owner)
    return server.socket, shown, False


def _own_server(project: Project) -> Tmux:
    """Return the server with the usual name or, if another home or program uses that, one with our own name."""
    home = project.paths.home
    usual = Tmux.own(OWN_SERVER)
    if not usual.alive() or usual.belongs_to(home.owner, home.sources()):
        return usual
    return Tmux.own(f"{OWN_SERVER}-{home.tag}")


def tmux_session_name(project: Project) -> str:
    """Return the name of the project's tmux session on our own server, one per home and project."""
    return f"{project.paths.key}-{project.paths.home.tag}"
