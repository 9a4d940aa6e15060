"""Which tmux a project is shown in: the person's own where they are in one, else one of ours."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from orchestra.drivers.tmux.driver import Tmux
from orchestra.errors import NotFound

if TYPE_CHECKING:
    from orchestra.project import Project

OWN_SERVER = "orchestra"
"""The socket name (``tmux -L``) of the server started for people outside tmux, unless another's has it already."""
_LEAST = (40, 12)
"""The fewest columns and rows that a tmux session begins with, whatever the terminal says."""


def find_tmux(project: Project) -> tuple[str, str, bool]:
    """Return the socket path, the tmux session's id, and whether the caller sits inside that tmux.

    Starts a server of our own where the caller is in none. Raises ToolMissing without tmux.
    """
    here = Tmux.current()
    if here is not None and here.alive():
        # What a key binding or a hook of tmux runs may be in no tmux session: then it is as outside.
        with contextlib.suppress(NotFound):
            return here.socket, here.current_session(), True
    server = _own_server(project)
    # As large as the terminal that will show it: tmux divides anew, and unfairly, when the size changes.
    columns, rows = shutil.get_terminal_size((200, 50))
    size = (max(columns, _LEAST[0]), max(rows, _LEAST[1]))
    shown = server.start(tmux_session_name(project), project.paths.source, size)
    server.claim(project.paths.home.owner)
    return server.socket, shown, False


def _own_server(project: Project) -> Tmux:
    """Return the server of the usual name, or, where that is another home's or program's, one of a name of our own."""
    home = project.paths.home
    usual = Tmux.own(OWN_SERVER)
    if not usual.alive() or usual.belongs_to(home.owner, home.sources()):
        return usual
    return Tmux.own(f"{OWN_SERVER}-{home.tag}")


def tmux_session_name(project: Project) -> str:
    """Return the name of the project's tmux session on our own server, one per home and project."""
    return f"{project.paths.key}-{project.paths.home.tag}"
