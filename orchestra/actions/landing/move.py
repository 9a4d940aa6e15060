"""Move a branch to a merged commit, with the person's checkouts of it, and finish that after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from orchestra.actions.landing import tryout
from orchestra.actions.landing.send_back import tell
from orchestra.actions.session.branch_sync import import_commits
from orchestra.drivers.git import update_branch
from orchestra.drivers.git.update_branch import named
from orchestra.errors import Moved, Refused
from orchestra.model import Entry, EntryState, Landing

if TYPE_CHECKING:
    from pathlib import Path

    from orchestra.drivers.git.repository import Repository
    from orchestra.project import Project

LOCK = "merge"
"""The lock of whoever moves a branch."""


def _always() -> bool:
    return True


def land(
    project: Project, entries: Sequence[Entry], commit: str, old: str, *, wanted: Callable[[], bool] = _always
) -> str:  # fmt: skip
    """Move the target of ``entries`` from ``old`` to ``commit``; returns what the person should know, often nothing.

    Raises Moved if the branch is elsewhere by now or the entries are no longer ``wanted``, and Refused if changes of
    the person's are in the way; nothing is changed then.
    """
    landing = Landing(entries[0].session, entries[0].target, commit, old)
    marks = {"commit_id": commit, "before_id": old}
    return _move(project, landing, entries, update_branch.land, marks, wanted=wanted)


def revert(project: Project, entries: Sequence[Entry], commit: str, old: str) -> str:
    """Move the target from ``old`` to ``commit``, which reverts ``entries``; returns and raises as `land` does."""
    landing = Landing(entries[0].session, entries[0].target, commit, old)
    return _move(project, landing, entries, update_branch.land, {"undo_id": commit})


def take_back(project: Project, entries: Sequence[Entry]) -> str:
    """Move the target back to where it was before ``entries`` landed; returns and raises as `land` does."""
    first = entries[0]
    landing = Landing(first.session, first.target, first.before, first.commit)
    return _move(project, landing, entries, update_branch.take_back, {"undo_id": first.before})


class _Mover(Protocol):
    def __call__(self, repo: Repository, branch: str, new: str, old: str, *, ours: Path) -> update_branch.Landed: ...


def _move(
    project: Project, landing: Landing, entries: Sequence[Entry], mover: _Mover, marks: Mapping[str, str],
    *, wanted: Callable[[], bool] = _always,
) -> str:  # fmt: skip
    """Move a branch; ``marks`` are columns of the entries by which a crash's recovery knows them again."""
    with project.lock(LOCK):
        _finish(project)
        tryout.end_before_landing(project, landing.branch)
        with project.store.together():
            if not wanted():
                raise Moved(f"what was to land on {landing.branch} has changed", hint="wait")
            _record(project, entries, landing, marks)
        try:
            moved = mover(project.repository, landing.branch, landing.new, landing.old, ours=project.paths.worktrees)
        except (Moved, Refused):
            _record(project, entries, None, dict.fromkeys(marks, ""))
            raise
        _moved(project, landing)
    return _left_behind(moved.kept, landing.branch, landing.new) if moved.kept else ""


def finish_landings(project: Project) -> None:
    """Finish a landing that a crash interrupted after the branch had moved and before its checkout was updated.

    Raises Refused, once, if the person has since changed or committed something that undoes what
    landed.
    """
    if project.store.workspace.get().landing is not None:
        with project.lock(LOCK):
            _finish(project)


def _record(
    project: Project, entries: Sequence[Entry], landing: Landing | None, marks: Mapping[str, str]
) -> None:  # fmt: skip
    with project.store.together():
        project.store.workspace.update(landing=landing)
        for entry in entries:
            project.store.queue.update(entry.id, **marks)


def _moved(project: Project, landing: Landing) -> None:
    """Record that a branch has moved, forwards or back."""
    if back := project.store.queue.undone_by(landing.branch, landing.new):
        _taken_from(project, back, landing)
    else:
        _brought(project, landing.session, landing.branch, landing.new)
    if (designer := project.store.sessions.find("main")) is not None and designer.branch == landing.branch:
        import_commits(project, designer)


def _taken_from(project: Project, entries: Sequence[Entry], landing: Landing) -> None:
    with project.store.together():
        project.store.workspace.update(landing=None)
        for entry in entries:
            project.store.queue.update(entry.id, state=EntryState.UNDONE)
            project.store.events.log(entry.session, "undone", f"{landing.branch} is at {landing.new[:12]}")
            tell(project, entry, f"The person took back the merge of {entry.session} into {landing.branch}.")


def _brought(project: Project, first: str, target: str, commit: str) -> None:
    """Record a landing; a session that has no entry was merged by a version without a queue."""
    entries = [entry for entry in project.store.queue.waiting(target) if entry.commit == commit]
    names = [entry.session for entry in entries] or [first]
    with project.store.together():
        project.store.workspace.update(landing=None)
        for entry in entries:
            project.store.queue.update(entry.id, state=EntryState.LANDED, reason="", error="")
            tell(project, entry, f"{entry.session} is merged into {target} as {commit[:12]}.")
        for name in names:
            project.store.events.log(name, "merged", f"into {target} as {commit[:12]}")
            if (merged := project.store.sessions.find(name)) is not None:
                project.store.notes.note_reviewed(merged.id)


def _finish(project: Project) -> None:
    begun = project.store.workspace.get().landing
    if begun is None:
        return
    branch, new = begun.branch, begun.new
    landed = update_branch.finish_landing(project.repository, branch, new, begun.old, ours=project.paths.worktrees)
    if not landed.done:
        queue = project.store.queue
        waiting = [entry for entry in queue.waiting(branch) if entry.commit == new]
        _record(project, waiting, None, {"commit_id": "", "before_id": ""})
        _record(project, queue.undone_by(branch, new), None, {"undo_id": ""})
        return
    _moved(project, begun)
    if landed.kept or landed.undone:
        text = _left_behind(landed.kept, branch, new) if landed.kept else _taken_back(landed.undone, branch, new)
        project.store.events.log(begun.session, "trouble", text)
        raise Refused(text, hint=f"to get them as merged: git checkout {new[:12]} -- PATH")


def _left_behind(paths: Sequence[str], branch: str, commit: str) -> str:
    return (
        f"{branch} is at {commit[:12]}, but these files have changes of yours and are left as they are: {named(paths)}"
    )


def _taken_back(paths: Sequence[str], branch: str, commit: str) -> str:
    return f"a later commit on {branch} undoes what {commit[:12]} had merged: {named(paths)}"
