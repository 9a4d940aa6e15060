"""The steps that `lifecycle.plan` names, each safe to repeat after a crash at any point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from orchestra.actions.session import branch_sync, container_spec, copy_files, paired_git, preserve, provision
from orchestra.actions.session.image import build_image
from orchestra.actions.session.place_windows import place_windows
from orchestra.actions.session.troubles import error_to_report
from orchestra.actions.session.worktrees import make_worktree
from orchestra.errors import CommandFailed, DeadlineExceeded, EngineDown, NotFound, OrchestraError, Refused, StoreError
from orchestra.lifecycle import Seen, Step
from orchestra.model import Intent, Role, SandboxKind, Session, Sign
from orchestra.protocol import Progress

if TYPE_CHECKING:
    from orchestra.project import Project

Perform: TypeAlias = "Callable[[Project, Session, Progress], None]"

_NAMED = 5
STOP_GRACE = 10.0
"""Seconds that an agent has to end before it is killed."""


def observe(project: Project, session: Session) -> Seen:
    """Observe everything that a session owns."""
    paths = project.session_paths(session)
    server = project.tmux()
    shown = container_spec.window_in(server, project, session) if server else None
    box = container_spec.look(project, session)
    return Seen(
        worktree=session.role is Role.DESIGNER or preserve.has_worktree(project, session),
        private_git=(paths.git / "HEAD").is_file() and paths.pointer.is_file(),
        files=(paths.agent / "launch.sh").is_file() and paths.token.is_file(),
        box=box,
        window=server is None or (shown is not None and not shown.dead),
        outdated=container_spec.is_outdated(project, session, box),
        half_removed=preserve.is_half_removed(project, session),
    )


@contextmanager
def even_unrecorded(session: Session) -> Iterator[None]:
    """Allow a session to be stopped or deleted even if that cannot be recorded, as on a full disk.

    At the end this is recorded or reported.
    """
    try:
        yield
    except StoreError:
        if session.intent is Intent.RUN:
            raise


def _worktree(project: Project, session: Session, progress: Progress) -> None:
    session.worktree.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_worktree(project, session, progress)
    copy_files.copy_extras(project, session, progress)


def _private_git(project: Project, session: Session, _progress: Progress) -> None:
    provision.private_git(project, session)


def _files(project: Project, session: Session, _progress: Progress) -> None:
    provision.write_files(project, session)


def _image(project: Project, session: Session, progress: Progress) -> None:
    _choose_image(project, session, progress, look=False)


def _choose_image(project: Project, session: Session, progress: Progress, *, look: bool) -> Session:
    image = build_image(project, session.agent, progress=progress, look=look)
    return project.store.sessions.update(session.id, image=image)


def _box(project: Project, session: Session, progress: Progress) -> None:
    try:
        _make_box(project, session)
    except NotFound:
        # The image may have been removed since.
        _make_box(project, _choose_image(project, session, progress, look=True))


def _make_box(project: Project, session: Session) -> None:
    # The source of a mount must exist when the container is created, even if it is empty.
    paired_git.prepare(project, session)
    # This raises if a limit, or the setting of the network, cannot be read.
    _ = project.settings
    paired_git.note_covers(project, session)
    project.sandbox(session.sandbox).create(container_spec.box_for(project, session, image=session.image))


def _start(project: Project, session: Session, _progress: Progress) -> None:
    paired_git.cover(project, session)
    project.store.sessions.record_sign(session.name, Sign.LAUNCHED, f"{session.agent} starts")
    project.sandbox(session.sandbox).start(project.box_name(session))


def _window(project: Project, session: Session, _progress: Progress) -> None:
    server = project.tmux()
    target = project.store.workspace.get().tmux_session
    if server is None or not target:
        if session.sandbox is SandboxKind.HOST:
            raise Refused(f"{session.name} runs without a container and needs tmux", hint="type: orchestra up")
        return
    if (stale := container_spec.window_in(server, project, session)) is not None:
        server.windows.close_agent(stale)
    if session.sandbox is SandboxKind.HOST:
        project.store.sessions.record_sign(session.name, Sign.LAUNCHED, f"{session.agent} starts")
    command = project.sandbox(session.sandbox).window_command(container_spec.box_for(project, session))
    source = str(project.paths.source)
    window = server.windows.open_agent(
        target, session.name, command, session=session.name, project=source, cwd=session.worktree
    )
    project.store.sessions.update(session.name, window=window.id)
    # The agent runs, wherever its window is; the service puts it in its place at the next change.
    with suppress(NotFound, CommandFailed, DeadlineExceeded):
        place_windows(project, server)
    # A stop that follows immediately must find it running.
    project.sandbox(session.sandbox).await_launch(project.box_name(session))


def _import(project: Project, session: Session, progress: Progress) -> None:
    refusal = _take_commits(project, session)
    if session.intent is not Intent.DELETE:
        if refusal is not None:
            _report_trouble(
                project,
                session,
                progress,
                f"stopped; its newest commits stay in its private git directory: {refusal.message}",
            )
        return
    if refusal is not None and not session.forced:
        raise unfetched(session, refusal)
    # After one timeout, do not wait for the same again.
    silent = refusal.message if isinstance(refusal, DeadlineExceeded) else ""
    if reason := silent or preserve.keep_git(project, session):
        git_dir = project.session_paths(session).git
        _report_trouble(
            project, session, progress, f"other work in its private git directory stays in {git_dir}: {reason}"
        )
    elif refusal is not None:
        kept = f"kept under {preserve.TRASH}{session.name}/, on no branch"
        _report_trouble(project, session, progress, f"its newest commits are {kept}: {refusal.message}")


def _take_commits(project: Project, session: Session) -> OrchestraError | None:
    """Import a session's commits; return the error if that fails."""
    try:
        with even_unrecorded(session):
            branch_sync.take_commits(project, session)
    except EngineDown:
        raise
    except OrchestraError as error:
        return error
    return None


def _report_trouble(project: Project, session: Session, progress: Progress, text: str) -> None:
    progress(text)
    with even_unrecorded(session):
        project.store.events.log(session.name, "trouble", text)


def require_commits(project: Project, session: Session) -> None:
    """Import a session's commits; raises Refused if that fails, so that the person can decide."""
    try:
        branch_sync.take_commits(project, session)
    except (EngineDown, StoreError):
        raise
    except OrchestraError as error:
        raise unfetched(session, error) from error


def unfetched(session: Session, error: OrchestraError) -> Refused:
    """Return the refusal to delete a session whose commits are only in its private git directory."""
    mend = f"{error.hint}; or " if isinstance(error, Refused) and error.hint else ""
    hint = f"{mend}delete the session, which keeps them elsewhere: orchestra delete {session.name} --force"
    return Refused(error.message, hint=hint)


def _anchor(project: Project, session: Session, progress: Progress) -> None:
    if session.role is not Role.EXECUTOR:
        return
    try:
        ref = preserve.anchor(project, session)
        with even_unrecorded(session):
            project.store.sessions.update(session.id, anchor=ref)
        _keep_files(project, session, ref, progress)
    except (EngineDown, StoreError):
        raise
    except Exception as error:
        if not session.forced:
            raise
        _leave_worktree(project, session, error, progress)


def _keep_files(project: Project, session: Session, ref: str, progress: Progress) -> None:
    if not session.remove_worktree:
        return
    if kept := preserve.keep_files(project, session, ref):
        some = f"{', '.join(kept[:_NAMED])}{' …' if len(kept) > _NAMED else ''}"
        progress(f"ignored files, kept outside git: {some}")


def _leave_worktree(project: Project, session: Session, error: Exception, progress: Progress) -> None:
    """Let a session be deleted although its worktree cannot be anchored: the worktree stays."""
    project.store.sessions.update(session.id, remove_worktree=False)
    known = error_to_report(project, error)
    progress(f"its worktree stays: {known.message}{f'; {known.hint}' if known.hint else ''}")


def _close_window(project: Project, session: Session, _progress: Progress) -> None:
    server = project.tmux()
    window = container_spec.window_of(project, session)
    if server is not None and window is not None:
        server.windows.close_agent(window)
    with even_unrecorded(session):
        project.store.sessions.update(session.name, window=None)


def _stop(project: Project, session: Session, _progress: Progress) -> None:
    # Record this afterwards: reports about the agent's last turn are older, and a full disk must not keep it running.
    project.sandbox(session.sandbox).stop(project.box_name(session), grace=STOP_GRACE)
    preserve.drop_secrets(project, session)
    with even_unrecorded(session):
        project.store.sessions.record_sign(session.name, Sign.STOPPED, "stopped on request")


def _remove_box(project: Project, session: Session, _progress: Progress) -> None:
    project.sandbox(session.sandbox).remove(project.box_name(session))


def _remove_worktree(project: Project, session: Session, _progress: Progress) -> None:
    if session.role is Role.EXECUTOR and session.remove_worktree:
        project.repository.remove_worktree(session.worktree)
        _drop_merged_branch(project, session)


def _drop_merged_branch(project: Project, session: Session) -> None:
    """Remove the branch if another one has all its commits, as ``git branch -d`` does; its anchor stays."""
    repository = project.repository
    branches = repository.branches()
    tip, target = branches.get(session.branch), branches.get(session.base_branch, session.base)
    if tip is not None and repository.is_ancestor(tip, target):
        repository.update_ref(f"refs/heads/{session.branch}", "", tip)
        keep = f"refs/orchestra/base/{session.name}"
        if (held := repository.refs(keep).get(keep)) is not None:
            repository.update_ref(keep, "", held)


def _forget(project: Project, session: Session, _progress: Progress) -> None:
    preserve.drop_secrets(project, session)
    with project.store.together():
        project.store.permissions.end(session.id)
        project.store.queue.end(session.id, "its session was deleted")
        project.store.sessions.update(session.name, token_hash="", deleted_at=project.store.now())


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
