"""See which sessions will conflict, with each other and with the branches that they are to be merged into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import combinations
from typing import TYPE_CHECKING, Any

from orchestra.actions.landing import order
from orchestra.actions.landing.forecast_sides import Facts, Side, Sides, branches, objects
from orchestra.actions.work import refresh
from orchestra.drivers.git import trial_merges
from orchestra.drivers.git.trial_merges import Trials, Work
from orchestra.errors import DeadlineExceeded, OrchestraError
from orchestra.model import Role, Session
from orchestra.protocol import Progress, ignore, plain
from orchestra.store.forecasts import BRANCH, Clash, shown

if TYPE_CHECKING:
    from orchestra.project import Project

KEPT = "forecast"
"""The lock of a process that keeps the forecast up to date, so that nobody else needs to."""
_Key = tuple[str, str, str]
"""A commit of a branch, and two trees that each contain it and something more."""


class Forecaster:
    """Keeps the forecast of one project, and compares again only what has changed; for one thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._sides = Sides(project)
        self._facts: Facts | None = None
        self._compared: object = None
        self._known: dict[_Key, tuple[str, ...]] = {}

    def bring_up_to_date(self, *, anyway: bool = False) -> bool:
        """Compare what has changed, and return whether anything was compared; raises what git raises.

        If the database says that nothing has, the branches are only looked at with ``anyway``.
        """
        facts = self._sides.read()
        if facts == self._facts and not anyway:
            return False
        tips = branches(self._project, facts.sides)
        compared = (facts.sides, tips)
        changed = compared != self._compared
        if changed:
            self._project.store.forecasts.replace(self._compare(facts.sides, tips))
        self._facts, self._compared = facts, compared
        return changed

    def _compare(self, sides: Sequence[Side], tips: Mapping[str, str]) -> list[Clash]:
        with trial_merges.room(self._project.repository, objects(self._project)) as trials:
            rounds = [
                _Round(trials, tip, [side for side in sides if side.target == target], self._known)
                for target, tip in tips.items()
            ]
            clashes = [clash for one in rounds for clash in one.clashes()]
        self._known = {key: paths for one in rounds for key, paths in one.known.items()}
        return clashes


class _Round:
    """The comparison of all that are to be merged into the same branch.

    Each is merged with the branch first, and the results with each other: so what the branch itself has changed since
    they began is no conflict between them.
    """

    def __init__(self, trials: Trials, tip: str, sides: Sequence[Side], before: Mapping[_Key, tuple[str, ...]]) -> None:
        self._trials, self._tip, self._sides, self._before = trials, tip, sides, before
        self.known: dict[_Key, tuple[str, ...]] = {}

    def clashes(self) -> Iterator[Clash]:
        """Yield what conflicts; without paths if git cannot tell."""
        trees: dict[Side, str] = {}
        branch, *merged = self._trials.onto(self._tip, [Work(self._tip), *(side.work for side in self._sides)])
        for side, one in zip(self._sides, merged, strict=True):
            if one is None or one.conflicts:
                yield Clash.of(side.session, BRANCH, side.target, one.conflicts if one else ())
            if one is not None and (branch is None or one.tree != branch.tree):
                trees[side] = one.tree
        yield from self._between(trees)

    def _between(self, trees: Mapping[Side, str]) -> Iterator[Clash]:
        ordered = sorted(trees, key=lambda side: side.session)
        pairs = [
            (one, other)
            for one, other in combinations(ordered, 2)
            if trees[one] != trees[other] and not one.group == other.group != ""
        ]
        keys = [(self._tip, trees[one], trees[other]) for one, other in pairs]
        self._merge([key for key in dict.fromkeys(keys) if key not in self._before])
        for (one, other), key in zip(pairs, keys, strict=True):
            paths = self.known.get(key, self._before.get(key))
            if paths is not None:
                self.known[key] = paths
            if paths != ():
                yield Clash.of(one.session, other.session, one.target, paths or ())

    def _merge(self, keys: Sequence[_Key]) -> None:
        for key, one in zip(keys, self._trials.between(self._tip, [key[1:] for key in keys]), strict=True):
            if one is not None:
                self.known[key] = one.conflicts


def forecast(project: Project, *, progress: Progress = ignore) -> dict[str, Any]:
    """Return each executor's expected conflicts, and the order of merges in which the fewest conflict.

    A running service keeps this up to date. Without one, all worktrees are looked at now.
    """
    with _alone(project) as nobody_else:
        if nobody_else:
            _look(project, progress)
            Forecaster(project).bring_up_to_date()
    known = project.store.forecasts.all()
    executors = [session for session in project.store.sessions.all() if session.role is Role.EXECUTOR]
    return {
        "sessions": [{"name": one.name, "conflicts": shown(known.get(one.name, ()))} for one in executors],
        "orders": plain(order.of_all(project)),
    }


@contextmanager
def _alone(project: Project) -> Iterator[bool]:
    """Hold the lock of whoever keeps the forecast up to date, if nobody does."""
    with ExitStack() as stack:
        try:
            stack.enter_context(project.lock(KEPT, deadline=0.0))
        except DeadlineExceeded:
            yield False
        else:
            yield True


def _look(project: Project, progress: Progress) -> None:
    for session in project.store.sessions.all():
        if session.role is Role.EXECUTOR:
            _look_at(project, session, progress)


def _look_at(project: Project, session: Session, progress: Progress) -> None:
    try:
        refresh.refresh_diff(project, session)
    except OrchestraError as error:
        progress(f"{session.name} cannot be looked at: {error.message}")


def of_family(project: Project, parent: str) -> dict[str, Any]:
    """Return the forecast of the sessions that belong to ``parent``, among themselves and with their branches."""
    family = {session.name for session in project.store.sessions.all() if session.parent == parent}
    found = forecast(project)
    sessions = [
        {**row, "conflicts": [one for one in row["conflicts"] if one["kind"] == "branch" or one["with"] in family]}
        for row in found["sessions"]
        if row["name"] in family
    ]
    return {"sessions": sessions, "orders": plain(order.of_all(project, family))}
