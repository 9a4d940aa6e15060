"""The segment in tmux's status line: which sessions work, and which wait for the person."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orchestra.errors import NotFound
from orchestra.model import Intent, Session, State

if TYPE_CHECKING:
    from orchestra.project import Project

_NAMED = 2
_LOCK = "+status"


def show_status(project: Project) -> None:
    """Update the segment if the layout has one; does nothing while the project is not open in tmux."""
    known = project.store.workspace.get()
    server = project.tmux() if known.tmux_session and known.status_line else None
    if server is None:
        return
    try:
        # `up` and the watcher may run at once; the second would mistake the first's segment for the person's.
        with project.lock(_LOCK):
            if not project.store.workspace.get().status_line:
                return
            text = segment(project.paths.source.name, project.store.sessions.all())
            server.set_status(known.tmux_session, text, project=str(project.paths.source))
    except NotFound:
        project.store.workspace.update(status_line=False)


def clear_status(project: Project) -> None:
    """Remove the segment, and do not show it again until the next ``up``."""
    target = project.store.workspace.get().tmux_session
    server = project.tmux()
    with project.lock(_LOCK):
        project.store.workspace.update(status_line=False)
        if server is not None and target:
            with contextlib.suppress(NotFound):
                server.clear_status(target, project=str(project.paths.source))


def segment(title: str, sessions: list[Session]) -> str:
    """Return the segment's text: the project, the names of waiting sessions, and how many work."""
    running = [session for session in sessions if session.intent is Intent.RUN]
    waiting = [session.name for session in running if session.state is State.WAITING]
    working = sum(session.state is State.WORKING for session in running)
    named = ", ".join(waiting[:_NAMED]) + (f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else "")
    parts = [f"{named} {'waits' if len(waiting) == 1 else 'wait'}"] if waiting else []
    parts += [f"{working} working"] if working else []
    return f"{title}: {', '.join(parts) or 'quiet'}"
