"""Look at the queue, take entries out, and change their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestra.actions.landing import order
from orchestra.errors import NotFound, Refused
from orchestra.merge_queue import WAITING
from orchestra.model import Entry, EntryState
from orchestra.protocol import plain
from orchestra.store.forecasts import shown

if TYPE_CHECKING:
    from orchestra.project import Project

_LANDED = 10


def queue(project: Project, *, landed: int = _LANDED) -> dict[str, Any]:
    """Return the open entries by target and place, and the ``landed`` newest ones that landed, with their checks.

    ``orders`` are orders in which fewer would conflict than in the present one.
    """
    store, known = project.store.queue, project.store.forecasts.all()
    waiting = [
        {**row, "conflicts": shown(known.get(row["session"], ()))} for row in _with_checks(project, store.open())
    ]
    return {
        "open": waiting,
        "landed": _with_checks(project, store.landed(landed)),
        "orders": plain(order.of_queue(project)),
    }


def withdraw(project: Project, name: str) -> Entry:
    """Take a session out of the queue; what is being checked for it does not land. Raises NotFound or Refused."""
    with project.store.together():
        entry = _open_entry(project, name)
        if entry.commit:
            raise Refused(
                f"{name} is landing at this moment", hint=f"to take it back afterwards: orchestra undo {name}"
            )
        project.store.events.log(name, "withdrawn", "by you")
        return project.store.queue.update(entry.id, state=EntryState.WITHDRAWN, reason="withdrawn by you")


def move_up(project: Project, name: str) -> Entry:
    """Put a session at the head of its queue. Raises NotFound or Refused."""
    with project.store.together():
        entry = _open_entry(project, name)
        if entry.state not in WAITING:
            raise Refused(f"{name} does not wait for its turn: it is {entry.state}", hint="see: orchestra queue")
        first = min(one.position for one in project.store.queue.waiting(entry.target))
        return project.store.queue.update(entry.id, position=first - 1)


def _open_entry(project: Project, name: str) -> Entry:
    entry = project.store.queue.open_of(project.store.sessions.get(name).id)
    if entry is None:
        raise NotFound(f"{name} is not in a queue", hint=f"to merge it: orchestra merge {name}")
    return entry


def _with_checks(project: Project, entries: list[Entry]) -> list[dict[str, Any]]:
    runs = project.store.queue.checks([entry.id for entry in entries])
    return [{**plain(entry), "checks": [plain(run) for run in runs if run.entry == entry.id]} for entry in entries]
