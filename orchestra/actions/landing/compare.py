"""Show several sessions side by side: what each did, whether its merge passes the checks, and how alike they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestra.actions.landing import proofs, prove
from orchestra.actions.landing.trial import Trial, checked, tried
from orchestra.actions.session import group, items
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.work.accounts import Accounts
from orchestra.actions.work.review import require_executor
from orchestra.drivers.git import merge_trees, tree_diff, worktree_diff
from orchestra.errors import NotFound, OrchestraError, Refused, UsageError
from orchestra.likeness import ChangedLines, alike, shared
from orchestra.merge_queue import places
from orchestra.model import Session, State
from orchestra.protocol import Progress, ignore, plain

if TYPE_CHECKING:
    from orchestra.project import Project


@dataclass(slots=True)
class _Side:
    """One of the sessions that are compared, with its present files as a tree."""

    session: Session
    tree: str
    trial: Trial
    files: list[str] = field(default_factory=list)
    lines: Counter[bytes] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def compare(
    project: Project, names: Sequence[str] = (), *, checks: bool = True, progress: Progress = ignore
) -> dict[str, Any]:
    """Return several sessions side by side: of a group, by its name or that of one in it, or those that are named.

    With ``checks``, those that have not run yet on a session's merge with its target run now, in fresh boxes, and so do
    the commands that show the items of its spec; nothing lands. Raises NotFound, and Refused for fewer than two
    sessions.
    """
    sessions = chosen(project, names)
    with ThreadPoolExecutor(project.settings.checks_at_once or os.cpu_count() or 1) as pool:
        sides = list(pool.map(lambda session: _side(project, session), sessions))
        rows = list(pool.map(lambda side: _row(project, side, progress, run=checks), sides))
    groups = {side.session.group_name for side in sides}
    likeness = alike({side.session.name: side.lines for side in sides})
    return {
        "group": (groups.pop() if len(groups) == 1 else "") or None,
        "sessions": rows,
        "files": [{"path": path, "names": list(by)} for path, by in shared(_files(sides))],
        "alike": [{"names": list(one.names), "share": round(one.share, 3)} for one in likeness],
        "bases": len({side.session.base for side in sides}),
    }


def chosen(project: Project, names: Sequence[str]) -> list[Session]:
    """Return the sessions that are meant by names; raises NotFound, and Refused for fewer than two."""
    wanted = list(dict.fromkeys(names))
    if len(wanted) > 1:
        found = [project.store.sessions.get(name) for name in wanted]
        for session in found:
            require_executor(session)
        return found
    found = _group(project, wanted[0] if wanted else "")
    if len(found) < 2:  # noqa: PLR2004 -- with one there is nothing to compare
        raise Refused(f"{found[0].name} is the only one of its group", hint="name two: orchestra compare NAME NAME")
    return found


def _group(project: Project, name: str) -> list[Session]:
    if not name:
        return group.members(project, _only_group(project))
    session = project.store.sessions.find(name)
    if session is not None and session.group_name:
        return group.members(project, session.group_name)
    try:
        return group.members(project, name)
    except NotFound:
        if session is None:
            raise
        raise Refused(f"{name} is in no group", hint=f"name another one too: orchestra compare {name} NAME") from None


def _only_group(project: Project) -> str:
    groups = sorted({session.group_name for session in project.store.sessions.all() if session.group_name})
    if len(groups) > 1:
        raise UsageError("there are several groups", hint=f"name one: {', '.join(groups)}")
    if not groups:
        raise NotFound(
            "there is no group to compare", hint="name two sessions; or make a group: orchestra new TITLE --copies 3"
        )
    return groups[0]


def _files(sides: Sequence[_Side]) -> dict[str, list[str]]:
    return {side.session.name: side.files for side in sides}


def _side(project: Project, session: Session) -> _Side:
    with suppress(OrchestraError):
        # What was imported before can be compared all the same.
        import_commits(project, session)
    session, repository = project.store.sessions.get(session.name), project.repository
    notes: list[str] = []
    try:
        tree = worktree_diff.tree(repository, session.worktree)
    except OrchestraError as error:
        tree = repository.tree(session.head or session.base)
        notes.append(f"without what is not committed: {error.message}")
    side = _Side(session, tree, tried(project, session), notes=notes)
    files, _ = tree_diff.changed_files(repository.git(), session.base, tree)
    side.files = [file.path for file in files]
    counted = ChangedLines(side.lines)
    tree_diff.whole_patch(repository.git(), session.base, tree, counted.take)
    return side


def _row(project: Project, side: _Side, progress: Progress, *, run: bool) -> dict[str, Any]:
    session, store = side.session, project.store
    runs, note = checked(project, session, side.trial, progress, run=run)
    if run and side.trial.tree and not note:
        _prove(project, side, progress)
    place = places(store.queue.open()).get(session.id)
    times = Accounts(store).of(session).so_far.times
    return {
        "name": session.name,
        "agent": session.agent,
        "model": session.model or session.used_model,
        "state": session.state.value,
        "branch": session.branch,
        "target": side.trial.target or None,
        "queue": plain(place),
        "commits": session.commits,
        "diff": plain(_stat(project, side)),
        "uncommitted": side.tree != project.repository.tree(session.head or session.base),
        "conflicts": list(side.trial.conflicts),
        "proof": items.counted(items.shown_items(store, session)),
        "checks": [{**plain(one), "passed": one.passed} for one in runs],
        "unchecked": note or None,
        "seconds_working": times.get(State.WORKING, 0.0),
        "cost": session.cost,
        "tokens_in": session.tokens_in,
        "tokens_out": session.tokens_out,
        "notes": side.notes,
    }


def _prove(project: Project, side: _Side, progress: Progress) -> None:
    """Run the commands that show the items of a session's spec, unless all have run on these files."""
    wanted, trial = proofs.wanted(project, side.session), side.trial
    if all(claim.run is not None and claim.run.tree == trial.tree for claim in wanted.claims):
        return
    progress(f"running what shows items of its spec on the merge of {side.session.name}")
    commit = merge_trees.trial_commit(project.repository, trial.tree, (trial.tip, side.session.head))
    prove.run(project, wanted, commit, trial.tree)


def _stat(project: Project, side: _Side) -> dict[str, int]:
    counts = tree_diff.line_counts(project.repository.git(), side.session.base, side.tree)
    return {
        "files": len(side.files),
        "insertions": sum(one.insertions for one in counts.values()),
        "deletions": sum(one.deletions for one in counts.values()),
    }
