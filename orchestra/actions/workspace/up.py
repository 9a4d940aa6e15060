"""Open a project in tmux, and close it."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from orchestra.actions.session import budgets, container_spec, preserve
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.session.choose_sandbox import choose_sandbox
from orchestra.actions.session.many import each
from orchestra.actions.session.settle import settle
from orchestra.actions.session.stale_containers import drop_containers
from orchestra.actions.session.troubles import trouble_of
from orchestra.actions.workspace.layout import layout_of, load_layout
from orchestra.actions.workspace.recover import reconcile
from orchestra.actions.workspace.status_line import clear_status, show_status
from orchestra.bindings import Keymap
from orchestra.drivers.tmux.server import OLDEST as OLDEST_TMUX
from orchestra.errors import (
    CommandFailed,
    DeadlineExceeded,
    EngineDown,
    NotFound,
    OrchestraError,
    StoreError,
    ToolMissing,
)
from orchestra.model import BoxState, Role, SandboxKind, Session, Sign
from orchestra.names import MAIN
from orchestra.paths import Home
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.project import Project

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
    load_layout(project, layout or project.settings.layout)
    kind = choose_sandbox(project, sandbox)
    if agent:
        project.profile(agent)
    with project.lock("up", deadline=UP_DEADLINE):
        _remember(project, tmux_socket, tmux_session, sandbox)
        server = project.tmux()
        if server is None or server.version() < OLDEST_TMUX:
            raise ToolMissing("orchestra needs tmux 3.2 or newer", hint="install it: sudo apt-get install tmux")
        drop_containers(project)
        _designer(project, agent, task, kind)
        failure = _settle_designer(project, progress)
        troubles = reconcile(project, progress=progress)
        designer = project.store.sessions.get(MAIN)
        control = _set_up_tmux(project, server, designer, layout or project.settings.layout)
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


def _settle_designer(project: Project, progress: Progress) -> Exception | None:
    """Start the designer, and return the error if that fails, so that the other sessions are started too."""
    try:
        budgets.require_within(project, project.store.sessions.get(MAIN))
        settle(project, MAIN, progress=progress)
    except EngineDown:
        raise
    except Exception as error:  # noqa: BLE001 -- raised again once the executors are there
        return error
    return None


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
    project.profile(profile)
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


def _set_up_tmux(project: Project, server: Tmux, designer: Session, layout: str) -> str | None:
    """Open the control pane and bind the keys; returns the control pane's id."""
    source = str(project.paths.source)
    target = project.store.workspace.update(layout=layout).tmux_session
    wanted = layout_of(project)
    server.claim_session(target, source)
    saved = server.keys.bind(project.settings.prefix_key, program(), keymap=Keymap(project.settings.keys))
    project.store.workspace.update(saved_keys=saved, status_line=wanted.status)
    show_status(project)
    window = project.store.sessions.get(designer.name).window
    if window is None:
        return None
    command = (*program(), "--project", source, "control")
    try:
        control = server.control.open(window, command, wanted, project=source)
    except NotFound:
        # The designer could not be started, and its window is of an earlier time.
        return None
    server.windows.select_pane(control)
    return control


def down(project: Project, *, stop: bool = False, progress: Progress = ignore) -> dict[str, Any]:
    """Close the project's windows and restore the keys; with ``stop``, also stop every box.

    Agents on the host run in their windows and end with them. ``up`` brings everything back.
    """
    stopped, left = _stop_boxes(project, progress) if stop else ([], [])
    ended: list[str] = []
    server = project.tmux()
    source = str(project.paths.source)
    if server is not None:
        _undress(project, server)
        server.control.close(source)
        windows = [window for window in server.windows.all() if window.project == source]
        ended = _record_ends(project, {window.session for window in windows})
        for window in windows:
            server.windows.close(window.id)
    try:
        with project.store.together():
            project.store.workspace.update(saved_keys="", tmux_socket="")
            if stop:
                project.store.workspace.update(resting=True)
    except StoreError as error:
        done = "everything is stopped and closed" if stop else "the windows are closed"
        message = f"{done}, but this cannot be recorded: {error.message}"
        raise StoreError(message, hint="free some space, then type: orchestra down") from error
    return {"stopped": stopped, "troubled": left, "ended": ended}


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


def _undress(project: Project, server: Tmux) -> None:
    known = project.store.workspace.get()
    server.keys.unbind(known.saved_keys, project=str(project.paths.source))
    clear_status(project)
    if known.tmux_session:
        with contextlib.suppress(NotFound):
            server.release_session(known.tmux_session, str(project.paths.source))


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


def release_network(project: Project) -> None:
    """Remove the network unless another project's agents use it; the next start creates it again.

    Call this after the project's service has ended, because a running one listens on the network.
    """
    if any(session.sandbox is SandboxKind.DOCKER for session in project.store.sessions.all()):
        with contextlib.suppress(CommandFailed, EngineDown, DeadlineExceeded):
            project.sandbox(SandboxKind.DOCKER).remove_network()


def _stop_session(project: Project, session: Session, progress: Progress) -> bool:
    with project.lock(session.name):
        running = container_spec.look(project, session).state is BoxState.RUNNING
        if running:
            project.sandbox(session.sandbox).stop(project.box_name(session))
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
