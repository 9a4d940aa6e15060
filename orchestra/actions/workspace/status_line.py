"""What tmux's own lines show: a segment in the status line, and a label on each session's window."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from orchestra.actions.session.layout import layout_of
from orchestra.actions.session.place_windows import place_windows
from orchestra.actions.workspace.open_needs import list_needs
from orchestra.drivers.tmux.labels import Label
from orchestra.errors import BadConfig, NotFound, Refused, UsageError
from orchestra.model import Intent, SandboxKind, Session, State
from orchestra.views.palette import STATE_GLYPHS

if TYPE_CHECKING:
    from orchestra.attention import Need
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.project import Project

_NAMED = 2
_EXPLAINED = frozenset({State.WAITING, State.FAILED, State.UNKNOWN})
_LOCK = "+status"


def show_status(project: Project) -> None:
    """Put the agents where the layout wants them, and update labels and, if the layout has one, the segment.

    Does nothing while the project is not open in tmux.
    """
    known = project.store.workspace.get()
    server = project.tmux() if known.tmux_session else None
    if server is None:
        return
    place_windows(project, server)
    _show_labels(project, server)
    if known.status_line:
        _show_segment(project, server)


def shown(project: Project, sessions: Sequence[Session]) -> object:
    """Return what `show_status` would show of these sessions, to compare it with what it showed before."""
    labels = {(session.name, session.window): label(session) for session in sessions if session.window}
    return segment(project.paths.source.name, sessions, list_needs(project)), labels


def _show_labels(project: Project, server: Tmux) -> None:
    source = str(project.paths.source)
    panes = {window.session: window.pane for window in server.windows.all() if window.project == source}
    sessions = (session for session in project.store.sessions.all() if session.name in panes)
    labels = {panes[session.name]: label(session) for session in sessions}
    try:
        borders = layout_of(project).borders
    except (BadConfig, Refused, UsageError):
        # Its file was changed since; `up` says what is wrong with it.
        borders = False
    server.labels.show(labels, borders=borders)


def label(session: Session) -> Label:
    """Return what tmux shows of a session: its state as a mark; its name, branch, sandbox and state as a line."""
    on_host = session.sandbox is SandboxKind.HOST
    parts = [session.name, session.branch, *(() if on_host else (session.sandbox.value,)), session.state.value]
    if session.state in _EXPLAINED and session.evidence.text:
        parts[-1] += f": {session.evidence.text}"
    return Label(STATE_GLYPHS[session.state], " · ".join(filter(None, parts)), on_host=on_host)


def _show_segment(project: Project, server: Tmux) -> None:
    known = project.store.workspace.get()
    try:
        # `up` and the watcher may run at once; the second would mistake the first's segment for the person's.
        with project.lock(_LOCK):
            if not project.store.workspace.get().status_line:
                return
            text = segment(project.paths.source.name, project.store.sessions.all(), list_needs(project))
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


def segment(title: str, sessions: Sequence[Session], needs: Iterable[Need]) -> str:
    """Return the segment's text: the project, which sessions need the person, and how many work."""
    waiting = list(dict.fromkeys(need.session for need in needs))
    working = sum(session.state is State.WORKING and session.intent is Intent.RUN for session in sessions)
    named = ", ".join(waiting[:_NAMED]) + (f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else "")
    parts = [f"{named} {'needs' if len(waiting) == 1 else 'need'} you"] if waiting else []
    parts += [f"{working} working"] if working else []
    return f"{title}: {', '.join(parts) or 'quiet'}"
