"""Merge a session's work into a branch through its queue, completely or not at all."""

from __future__ import annotations

import json
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from orchestra.actions.landing import hooks, ready
from orchestra.actions.landing.combine import STRATEGIES
from orchestra.actions.landing.process import lock_of, process
from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session.branch_sync import import_or_refuse
from orchestra.actions.session.choose_sandbox import require_sandbox
from orchestra.actions.work.review import require_executor
from orchestra.errors import DeadlineExceeded, Refused, UsageError
from orchestra.merge_queue import WAITING, places
from orchestra.model import Entry, EntryState, Session
from orchestra.names import PERSON
from orchestra.protocol import Progress, decode_error, ignore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestra.project import Project

SERVED = "queue"
"""The lock of a process that works through all queues, so that nobody else needs to."""
_APPROVAL = "The person has to approve it; you will get a message when it has landed."
_POLL = 0.1
_SAY = 30.0
"""Seconds between two remarks of one who waits, so that a caller knows that it is still there."""


def merge(
    project: Project,
    name: str,
    *,
    into: str = "",
    check: str | None = None,
    strategy: str = "",
    head: str = "",
    wait: bool = True,
    progress: Progress = ignore,
    notebook: Notebook = BLANK,
) -> dict[str, Any]:
    """Queue a session's commits for a branch, by default the one that it was started from, and wait until they landed.

    With ``head``, the commit that the person was shown, no other is merged.
    The result is computed without a checkout, and the checks run on it in fresh boxes. Only then does the branch move,
    by compare-and-swap, and a clean checkout of it is updated. Raises Refused for uncommitted work or an empty branch,
    NeedsConsent, and MergeConflict or CheckFailed after telling the session; the branch is then unchanged.
    """
    if notebook.before:
        entry = project.store.queue.get(int(notebook.before))
    else:
        entry = enter(project, name, into, check, strategy, asked_by=PERSON, head=head, notebook=notebook)
        if unnamed := project.repository.unnamed():
            progress(unnamed)
    return landed(project, wait_for(project, entry, progress)) if wait else queued(project, entry)


def propose(project: Project, name: str, *, asked_by: str, into: str = "", strategy: str = "") -> dict[str, Any]:
    """Queue a session's commits for the designer ``asked_by``; they land once the person or a setting allows it."""
    entry = enter(project, name, into, None, strategy, asked_by=asked_by)
    if entry.state is EntryState.PROPOSED:
        return {**queued(project, entry), "next": _APPROVAL}
    return landed(project, wait_for(project, entry, ignore))


def enter(
    project: Project,
    name: str,
    into: str,
    check: str | None,
    strategy: str,
    *,
    asked_by: str,
    head: str = "",
    instead_of: Sequence[int] = (),
    notebook: Notebook = BLANK,
) -> Entry:
    """Put a session into the queue, after refusing what could not land.

    ``instead_of`` are the ids of the sessions that are deleted once it has landed.
    """
    strategy = strategy or project.settings.merge_strategy
    if strategy not in STRATEGIES:
        raise UsageError(f"there is no merge strategy {strategy!r}", hint=f"choose from: {', '.join(STRATEGIES)}")
    session = project.store.sessions.get(name)
    require_executor(session)
    require_sandbox(session)
    import_or_refuse(project, session)
    ready.wanted_checks(project, name, check)
    if project.settings.landing_hooks and check is None:
        hooks.require_container(session)
    session = ready.finished(project, name)
    target = ready.target_of(project, session, into)
    ready.require_shown(session, head)
    tip = project.repository.resolve(f"refs/heads/{target}")
    ready.require_new(project, session, session.head, target, tip)
    ready.require_own_words(project, session, session.head, tip, strategy)
    ready.require_no_specs(project, session, session.head, tip)
    approved = asked_by == PERSON or project.settings.designer_merges
    with project.store.together():
        _require_not_landing(project, session)
        entry = project.store.queue.add(
            session.id,
            target=target,
            strategy=strategy,
            check=check,
            state=EntryState.QUEUED if approved else EntryState.PROPOSED,
            asked_by=asked_by,
            head=session.head,
            approved=session.head if approved else "",
            instead_of=instead_of,
        )
        notebook.note(str(entry.id))
        if asked_by == PERSON:
            project.store.notes.note_reviewed(session.id)
    return entry


def _require_not_landing(project: Project, session: Session) -> None:
    known = project.store.queue.open_of(session.id)
    if known is not None and known.commit:
        raise Refused(f"{session.name} is landing at this moment", hint="wait a moment, and ask again")


def wait_for(project: Project, entry: Entry, progress: Progress) -> Entry:
    """Wait until an entry has left the queue or was sent back; without a service, work through the queue here."""
    said, why = monotonic(), ""
    while (now := project.store.queue.get(entry.id)).state in WAITING:
        with _working(project, now.target) as works:
            if works:
                process(project, now.target, progress=progress, last=entry.id)
                continue
        if monotonic() - said > _SAY or now.reason != why:
            said, why = monotonic(), now.reason
            progress(_place(project, now))
        sleep(_POLL)
    return now


@contextmanager
def _working(project: Project, target: str) -> Iterator[bool]:
    """Hold the locks of whoever works through a queue, if nobody does."""
    try:
        with project.lock(SERVED, deadline=0.0), project.lock(lock_of(target), deadline=0.0):
            yield True
    except DeadlineExceeded:
        yield False


def _place(project: Project, entry: Entry) -> str:
    ahead = [one.session for one in project.store.queue.waiting(entry.target) if one.position < entry.position]
    why = f": {entry.reason}" if entry.reason else ""
    return f"{entry.session} waits for {entry.target}" + (f", after {', '.join(ahead)}" if ahead else "") + why


def landed(project: Project, entry: Entry) -> dict[str, Any]:
    """Return what a landing did; raises the error of an entry that did not land."""
    if entry.state is not EntryState.LANDED:
        if entry.error:
            raise decode_error(json.loads(entry.error))
        raise Refused(f"{entry.session} was not merged: {entry.reason or entry.state}", hint="see: orchestra queue")
    checks = project.store.queue.checks([entry.id])
    return {
        "name": entry.session,
        "branch": _branch(project, entry),
        "into": entry.target,
        "commit": entry.commit,
        "before": entry.before,
        "checks": [run.name for run in checks if run.tree == project.repository.tree(entry.commit)],
        "proof": entry.proof or None,
    }


def queued(project: Project, entry: Entry) -> dict[str, Any]:
    """Return where an entry is in its queue."""
    place = places(project.store.queue.open()).get(entry.session_id)
    return {
        "name": entry.session,
        "branch": _branch(project, entry),
        "into": entry.target,
        "state": entry.state.value,
        "place": place.number if place else 0,
    }


def _branch(project: Project, entry: Entry) -> str:
    session = project.store.sessions.find(entry.session) or project.store.sessions.deleted(entry.session)
    return session.branch if session else ""
