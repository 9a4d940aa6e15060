"""Propose the order of merges in which the fewest conflict, and put the queue into it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from orchestra import merge_order
from orchestra.merge_queue import WAITING
from orchestra.model import Entry, EntryState, Forecast, Opponent, Role

if TYPE_CHECKING:
    from orchestra.project import Project


@dataclass(frozen=True, slots=True)
class Order:
    """An order of merges into the branch ``into``; ``back`` are those that will conflict in their turn.

    ``back_now`` are those that will in the present order.
    """

    into: str
    order: tuple[str, ...]
    back: tuple[str, ...]
    back_now: tuple[str, ...]


def of_queue(project: Project) -> list[Order]:
    """Return a better order for each branch in whose queue fewer would conflict then."""
    known = project.store.forecasts.all()
    found = (_best(target, entries, known) for target, entries in _waiting(project).items())
    return [order for order in found if len(order.back) < len(order.back_now)]


def of_all(project: Project, only: Collection[str] | None = None) -> list[Order]:
    """Return the best order of all sessions that conflict with another, for each branch, the waiting ones first.

    Those that conflict with the branch are left out, because no order helps them, and with ``only`` all others too.
    """
    known, waiting = project.store.forecasts.all(), _waiting(project)
    rest: dict[str, list[str]] = {target: [entry.session for entry in entries] for target, entries in waiting.items()}
    queued = {name for names in rest.values() for name in names}
    for session in project.store.sessions.all():
        if session.role is Role.EXECUTOR and session.name not in queued:
            rest.setdefault(session.base_branch, []).append(session.name)
    orders = []
    for target, names in rest.items():
        wanted = [
            one
            for one in names
            if known.get(one) and not _conflicts_with_branch(known, one) and (only is None or one in only)
        ]
        if any(_against(known, wanted).values()):
            orders.append(_order(target, wanted, known))
    return orders


def reorder(project: Project) -> list[Order]:
    """Put each queue into the order in which the fewest conflict; returns the orders that were changed."""
    with project.store.together():
        better = of_queue(project)
        for order in better:
            entries = {entry.session: entry for entry in _waiting(project)[order.into]}
            places = sorted(entry.position for entry in entries.values())
            for name, place in zip(order.order, places, strict=True):
                if entries[name].position != place:
                    project.store.queue.update(entries[name].id, position=place)
    return better


def _waiting(project: Project) -> dict[str, list[Entry]]:
    entries = (entry for entry in project.store.queue.open() if entry.state in WAITING)
    return {target: list(group) for target, group in groupby(entries, lambda entry: entry.target)}


def _best(target: str, entries: Sequence[Entry], known: Forecast) -> Order:
    checking = [number for number, entry in enumerate(entries, 1) if entry.state is EntryState.CHECKING]
    return _order(target, [entry.session for entry in entries], known, fixed=max(checking, default=0))


def _order(target: str, names: Sequence[str], known: Forecast, *, fixed: int = 0) -> Order:
    # Whoever conflicts with the branch itself goes back in any order, and stands in nobody's way.
    free = [name for name in names if not _conflicts_with_branch(known, name)]
    lost = [name for name in names if name not in free]
    against = _against(known, free)
    best = merge_order.best_order(free, against, fixed=len([name for name in names[:fixed] if name in free]))
    back, now = ((*merge_order.sent_back(order, against), *lost) for order in (best, free))
    order = [*best, *lost] if len(back) < len(now) else names
    return Order(target, tuple(order), back, now)


def _conflicts_with_branch(known: Forecast, name: str) -> bool:
    return any(one.kind is Opponent.BRANCH and one.paths for one in known.get(name, ()))


def _against(known: Forecast, names: Sequence[str]) -> Mapping[str, set[str]]:
    return {
        name: {one.name for one in known.get(name, ()) if one.kind is Opponent.SESSION and one.paths} & set(names)
        for name in names
    }
