"""List and show sessions; stop, resume, delete and restore them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestra.actions.messaging import permission_requests
from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session import budgets, container_spec, items, preserve
from orchestra.actions.session.settle import RECORDED, Wish, settle
from orchestra.actions.session.steps import require_commits
from orchestra.drivers.git import history
from orchestra.errors import NameTaken, NotFound, Refused, StoreError, UsageError
from orchestra.events import Event
from orchestra.merge_queue import Place, places
from orchestra.model import Intent, ModelSummary, Role, SandboxKind, Session, State
from orchestra.names import PERSON
from orchestra.proof import ItemProof
from orchestra.protocol import Progress, ignore, plain
from orchestra.store.forecasts import shown

if TYPE_CHECKING:
    from orchestra.drivers.git.anchors import Anchor
    from orchestra.project import Project

_POLL = 0.1
_NAMED = 5
_NOTHING_KEPT = {"anchor": "", "git_anchor": ""}
_AS_NEW: dict[str, Any] = {"forced": False, "remove_worktree": False, "restoring": False, "git_anchor": ""}


def row(
    session: Session,
    unread: int,
    wants: Mapping[str, Any] | None = None,
    said: ModelSummary | None = None,
    place: Place | None = None,
    *,
    proofs: tuple[ItemProof, ...] = (),
) -> dict[str, Any]:
    """Return a session as the stable data that scripts see.

    ``wants`` is its oldest open permission request, ``said`` what a model says of it, ``place`` where it is in the
    queue of a branch, ``proofs`` the items of its spec.
    """
    names = (
        "name", "role", "state", "state_since", "evidence", "agent", "sandbox", "branch", "base", "worktree",
        "window", "parent",
    )  # fmt: skip
    return {
        **{name: plain(getattr(session, name)) for name in names},
        "group": session.group_name or None,
        "unread": unread,
        "commits": session.commits,
        "trouble": session.trouble,
        "diff": plain(session.diff),
        "counting": session.counting or None,
        "tried": session.tried or None,
        "summary": session.summary,
        "model_summary": plain(said),
        "wants": wants,
        "queue": plain(place),
        "proof": items.counted(proofs),
        "stuck": session.stuck or None,
        "usage": usage_of(session),
    }


def usage_of(session: Session) -> dict[str, Any]:
    """Return what a session has used and how full its context is; None where its agent does not tell."""
    names = ("cost", "tokens_in", "tokens_out", "context", "limited_until")
    return {**{name: plain(getattr(session, name)) for name in names}, "model": session.used_model}


def list_sessions(project: Project) -> list[dict[str, Any]]:
    """Return every session, the designer first."""
    unread, wants = project.store.messages.unread_counts(), permission_requests.wants(project)
    said, waiting = project.store.summaries.all(), places(project.store.queue.open())
    expected = project.store.forecasts.all()
    return [
        row(
            session,
            unread.get(session.name, 0),
            wants.get(session.name),
            said.get(session.id),
            waiting.get(session.id),
            proofs=items.shown_items(project.store, session),
        )
        | {"conflicts": shown(expected.get(session.name, ()))}
        for session in project.store.sessions.all()
    ]


def show(project: Project, name: str) -> dict[str, Any]:
    """Return one session with its task, paths, commits, messages and last events; raises NotFound."""
    session = project.store.sessions.get(name)
    paths = project.session_paths(session)
    head = session.head or session.base
    from_here = project.store.messages.select(sender=name, limit=20)
    to_here = project.store.messages.select(recipient=name, limit=20)
    proofs = items.shown_items(project.store, session)
    return {
        **row(
            session,
            project.store.messages.unread_counts().get(name, 0),
            permission_requests.wants(project).get(name),
            project.store.summaries.of(session.id),
            places(project.store.queue.open()).get(session.id),
            proofs=proofs,
        ),
        "conflicts": shown(project.store.forecasts.all().get(name, ())),
        "items": items.listed(proofs),
        "permissions": plain(project.store.permissions.open_of(session.id)),
        "title": session.title,
        "base_branch": session.base_branch,
        "head": head,
        "intent": plain(session.intent),
        "paired": session.paired,
        "created_at": plain(session.created_at),
        "spec": str(paths.spec),
        "container": project.box_name(session) if session.sandbox is SandboxKind.DOCKER else None,
        "log": plain(history.commits(project.repository, session.base, head)),
        "messages": plain(sorted([*from_here, *to_here], key=lambda message: message.id)),
        "events": [_short(event) for event in project.store.events.select(name, limit=20)],
    }


def _short(event: Event) -> dict[str, Any]:
    """Return an event without what only the account needs: a model pays for each word."""
    return {key: value for key, value in plain(event).items() if key not in {"state", "call"}}


def stop(project: Project, name: str, *, progress: Progress = ignore) -> Session:
    """Stop a session's agent; its conversation, worktree and branch stay.

    Raises StoreError if it was stopped but this cannot be recorded.
    """
    wish = _record(project, name, {"intent": Intent.STOP})
    stopped = settle(project, name, wish=wish, progress=progress)
    if wish:
        _record_late(project, name, wish, f"{name} is stopped", f"orchestra stop {name}")
    return stopped


def resume(project: Project, name: str, *, over_budget: bool = False, progress: Progress = ignore) -> Session:
    """Start a stopped session again, in the same conversation.

    Raises OverBudget for a session that has used its budget; with ``over_budget`` it may use as
    much again.
    """
    if over_budget:
        budgets.allow_more(project, name)
    budgets.require_within(project, project.store.sessions.get(name))
    project.store.sessions.update(name, intent=Intent.RUN)
    return settle(project, name, progress=progress)


def _record(project: Project, name: str, wish: Wish) -> Wish:
    """Record the intent of a session; return what could not be recorded, as on a full disk."""
    project.store.sessions.get(name)
    try:
        project.store.sessions.update(name, **wish)
    except StoreError:
        return wish
    return RECORDED


def _record_late(project: Project, name: str, wish: Wish, done: str, again: str) -> None:
    try:
        project.store.sessions.update(name, **wish)
    except StoreError as error:
        raise StoreError(f"{done}, but this cannot be recorded: {error.message}", hint=_later(again)) from error


def _later(again: str) -> str:
    return f"free some space, then type: {again}"


def delete(
    project: Project,
    name: str,
    *,
    force: bool = False,
    remove_worktree: bool = False,
    progress: Progress = ignore,
    notebook: Notebook = BLANK,
) -> dict[str, Any]:
    """Delete a session after anchoring all its work; its worktree stays unless ``remove_worktree`` is set.

    Raises Refused for the designer and, without ``force``, for a session that works, has unanswered
    questions, or whose newest commits cannot be imported; StoreError if it was done but cannot be
    recorded. `restore` brings a deleted session back. The result says what exists afterwards.
    """
    if (gone := _gone(project, notebook)) is not None:
        return _deleted(project, gone, True, None)
    session = _deletable(project, name, force=force)
    with suppress(StoreError):
        notebook.note(str(session.id))
    before = session.branch in project.repository.branches(), preserve.anchor_of(project, session)
    asked = {"intent": Intent.DELETE, "forced": force, "remove_worktree": remove_worktree, **_NOTHING_KEPT}
    wish = _record(project, name, asked)
    try:
        settle(project, name, wish=wish, progress=progress)
    except NotFound:
        # The service that was started after the crash has already finished it.
        if _gone(project, notebook) is None:
            raise
    except StoreError as error:
        _take_back(project, session)
        message = f"{name} is stopped, but its deletion cannot be recorded: {error.message}"
        raise StoreError(message, hint=_later(f"orchestra delete {name}")) from error
    except Exception:
        # It was refused or failed, but not interrupted: the next start must not continue it.
        _take_back(project, session)
        raise
    if remove_worktree and os.path.lexists(session.worktree) and not preserve.has_worktree(project, session):
        progress(f"{session.worktree} is no git worktree, and is left unchanged")
    return _deleted(project, session, *before)


def _gone(project: Project, notebook: Notebook) -> Session | None:
    """Return the session that the same request deleted before its answer was lost."""
    session = project.store.sessions.update(int(notebook.before)) if notebook.before else None
    return session if session is not None and session.deleted_at else None


def _deletable(project: Project, name: str, *, force: bool) -> Session:
    session = project.store.sessions.get(name)
    if session.role is Role.DESIGNER:
        raise Refused("the designer cannot be deleted", hint="to close everything: orchestra down --stop")
    if session.state is State.WORKING and not force:
        raise Refused(f"{name} is working", hint=f"wait for it, or: orchestra delete {name} --force")
    children = [session.name for session in project.store.sessions.all() if session.parent == name]
    if children:
        raise Refused(f"{name} has sessions of its own: {', '.join(children)}", hint="delete them first")
    if not force and container_spec.runs(project, session):
        # Checked while it runs, so that a refusal stops nobody; later commits are imported once it has stopped.
        require_commits(project, session)
    return session


def _take_back(project: Project, before: Session) -> None:
    now = project.store.sessions.find(before.name)
    if now is None:
        return
    intent = Intent.STOP if now.state is State.STOPPED else before.intent
    with suppress(StoreError):
        project.store.sessions.update(now.id, intent=intent)


def _deleted(project: Project, session: Session, had_branch: bool, last: Anchor | None) -> dict[str, Any]:  # noqa: FBT001 -- as it was seen before
    kept = session.branch in project.repository.branches()
    anchor = preserve.anchor_of(project, project.store.sessions.deleted(session.name) or session)
    return {
        "name": session.name,
        "branch": session.branch if kept else None,
        "worktree": str(session.worktree) if os.path.lexists(session.worktree) else None,
        "anchor": anchor.ref if anchor is not None and anchor != last else None,
        "merged_branch_removed": had_branch and not kept,
    }


def restore(project: Project, name: str, *, progress: Progress = ignore) -> Session:
    """Restore the last deleted session with that name: worktree, branch, uncommitted work, conversation.

    After a crash at any point the next call does the rest; for a restored session it does nothing.
    Raises NotFound if there is none, NameTaken if another session has the name now.
    """
    with project.lock(name):
        _bring_back(project, name)
    return settle(project, name, progress=progress)


def unfinished_restorations(project: Project) -> list[str]:
    """Return the names of deleted sessions whose worktrees were being put back when that was cut off."""
    ever = project.store.sessions.all(include_deleted=True)
    begun = [session for session in ever if session.deleted_at is not None and session.restoring]
    return [session.name for session in begun if _is_last(project, session)]


def _is_last(project: Project, session: Session) -> bool:
    last = project.store.sessions.deleted(session.name)
    return project.store.sessions.find(session.name) is None and last is not None and last.id == session.id


def _names_of_deleted(project: Project) -> str:
    """Return the names of the sessions that were deleted last."""
    ever = [session for session in project.store.sessions.all(include_deleted=True) if session.deleted_at]
    names = dict.fromkeys(
        session.name for session in sorted(ever, key=lambda session: str(session.deleted_at), reverse=True)
    )
    return f"deleted sessions: {', '.join(list(names)[:_NAMED])}" if names else "no session of this project was deleted"


def _bring_back(project: Project, name: str) -> None:
    gone, live = project.store.sessions.deleted(name), project.store.sessions.find(name)
    if live is not None and (live.anchor or live.git_anchor):
        return
    if live is not None:
        raise NameTaken(f"there already is a session {name!r}", hint=f"look at it: orchestra show {name}")
    if gone is None:
        raise NotFound(f"no deleted session is called {name!r}", hint=_names_of_deleted(project))
    preserve.put_back(project, gone)
    # This comes last: a session counts as restored when everything is back.
    project.store.sessions.update(gone.id, deleted_at=None, intent=budgets.intent_of(project, gone), **_AS_NEW)
    preserve.drop_kept_files(project, gone)


def wait(
    project: Project,
    name: str,
    states: list[str],
    *,
    timeout: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Session | None:
    """Wait until a session is in one of the states; returns None after ``timeout`` seconds."""
    wanted = {_state(text) for text in states}
    end = None if timeout is None else clock() + timeout
    seen = -1
    while True:
        version = project.store.data_version()
        if version != seen:
            session = project.store.sessions.get(name)
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


def mark_reviewed(project: Project, name: str) -> None:
    """Record that the person has seen a session's result, so that it no longer waits for them."""
    project.store.notes.note_reviewed(project.store.sessions.get(name).id)


def log(project: Project, name: str, *, limit: int = 200) -> list[dict[str, Any]]:
    """Return a session's events, oldest first."""
    if name != PERSON:
        project.store.sessions.get(name)
    return [plain(event) for event in project.store.events.select(name, limit=limit)]
