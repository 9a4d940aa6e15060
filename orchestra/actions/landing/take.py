"""Take one of a group: merge it as always and, once it has landed, delete the others.

The ids of the others are in the chosen one's entry of the queue, so that the landing itself is what makes their
deletion due. Whoever comes by afterwards, also after a crash, deletes them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestra.actions.landing.merge import enter, landed, queued, wait_for
from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session import manage
from orchestra.actions.session.group import others
from orchestra.actions.session.many import each
from orchestra.errors import DeadlineExceeded, EngineDown, OrchestraError, Refused, StoreError
from orchestra.model import Entry, EntryState, Session
from orchestra.names import PERSON
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

_LOCK = "take"
"""The lock of whoever deletes the sessions that were not taken."""
PATIENCE = 120.0
"""Seconds to wait for somebody else who is deleting them: an agent has ten to end."""
_PASSING = (EngineDown, DeadlineExceeded, StoreError)


def take(
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
    """Queue a session of a group as `merge` does, and delete the others once it has landed.

    Nothing is deleted before that, and nothing if it is sent back or withdrawn. Raises Refused for a session that is
    alone, and what `merge` raises.
    """
    if notebook.before:
        entry = project.store.queue.get(int(notebook.before))
    else:
        ids = [other.id for other in others_of(project, name)]
        entry = enter(
            project, name, into, check, strategy, asked_by=PERSON, head=head, instead_of=ids, notebook=notebook
        )  # fmt: skip
    if not wait:
        return {**queued(project, entry), "instead_of": _names(project, entry.instead_of)}
    names = _names(project, entry.instead_of)
    done = landed(project, wait_for(project, entry, progress))
    delete_the_others(project, progress=progress, patience=PATIENCE)
    return {**done, "deleted": [other for other in names if project.store.sessions.find(other) is None]}


def others_of(project: Project, name: str) -> list[Session]:
    """Return the other sessions of a session's group; raises Refused if there are none."""
    if found := others(project, project.store.sessions.get(name)):
        return found
    raise Refused(f"{name} is in no group with others", hint=f"to merge it: orchestra merge {name}")


def delete_the_others(project: Project, *, progress: Progress = ignore, patience: float = 0.0) -> None:
    """Delete the sessions instead of which another one has landed; all their work is kept.

    Raises what the engine or the disk raises, and DeadlineExceeded while another process does the same for longer than
    ``patience`` seconds; the rest is then done the next time.
    """
    if not project.store.queue.taken():
        return
    with project.lock(_LOCK, deadline=patience):
        for entry in project.store.queue.taken():
            _delete_for(project, entry, progress)


def _delete_for(project: Project, entry: Entry, progress: Progress) -> None:
    errors = each(entry.instead_of, lambda number: _delete(project, entry, number, progress))
    passing = [error for error in errors if isinstance(error, _PASSING)]
    if passing:
        raise passing[0]


def _delete(project: Project, entry: Entry, number: int, progress: Progress) -> OrchestraError | None:
    session = project.store.sessions.update(number)
    try:
        # Looked at again for each: a landing may be taken back meanwhile.
        if project.store.queue.get(entry.id).state is not EntryState.LANDED:
            return None
        if session.deleted_at is None:
            manage.delete(project, session.name, force=True, progress=progress)
            project.store.events.log(session.name, "not-taken", f"{entry.session} was taken instead")
    except _PASSING as error:
        return error
    except OrchestraError as error:
        # It stays, and is not tried for ever.
        project.store.events.log(session.name, "trouble", f"it was not deleted: {error}")
        progress(f"{session.name} was not deleted: {error}")
    project.store.queue.no_longer_instead_of(entry.id, number)
    return None


def _names(project: Project, numbers: Sequence[int]) -> list[str]:
    return [project.store.sessions.update(number).name for number in numbers]
