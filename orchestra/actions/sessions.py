"""Looking at sessions, and their life between creation and deletion."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestra.actions.reconcile import settle
from orchestra.actions.steps import FORCED
from orchestra.errors import NotFound, OrchestraError, Refused, UsageError
from orchestra.model import Intent, Role, SandboxKind, Session, State
from orchestra.names import PERSON
from orchestra.wire import Progress, ignore, plain

if TYPE_CHECKING:
    from orchestra.project import Project

_POLL = 0.1


def row(session: Session, unread: int) -> dict[str, Any]:
    """Return the stable shape in which scripts see a session."""
    names = (
        "name", "role", "state", "state_since", "evidence", "agent", "sandbox", "branch", "base", "worktree",
        "window", "parent",
    )  # fmt: skip
    shown = {name: plain(getattr(session, name)) for name in names}
    return {
        **shown,
        "unread": unread,
        "commits": session.commits,
        "diff": plain(session.diff),
        "summary": session.summary,
    }


def list_sessions(project: Project) -> list[dict[str, Any]]:
    """Return every session, the designer first."""
    unread = project.store.unread_counts()
    return [row(session, unread.get(session.name, 0)) for session in project.store.sessions()]


def show(project: Project, name: str) -> dict[str, Any]:
    """Return one session with its task, paths, commits, messages and last events; raises NotFound."""
    from orchestra.drivers import history  # noqa: PLC0415 -- loads when touched

    session = project.store.session(name)
    place = project.place(session)
    head = session.head or session.base
    from_here = project.store.messages(sender=name, limit=20)
    to_here = project.store.messages(recipient=name, limit=20)
    return {
        **row(session, project.store.unread_counts().get(name, 0)),
        "title": session.title,
        "base_branch": session.base_branch,
        "head": head,
        "intent": plain(session.intent),
        "paired": session.paired,
        "created_at": plain(session.created_at),
        "spec": str(place.spec),
        "container": project.box_name(session) if session.sandbox is SandboxKind.DOCKER else None,
        "log": plain(history.commits(project.repository, session.base, head)),
        "messages": plain(sorted([*from_here, *to_here], key=lambda one: one.id)),
        "events": plain(project.store.events(name, limit=20)),
    }


def stop(project: Project, name: str) -> Session:
    """Stop a session's agent; its conversation, worktree and branch stay."""
    _executor_or_designer(project, name, Intent.STOP)
    return settle(project, name)


def resume(project: Project, name: str, *, progress: Progress = ignore) -> Session:
    """Start a stopped session again, in the same conversation."""
    _executor_or_designer(project, name, Intent.RUN)
    return settle(project, name, progress=progress)


def _executor_or_designer(project: Project, name: str, intent: Intent) -> Session:
    session = project.store.session(name)
    return project.store.update_session(session.name, intent=intent)


def delete(project: Project, name: str, *, force: bool = False, remove_worktree: bool = False) -> dict[str, Any]:
    """Delete a session after anchoring all it holds; its worktree stays unless it is asked to go.

    Raises Refused for the designer, and, without ``force``, for a session at work or with
    questions nobody answered, or whose newest commits cannot be had. What is deleted can be
    brought back with `restore`.
    """
    session = project.store.session(name)
    if session.role is Role.DESIGNER:
        raise Refused("the designer cannot be deleted", hint="close everything with: orchestra down --stop")
    if session.state is State.WORKING and not force:
        raise Refused(f"{name} is at work", hint=f"wait for it, or: orchestra delete {name} --force")
    children = [one.name for one in project.store.sessions() if one.parent == name]
    if children:
        raise Refused(f"{name} has sessions of its own: {', '.join(children)}", hint="delete them first")
    if remove_worktree:
        project.store.set(f"remove-worktree.{session.id}", "yes")
    project.store.set(f"{FORCED}.{session.id}", "yes" if force else "")
    project.store.update_session(name, intent=Intent.DELETE)
    try:
        settle(project, name)
    except OrchestraError:
        # Refused, not cut short: nobody is to go on with it at the next start.
        project.store.update_session(name, intent=session.intent)
        raise
    kept = session.branch in project.repository.branches()
    return {
        "name": name,
        "branch": session.branch if kept else None,
        "worktree": None if remove_worktree else str(session.worktree),
    }


def restore(project: Project, name: str, *, progress: Progress = ignore) -> Session:
    """Bring the last deleted session of that name back: worktree, branch, uncommitted work, conversation.

    Raises NotFound where none was deleted, NameTaken where another session has its name now.
    """
    from orchestra.drivers import anchors  # noqa: PLC0415 -- loads when touched

    gone = project.store.deleted_session(name)
    if gone is None:
        raise NotFound(f"no deleted session is called {name!r}", hint="orchestra list shows those that live")
    session = project.store.revive_session(gone.id)
    project.store.set(f"remove-worktree.{gone.id}", "")
    with project.lock(name):
        repository = project.repository
        lost = not session.worktree.is_dir()
        anchor = anchors.latest(repository, name)
        keep = f"refs/orchestra/base/{name}"
        if session.branch not in repository.branches():
            repository.update_ref(f"refs/heads/{session.branch}", _tip(session, anchor), None)
        if keep not in repository.refs(keep):
            repository.update_ref(keep, session.base, None)
        repository.add_worktree(session.worktree, session.branch, session.base, keep=keep)
        if lost and anchor is not None:
            anchors.put_back(repository, session.worktree, anchor)
    project.store.update_session(name, intent=Intent.RUN)
    return settle(project, name, progress=progress)


def _tip(session: Session, anchor: Any) -> str:  # noqa: ANN401 -- the driver's anchor, or None
    return str(anchor.tip) if anchor is not None else session.head or session.base


def wait(
    project: Project,
    name: str,
    states: list[str],
    *,
    timeout: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Session | None:
    """Wait until a session is in one of the states; None when ``timeout`` seconds pass first."""
    wanted = {_state(text) for text in states}
    end = None if timeout is None else clock() + timeout
    seen = -1
    while True:
        version = project.store.data_version()
        if version != seen:
            session = project.store.session(name)
            if session.state in wanted:
                return session
            seen = version
        if end is not None and clock() >= end:
            return None
        pause(_POLL)


def _state(text: str) -> State:
    try:
        return State(text.strip())
    except ValueError:
        raise UsageError(f"there is no state {text!r}", hint=f"choose from: {', '.join(State)}") from None


def log(project: Project, name: str, *, limit: int = 200) -> list[dict[str, Any]]:
    """Return what happened to a session, the oldest first."""
    if name != PERSON:
        project.store.session(name)
    return [plain(event) for event in project.store.events(name, limit=limit)]
