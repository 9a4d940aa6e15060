"""Open a session's window, a terminal in its worktree, or its spec in an editor."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING, Any

from orchestra.actions.messaging import permission_requests
from orchestra.actions.session import container_spec
from orchestra.actions.work import spec
from orchestra.errors import NotFound, Refused, ToolMissing
from orchestra.model import BoxState, SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.project import Project


def _server(project: Project) -> Tmux:
    server = project.tmux()
    if server is None:
        raise Refused("this project is not open in tmux", hint="type: orchestra up")
    return server


def switch(project: Project, name: str = "", *, control: bool = False, client: str = "") -> dict[str, Any]:
    """Show a session's window, or the control pane, in a tmux client; by default in all that show the project.

    Raises NotFound if there is no window.
    """
    server = _server(project)
    if control:
        pane = server.control.find(str(project.paths.source))
        if pane is None:
            raise NotFound("the control pane is not open", hint="type: orchestra up")
        server.windows.select_pane(pane, client or None)
        return {"pane": pane}
    session = project.store.sessions.get(name)
    window = container_spec.window_of(project, session)
    if window is None:
        raise NotFound(f"{name} has no window", hint=f"start it again: orchestra resume {name}")
    server.windows.select(window.id, client or None, pane=window.pane)
    permission_requests.leave_to_window(project, session)
    return {"window": window.id}


def terminal(project: Project, name: str = "main", *, host: bool = False) -> dict[str, Any]:
    """Open a terminal in a session's worktree, inside its box or, if requested or without a box, on the host."""
    session = project.store.sessions.get(name)
    server = _server(project)
    command = terminal_command(project, session, host=host)
    target = project.store.workspace.get().tmux_session
    pane = server.windows.open_terminal(
        target, f"{name} $", command, project=str(project.paths.source), cwd=session.worktree, session=name
    )
    return {"window": pane, "command": shlex.join(command)}


def terminal_command(project: Project, session: Session, *, host: bool) -> tuple[str, ...]:
    """Return the command that opens a shell in a session's worktree; raises Refused if its container is not running."""
    running = container_spec.look(project, session).state is BoxState.RUNNING
    in_docker = session.sandbox is SandboxKind.DOCKER
    if in_docker and not running and not host:
        hint = f"orchestra resume {session.name}, or: orchestra terminal {session.name} --host"
        raise Refused(f"{session.name}'s container is not running", hint=hint)
    box = container_spec.box_for(project, session)
    return project.sandbox(session.sandbox).terminal_command(box, on_host=host or not in_docker)


def editor_command(project: Project, name: str) -> tuple[str, ...]:
    """Return the command that opens a spec in the person's editor; raises ToolMissing if that is not installed."""
    path = spec.ensure_file(project, name)
    chosen = project.usable_settings.editor or os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    words = shlex.split(chosen)
    if not words or shutil.which(words[0]) is None:
        hint = f"set EDITOR, or `editor` in {project.paths.home.config}; or open the file in any editor: "
        raise ToolMissing(f"the editor {chosen!r} is not installed", hint=f"{hint}{path}")
    return (*words, str(path))


def edit_spec(project: Project, name: str) -> dict[str, Any]:
    """Open a session's spec in the person's editor, in a popup; raises Refused if nobody would see it."""
    command = editor_command(project, name)
    server = project.tmux()
    if server is None or not server.has_client():
        message = "no editor was opened: this is not a terminal, and nobody is looking at the project's tmux"
        raise Refused(message, hint=f"edit the file yourself; Orchestra notices the change: {command[-1]}")
    server.popup(command, title=f"spec of {name}")
    return {"path": command[-1]}
