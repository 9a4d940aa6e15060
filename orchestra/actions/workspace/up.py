"""Open a project in tmux, and close it."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from orchestra import __version__
from orchestra.actions.session import budgets, container_spec, preserve
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.session.choose_sandbox import choose_sandbox
from orchestra.actions.session.layout import layout_of, load_layout
from orchestra.actions.session.many import each
from orchestra.actions.session.stale_containers import drop_containers
from orchestra.actions.session.troubles import trouble_of
from orchestra.actions.workspace.recover import reconcile
from orchestra.actions.workspace.status_line import clear_status, show_status
from orchestra.bindings import Keymap
from orchestra.config.layout import Executors
from orchestra.drivers.tmux.server import OLDEST as OLDEST_TMUX
from orchestra.drivers.tmux.server import unless_it_ended
from orchestra.errors import (
    CommandFailed,
    DeadlineExceeded,
    EngineDown,
    NotFound,
    OrchestraError,
    Refused,
    StoreError,
    ToolMissing,
    UsageError,
)
from orchestra.model import Role, SandboxKind, Session, Sign, Window
from orchestra.names import MAIN, digest
from orchestra.paths import Home
from orchestra.protocol import Progress, ignore
from orchestra.store.migrations import MIGRATIONS

if TYPE_CHECKING:
    from orchestra.config.settings import Settings
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.project import Project

_WITHOUT_GRID = "left"
UP_DEADLINE = 900.0
"""Seconds to wait for another ``up`` of the same project, which may be building an image."""


def program() -> tuple[str, ...]:
    """Return the command that runs this installation with this home, independent of tmux's environment."""
    home = f"ORCHESTRA_HOME={Home.find().root}"
    return ("env", home, sys.executable, "-m", "orchestra")


def up(
    project: Project,
    *,
    tmux_socket: str,
    tmux_session: str,
    layout: str = "",
    agent: str = "",
    sandbox: str = "",
    task: str = "",
    progress: Progress = ignore,
) -> dict[str, Any]:
    """Start or restore everything: designer, executors, windows, control pane, keys.

    Raises ToolMissing for a tmux that is too old, and EngineDown if containers are wanted and no
    engine answers. Executors that cannot be restored are named in ``troubles``. If the designer
    cannot, its error is raised after everything else is done. Wrong arguments are refused before
    anything is recorded or created.
    """
    project.check_source()
    layout = _layout_to_show(project, layout)
    kind = choose_sandbox(project, sandbox)
    if agent:
        project.agent_profile(agent)
    with project.lock("up", deadline=UP_DEADLINE):
        _remember(project, tmux_socket, tmux_session, sandbox)
        server = project.tmux()
        if server is None or server.version() < OLDEST_TMUX:
            raise ToolMissing("orchestra needs tmux 3.2 or newer", hint="install it: sudo apt-get install tmux")
        drop_containers(project)
        _designer(project, agent, task, kind)
        refusal = _refusal(project)
        with ThreadPoolExecutor(1) as pool:
            # Only the control pane needs a window; the keys do not wait for the engine.
            dressed = pool.submit(_dress, project, server, layout)
            troubles = reconcile(project, progress=progress)
        dressed.result()
        designer = project.store.sessions.get(MAIN)
        control = _show_layout(project, server, designer)
        if control is not None:
            server.windows.select_pane(control)
        failure = refusal or next((trouble.error for trouble in troubles if trouble.session == MAIN), None)
        if failure is not None:
            raise failure
        return {
            "designer": designer.name,
            "window": designer.window,
            "control": control,
            "sandbox": designer.sandbox.value,
            "prefix_key": project.settings.prefix_key,
            "sessions": [session.name for session in project.store.sessions.all()],
            "troubles": [str(trouble) for trouble in troubles],
            "troubled": [trouble.session for trouble in troubles if trouble.session],
        }


def _refusal(project: Project) -> Exception | None:
    """Return why the designer may not be started, so that it is raised once the other sessions are there."""
    try:
        budgets.require_within(project, project.store.sessions.get(MAIN))
    except OrchestraError as error:
        return error
    return None


def _layout_to_show(project: Project, layout: str) -> str:
    """Return the layout that was asked for, now or since the project was opened, or none for that of the settings.

    Raises what `load_layout` raises for one that is asked for now, and for that of the settings.
    """
    known = project.store.workspace.get()
    if not layout and known.tmux_socket and known.layout:
        # Its file may be gone by now.
        with contextlib.suppress(UsageError):
            load_layout(project, known.layout)
            return known.layout
    load_layout(project, layout or project.settings.layout)
    return layout


def _remember(project: Project, socket: str, session: str, sandbox: str) -> None:
    project.store.workspace.update(tmux_socket=socket, tmux_session=session, resting=False)
    if sandbox:
        project.store.workspace.update(sandbox=None if sandbox == "auto" else SandboxKind(sandbox))


def _designer(project: Project, agent: str, task: str, kind: SandboxKind) -> Session:
    """Record the designer on first use; later, update its agent or sandbox if another one is chosen."""
    known = project.store.sessions.find(MAIN)
    head, branch = project.repository.head()
    profile = agent or project.settings.designer_agent or project.settings.agent
    if known is not None:
        return project.store.sessions.update(MAIN, intent=budgets.intent_of(project, known))
    project.agent_profile(profile)
    project.check_room()
    if task:
        project.store.workspace.update(designer_task=task)
    return project.store.sessions.add(
        name=MAIN,
        title=project.paths.source.name,
        role=Role.DESIGNER,
        agent=profile,
        sandbox=kind,
        branch=branch,
        base=head,
        base_branch=branch,
        worktree=project.paths.source,
        parent=None,
        conversation=str(uuid.uuid4()),
        head=head,
    )


def _dress(project: Project, server: Tmux, layout: str) -> None:
    """Mark the tmux session as the project's, and bind the keys."""
    target = project.store.workspace.update(layout=layout).tmux_session
    server.claim_session(target, str(project.paths.source))
    saved = server.keys.bind(project.settings.prefix_key, program(), keymap=Keymap(project.settings.keys))
    project.store.workspace.update(saved_keys=saved, status_line=layout_of(project).status)


def _show_layout(project: Project, server: Tmux, designer: Session) -> str | None:
    """Put the control pane and the agents where the layout wants them; returns the control pane's id.

    That is None if the designer could not be started, and its window is of an earlier time.
    """
    source, window = str(project.paths.source), project.store.sessions.get(designer.name).window
    control = None
    if window is not None:
        with contextlib.suppress(NotFound):
            command = (*program(), "--project", source, "control")
            edition = _edition(project.settings)
            control = server.control.open(window, command, layout_of(project), project=source, edition=edition)
    show_status(project)
    return control


def _edition(settings: Settings) -> str:
    """Return a hash of the program and of the settings that a control pane reads when it starts."""
    shown = (settings.theme, sorted(settings.colours.items()), sorted(settings.keys.items()), settings.prefix_key)
    return digest(repr((__version__, max(MIGRATIONS), shown)), 16)


def change_layout(project: Project, name: str = "", *, toggle: bool = False) -> dict[str, Any]:
    """Show the project in another layout; with ``toggle``, in a grid, or without it if there is one now.

    Raises UsageError for an unknown layout, Refused while the project is not open in tmux.
    """
    wanted = _other_layout(project) if toggle else name
    layout = load_layout(project, wanted)
    with project.lock("up", deadline=UP_DEADLINE):
        known = project.store.workspace.get()
        server = project.tmux() if known.tmux_session else None
        if server is None:
            raise Refused("this project is not open in tmux", hint=f"type: orchestra up --layout {wanted}")
        if known.status_line and not layout.status:
            clear_status(project)
        project.store.workspace.update(layout=wanted, status_line=layout.status)
        _show_layout(project, server, project.store.sessions.get(MAIN))
    return {"layout": wanted, "description": layout.description}


def _other_layout(project: Project) -> str:
    """Return the grid or, if the layout has one, the layout of the settings."""
    if layout_of(project).executors is not Executors.GRID:
        return Executors.GRID.value
    usual = project.settings.layout
    return usual if load_layout(project, usual).executors is not Executors.GRID else _WITHOUT_GRID


def down(project: Project, *, stop: bool = False, progress: Progress = ignore) -> dict[str, Any]:
    """Close the project's windows and restore the keys; with ``stop``, also stop every box.

    Agents on the host run in their windows and end with them. ``up`` brings everything back.
    """
    server = project.tmux()
    with ThreadPoolExecutor(1) as pool:
        # The agents end meanwhile.
        undressed = pool.submit(_undress, project, server, stop=stop)
        stopped, left = _stop_boxes(project, progress) if stop else ([], [])
    undressed.result()
    with ThreadPoolExecutor(1) as pool:
        if stop:
            pool.submit(_release_network, project)
        ended = _close_windows(project, server) if server is not None else []
    try:
        with project.store.together():
            project.store.workspace.update(saved_keys="", tmux_socket="", layout="")
            if stop:
                project.store.workspace.update(resting=True)
    except StoreError as error:
        done = "everything is stopped and closed" if stop else "the windows are closed"
        message = f"{done}, but this cannot be recorded: {error.message}"
        raise StoreError(message, hint="free some space, then type: orchestra down") from error
    return {"stopped": stopped, "troubled": left, "ended": ended}


def _close_windows(project: Project, server: Tmux) -> list[str]:
    """Close the control pane and the windows; returns the agents on the host that were running in them."""
    ended: list[str] = []
    # With the last window the whole server ends.
    with unless_it_ended():
        server.control.close(str(project.paths.source))
        windows = _windows(project, server)
        ended = _record_ends(project, {window.session for window in windows})
        server.windows.close(*dict.fromkeys(window.id for window in windows))
    return ended


def _close_viewers(project: Project, server: Tmux) -> None:
    """Close the control pane and the windows in which no agent of the host runs."""
    server.control.close(str(project.paths.source))
    windows = _windows(project, server)
    on_host = {session.name for session in project.store.sessions.all() if session.sandbox is SandboxKind.HOST}
    kept = {window.id for window in windows if window.session in on_host}
    server.windows.close(*dict.fromkeys(window.id for window in windows if window.id not in kept))


def _windows(project: Project, server: Tmux) -> list[Window]:
    return [window for window in server.windows.all() if window.project == str(project.paths.source)]


def _record_ends(project: Project, shown: Container[str]) -> list[str]:
    """Record that agents on the host end with their windows; returns those that were running."""
    ended = []
    for session in project.store.sessions.all():
        if session.sandbox is SandboxKind.HOST and session.name in shown and container_spec.runs(project, session):
            with contextlib.suppress(StoreError):
                text = "ended with its window; orchestra up starts it again"
                project.store.sessions.record_sign(session.name, Sign.STOPPED, text)
            ended.append(session.name)
    return ended


def _undress(project: Project, server: Tmux | None, *, stop: bool) -> None:
    """Restore the keys, the status line and the tmux session's options; with ``stop``, close what only looks on."""
    if server is None:
        return
    known = project.store.workspace.get()
    with unless_it_ended():
        server.keys.unbind(known.saved_keys, project=str(project.paths.source))
    with unless_it_ended():
        clear_status(project)
    with unless_it_ended():
        if known.tmux_session:
            with contextlib.suppress(NotFound):
                server.release_session(known.tmux_session, str(project.paths.source))
        # In a window, this process itself would end with it, before the agents have.
        if stop and "TMUX" not in os.environ:
            _close_viewers(project, server)


def _stop_boxes(project: Project, progress: Progress) -> tuple[list[str], list[str]]:
    """Stop every agent, many at once; returns the stopped sessions, and those that may still run."""
    with contextlib.suppress(StoreError):
        project.store.workspace.update(resting=True)

    def stopped(session: Session) -> bool | None:
        try:
            return _stop_session(project, session, progress)
        except Exception as error:  # noqa: BLE001 -- the others are stopped all the same
            progress(f"not stopped: {trouble_of(project, session.name, error)}")
            return None

    sessions = project.store.sessions.all()
    results = list(zip(sessions, each(sessions, stopped), strict=True))
    return [session.name for session, ran in results if ran], [session.name for session, ran in results if ran is None]


def _release_network(project: Project) -> None:
    """Remove the network unless another project's agents use it; the next start creates it again."""
    if any(session.sandbox is SandboxKind.DOCKER for session in project.store.sessions.all()):
        with contextlib.suppress(CommandFailed, EngineDown, DeadlineExceeded):
            project.sandbox(SandboxKind.DOCKER).remove_network()


def _stop_session(project: Project, session: Session, progress: Progress) -> bool:
    with project.lock(session.name):
        running = project.sandbox(session.sandbox).stop(project.box_name(session))
        preserve.drop_secrets(project, session)
        if running:
            _note_stop(project, session, progress)
        return running


def _note_stop(project: Project, session: Session, progress: Progress) -> None:
    """Import a stopped session's last commits, and record that it was stopped."""
    try:
        project.store.sessions.record_sign(session.name, Sign.STOPPED, "stopped by orchestra down --stop")
        import_commits(project, session)
    except OrchestraError as error:
        progress(f"{session.name} is stopped; its newest commits stay in its private git directory: {error.message}")
