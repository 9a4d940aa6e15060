"""The steps that `lifecycle.plan` names, each safe to repeat after a crash at any point."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from orchestra.actions import equip, places, source, watch
from orchestra.actions.build import build_image
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, Refused
from orchestra.lifecycle import Seen, Sign, Step
from orchestra.model import BoxState, Intent, Role, SandboxKind, Session
from orchestra.wire import Progress

if TYPE_CHECKING:
    from orchestra.project import Project

Perform: TypeAlias = "Callable[[Project, Session, Progress], None]"

FORCED = "forced"
"""The note, with the session's id, that its deletion was forced."""
STOP_GRACE = 10.0
"""Seconds an agent has to end by itself before it is killed."""


def observe(project: Project, session: Session) -> Seen:
    """Look once at everything a session owns."""
    place = project.place(session)
    server = project.tmux()
    shown = places.window_of(project, session) if server else None
    return Seen(
        worktree=session.role is Role.DESIGNER or _has_worktree(project, session),
        private_git=(place.git / "HEAD").is_file() and place.pointer.is_file(),
        files=(place.agent / "launch.sh").is_file() and place.token.is_file(),
        box=places.look(project, session),
        window=server is None or (shown is not None and not shown.dead),
    )


def _has_worktree(project: Project, session: Session) -> bool:
    return session.worktree.is_dir() and session.worktree in project.repository.worktrees()


def _worktree(project: Project, session: Session, _progress: Progress) -> None:
    repository = project.repository
    session.worktree.parent.mkdir(parents=True, exist_ok=True)
    keep = f"refs/orchestra/base/{session.name}"
    repository.add_worktree(session.worktree, session.branch, session.base, keep=keep)
    equip.copy_extras(project, session)


def _private_git(project: Project, session: Session, _progress: Progress) -> None:
    equip.private_git(project, session)


def _files(project: Project, session: Session, _progress: Progress) -> None:
    equip.write_files(project, session)


def _image(project: Project, session: Session, progress: Progress) -> None:
    _choose_image(project, session, progress, look=False)


def _choose_image(project: Project, session: Session, progress: Progress, *, look: bool) -> None:
    project.store.set(f"image.{session.id}", build_image(project, session.agent, progress=progress, look=look))


def _box(project: Project, session: Session, progress: Progress) -> None:
    try:
        _make_box(project, session)
    except NotFound:
        # The image that was there before may have been removed since.
        _choose_image(project, session, progress, look=True)
        _make_box(project, session)


def _make_box(project: Project, session: Session) -> None:
    # What a mount names must be there when the container is made, as empty as it may be.
    source.prepare(project, session)
    image = places.image_of(project, session)
    project.sandbox(session.sandbox).create(places.box_for(project, session, image=image))


def _start(project: Project, session: Session, _progress: Progress) -> None:
    source.cover(project, session)
    project.store.record_sign(session.name, Sign.LAUNCHED, f"{session.agent} starts")
    project.sandbox(session.sandbox).start(project.box_name(session))


def _window(project: Project, session: Session, _progress: Progress) -> None:
    server = project.tmux()
    target = project.store.get("tmux.session")
    if server is None or not target:
        if session.sandbox is SandboxKind.HOST:
            raise Refused(f"{session.name} runs without a container and needs tmux", hint="type: orchestra up")
        return
    if (stale := places.window_of(project, session)) is not None:
        server.close_window(stale.id)
    if session.sandbox is SandboxKind.HOST:
        project.store.record_sign(session.name, Sign.LAUNCHED, f"{session.agent} starts")
    command = project.sandbox(session.sandbox).window_command(places.box_for(project, session))
    source = str(project.paths.source)
    window = server.open_window(
        target, session.name, command, session=session.name, project=source, cwd=session.worktree
    )
    project.store.update_session(session.name, window=window.id)


def _import(project: Project, session: Session, progress: Progress) -> None:
    try:
        watch.import_commits(project, session)
    except (CommandFailed, DeadlineExceeded) as error:
        if session.intent is Intent.STOP and places.look(project, session).state is not BoxState.RUNNING:
            # It ended by itself in this moment, and is what was asked for; what it holds stays where it is.
            project.store.log(session.name, "trouble", f"stopped without its newest commits: {error.message}")
            return
        if session.intent is not Intent.DELETE:
            raise
        if project.store.get(f"{FORCED}.{session.id}") != "yes":
            hint = f"without the commits that are only in its own git: orchestra delete {session.name} --force"
            raise Refused(error.message, hint=hint) from error
        project.store.log(session.name, "trouble", f"deleted without its newest commits: {error.message}")
        progress(f"deleted without its newest commits: {error.message}")


def _anchor(project: Project, session: Session, _progress: Progress) -> None:
    from orchestra.drivers import anchors  # noqa: PLC0415 -- loads when touched

    if session.role is Role.EXECUTOR:
        anchors.anchor(project.repository, session.worktree, session.name)


def _close_window(project: Project, session: Session, _progress: Progress) -> None:
    server = project.tmux()
    window = places.window_of(project, session)
    if server is not None and window is not None:
        server.close_window(window.id)
    project.store.update_session(session.name, window=None)


def _stop(project: Project, session: Session, _progress: Progress) -> None:
    project.store.record_sign(session.name, Sign.STOPPED, "stopped on request")
    project.sandbox(session.sandbox).stop(project.box_name(session), grace=STOP_GRACE)


def _remove_box(project: Project, session: Session, _progress: Progress) -> None:
    project.sandbox(session.sandbox).remove(project.box_name(session))


def _remove_worktree(project: Project, session: Session, _progress: Progress) -> None:
    if session.role is Role.EXECUTOR:
        project.repository.remove_worktree(session.worktree)
        _drop_merged_branch(project, session)


def _drop_merged_branch(project: Project, session: Session) -> None:
    """Remove the branch where another one holds all its commits, as ``git branch -d`` does; its anchor stays."""
    repository = project.repository
    branches = repository.branches()
    tip, target = branches.get(session.branch), branches.get(session.base_branch, session.base)
    if tip is not None and repository.is_ancestor(tip, target):
        repository.update_ref(f"refs/heads/{session.branch}", "", tip)
        keep = f"refs/orchestra/base/{session.name}"
        if (held := repository.refs(keep).get(keep)) is not None:
            repository.update_ref(keep, "", held)


def _forget(project: Project, session: Session, _progress: Progress) -> None:
    shutil.rmtree(project.place(session).secrets, ignore_errors=True)
    project.store.update_session(session.name, token_hash="", deleted_at=project.store.now())


PERFORM: dict[Step, Perform] = {
    Step.WORKTREE: _worktree,
    Step.PRIVATE_GIT: _private_git,
    Step.FILES: _files,
    Step.IMAGE: _image,
    Step.BOX: _box,
    Step.START: _start,
    Step.WINDOW: _window,
    Step.IMPORT: _import,
    Step.ANCHOR: _anchor,
    Step.CLOSE_WINDOW: _close_window,
    Step.STOP: _stop,
    Step.REMOVE_BOX: _remove_box,
    Step.REMOVE_WORKTREE: _remove_worktree,
    Step.FORGET: _forget,
}
