"""Take back the last landing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestra.actions.landing import checks, move, ready
from orchestra.drivers.git import merge_trees
from orchestra.drivers.git.update_branch import named
from orchestra.errors import NotFound, Refused
from orchestra.model import Check, Entry
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

_ALL = 1000
_ELSEWHERE = ("refs/heads/", "refs/remotes/", "refs/tags/", "refs/orchestra/base/", "refs/orchestra/sessions/")
"""Where somebody may have built on a landing."""
_OWN = ("orchestra/base", "orchestra/sessions")
"""What Orchestra keeps of a session itself."""


def undo(project: Project, name: str = "", *, check: str | None = None, progress: Progress = ignore) -> dict[str, Any]:
    """Take back the last landing, or the last one of session ``name``; the session's branch keeps its work.

    Where nobody has built on it, the branch moves back; else a commit reverts it, after the checks have passed on the
    result. Raises NotFound without a landing, Refused if later changes need what landed, CheckFailed, and Refused if
    changes of the person's are in the way; nothing is changed then.
    """
    move.finish_landings(project)
    entries = _last(project, name)
    entry = entries[0]
    tip = project.repository.branches().get(entry.target, "")
    if not tip or not project.repository.is_ancestor(entry.commit, tip):
        raise Refused(
            f"{entry.target} no longer has {entry.commit[:12]}, which landed", hint=f"see: git log {entry.target}"
        )
    if tip == entry.commit and not _built_on(project, entry):
        left = move.take_back(project, entries)
        answer = {"way": "moved", "commit": entry.before}
    else:
        commit, left = _revert(project, entries, tip, check, progress)
        answer = {"way": "reverted", "commit": commit}
    if left:
        progress(left)
    return {"names": [one.session for one in entries], "branch": entry.target, **answer}


def _last(project: Project, name: str) -> list[Entry]:
    """Return the entries of the last landing: more than one if they were checked together."""
    landed = [entry for entry in project.store.queue.landed(_ALL) if name in {"", entry.session}]
    if not landed:
        raise NotFound(
            f"nothing of {name} has landed" if name else "nothing has landed yet", hint="see: orchestra queue"
        )
    return project.store.queue.landed_by(landed[0].target, landed[0].commit, landed[0].before)


def _built_on(project: Project, entry: Entry) -> bool:
    """Return whether another branch, a tag, a session or what was pushed has the landed commit."""
    # The session's own branch has it if it was rebased onto the target, or fast-forwarded.
    own = {f"refs/heads/{entry.target}", *(f"refs/{kind}/{entry.session}" for kind in _OWN)}
    session = project.store.sessions.find(entry.session)
    own |= {f"refs/heads/{session.branch}"} if session else set()
    return bool(set(project.repository.containing(entry.commit, *_ELSEWHERE)) - own)


def _revert(project: Project, entries: list[Entry], tip: str, check: str | None, progress: Progress) -> tuple[str, str]:
    entry = entries[0]
    names = ", ".join(one.session for one in entries)
    merged = merge_trees.without(project.repository, tip, entry.commit, entry.before)
    if merged.conflicts:
        raise Refused(
            f"later commits on {entry.target} change what {names} changed: {named(merged.conflicts)}",
            hint=f"take it back by hand: git revert -m 1 {entry.commit[:12]}",
        )
    subject = project.repository.subject(entry.commit)
    message = f'Revert "{subject}"\n\nThis reverts commit {entry.commit}.'
    commit = merge_trees.squash_commit(project.repository, merged.tree, tip, message)
    _check(project, entry, commit, ready.wanted_checks(project, entry.session, check), progress)
    left = move.revert(project, entries, commit, tip)
    return commit, left


def _check(
    project: Project, entry: Entry, commit: str, wanted: Sequence[Check], progress: Progress
) -> None:  # fmt: skip
    session = project.store.sessions.find(entry.session) or next(iter(project.store.sessions.all()), None)
    if not wanted or session is None:
        return
    progress(f"running the check without {entry.session}: {'; '.join(one.command for one in wanted)}")
    runs = checks.run_all(project, checks.Subject(session, commit, project.repository.tree(commit)), wanted)
    if error := checks.failure_of(runs, entry.session):
        error.hint = f"nothing was taken back; to do it all the same: orchestra undo {entry.session} --check ''"
        raise error
