"""The last output of an agent that ended, from its window, the only place where it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestra.actions.session import container_spec, provision
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
    text = clean(without_secrets(text, hidden))
    return text if len(text) <= _LONGEST else f"…{text[1 - _LONGEST :]}"


def without_secrets(text: str, values: Iterable[str]) -> str:
    """Return a text without some credentials; short ones are words such as ``true``."""
    for value in values:
        text = text.replace(value, "…") if len(value) >= _SHORTEST_SECRET else text
    return text


def _secrets(project: Project, session: Session) -> list[str]:
    paths = project.session_paths(session)
    values = list(provision.credentials(project, project.profile(session.agent)).values())
    return [*values, *([paths.token.read_text()] if paths.token.is_file() else [])]


def _screen(project: Project, session: Session) -> list[str]:
    server = project.tmux()
    window = container_spec.window_of(project, session)
    if server is None or window is None:
        return []
    ours = f"{session.name} has "
    shown = (line.strip() for line in server.panes.capture(window.pane).split("\n"))
    return [line for line in shown if line and not line.startswith(ours)]
