"""The last output of an agent that ended, from its window, the only place where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.actions.session import provision
from orchestra.errors import OrchestraError
from orchestra.model import Session
from orchestra.terminal_text import clean

if TYPE_CHECKING:
    from orchestra.project import Project

_LINES = 3
_LONGEST = 240
_SHORTEST_SECRET = 6


def last_words(project: Project, session: Session) -> str:
    """Return the last lines of a session's window, joined into one; empty if they are unavailable.

    They are only for people to read. The agent's credentials are removed from them.
    """
    try:
        lines = _screen(project, session)
        hidden = _secrets(project, session)
    except (OrchestraError, OSError):
        return ""
    text = " / ".join(lines[-_LINES:])
    for value in hidden:
        text = text.replace(value, "…")
    text = clean(text)
    return text if len(text) <= _LONGEST else f"…{text[1 - _LONGEST :]}"


def _secrets(project: Project, session: Session) -> list[str]:
    paths = project.session_paths(session)
    values = list(provision.credentials(project, project.profile(session.agent)).values())
    values += [paths.token.read_text()] if paths.token.is_file() else []
    return [value for value in values if len(value) >= _SHORTEST_SECRET]


def _screen(project: Project, session: Session) -> list[str]:
    server = project.tmux()
    if server is None or not session.window:
        return []
    ours = f"{session.name} has "
    shown = (line.strip() for line in server.panes.capture(server.windows.agent_pane(session.window)).split("\n"))
    return [line for line in shown if line and not line.startswith(ours)]
