"""Send work that cannot be landed back to its author, with what it needs to mend it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestra.actions.messaging.messages import send
from orchestra.actions.session.branch_sync import show_branch
from orchestra.actions.work.checks import FAILED
from orchestra.drivers.git import merge_trees
from orchestra.errors import CheckFailed, MergeConflict, OrchestraError
from orchestra.model import CheckRun, Entry, EntryState, MessageKind, Session
from orchestra.names import PERSON, SYSTEM
from orchestra.protocol import encode_error

if TYPE_CHECKING:
    from orchestra.project import Project

_MOST = 12_000
"""The most characters of a log or of hunks that are sent; the rest of a log is before it."""
_THEN = "Commit, and report COMPLETE again: the branch is then queued by itself."


def conflict(project: Project, entry: Entry, session: Session, head: str, error: MergeConflict) -> None:
    """Return an entry whose branch conflicts with its target, and send the author the hunks."""
    tip = project.repository.resolve(f"refs/heads/{entry.target}")
    show_branch(project, session, entry.target, tip)
    paths = "\n".join(f"- {path}" for path in error.paths)
    names = {tip: f"host/{entry.target}", head: session.branch}
    hunks = merge_trees.conflict_hunks(project.repository, merge_trees.preview(project.repository, tip, head), names)
    text = (
        f"Your branch cannot be merged into {entry.target}. Both change:\n{paths}\n"
        f"Rebase onto host/{entry.target}, resolve, and run the tests. {_THEN}\n\n{hunks[:_MOST]}"
    )
    told = MergeConflict(error.message, paths=error.paths, hint=_told(session, entry))
    _return(project, entry, session, text, told, ("conflict", ", ".join(error.paths)))


def red(project: Project, entry: Entry, session: Session, runs: Sequence[CheckRun], error: CheckFailed) -> None:
    """Return an entry whose check, or required proof, failed, and send the author the end of each log."""
    failed = [run for run in runs if not run.passed]
    logs = "\n\n".join(_log(run, _MOST // len(failed)) for run in failed)
    what = error.message.partition(":")[0].capitalize()
    text = f"{what}, your branch merged into {entry.target}. {_THEN}\n\n{logs}"
    _return(project, entry, session, text, error, (FAILED, failed[0].command))


def unfinished(project: Project, entry: Entry, session: Session, error: OrchestraError) -> None:
    """Return an entry whose author reported COMPLETE and left something open."""
    text = f"Your work cannot be merged yet: {error.message}. {_THEN}"
    _return(project, entry, session, text, error, ("returned", error.message))


def withdraw(project: Project, entry: Entry, error: OrchestraError) -> None:
    """Take an entry out of the queue, because of something that its author cannot mend, and record why."""
    with project.store.together():
        project.store.queue.update(
            entry.id, state=EntryState.WITHDRAWN, reason=error.message, error=json.dumps(encode_error(error))
        )
        project.store.events.log(entry.session, "withdrawn", error.message)
        tell(project, entry, f"{entry.session} was not merged into {entry.target}: {error}")


def tell(project: Project, entry: Entry, text: str) -> None:
    """Tell the session that asked for a landing how it ended; the person sees it in the queue and its events."""
    if entry.asked_by != PERSON and project.store.sessions.find(entry.asked_by) is not None:
        send(project, sender=SYSTEM, recipient=entry.asked_by, text=text, kind=MessageKind.NOTICE)


def _return(  # noqa: PLR0917 -- what is told, and to whom
    project: Project, entry: Entry, session: Session, text: str, error: OrchestraError, event: tuple[str, str]
) -> None:
    with project.store.together():
        project.store.queue.update(
            entry.id, state=EntryState.RETURNED, reason=error.message, error=json.dumps(encode_error(error)), head=""
        )
        send(project, sender=SYSTEM, recipient=session.name, text=text, kind=MessageKind.NOTICE)
        project.store.events.log(session.name, *event)
        tell(project, entry, f"{session.name} was sent back: {error.message}")


def _log(run: CheckRun, most: int) -> str:
    return f"`{run.command}` ({run.ending}):\n{run.output[-most:]}"


def _told(session: Session, entry: Entry) -> str:
    return f"{session.name} has been told; {entry.target} is unchanged"
