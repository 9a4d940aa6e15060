"""Follow what the person does to a session's branch and worktree, and report what cannot be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.actions.messaging.messages import send
from orchestra.drivers.git import worktree_records
from orchestra.errors import Refused
from orchestra.model import MessageKind, Role, SandboxKind, Session, State
from orchestra.names import PERSON, SYSTEM

if TYPE_CHECKING:
    from pathlib import Path

    from orchestra.drivers.git.worktree_records import Checkout
    from orchestra.project import Project

_REBASED = " is being rebased"


def follow(project: Project, session: Session) -> Session:
    """Return the session with the current branch of its worktree, and with ``trouble`` if something is wrong.

    A renamed branch is followed. A removed one is created again, because the agent's commits need
    it. Anything else that the worktree has checked out is reported and not followed.
    """
    if session.role is not Role.EXECUTOR or not session.branch:
        return session
    repository = project.repository
    there = worktree_records.checkout_at(repository, session.worktree)
    if not repository.branch_tip(session.branch):
        session = _renamed(project, session, repository.branches(), there)
        if not repository.branch_tip(session.branch):
            _make_again(project, session)
    return _record_trouble(project, session, _wrong(project, session, there))


def follow_renaming(project: Project, session: Session) -> Session:
    """Return the session with the new name of its branch, if it was renamed."""
    repository = project.repository
    if session.role is not Role.EXECUTOR or repository.branch_tip(session.branch):
        return session
    there = worktree_records.checkout_at(repository, session.worktree)
    return _renamed(project, session, repository.branches(), there)


def is_rebased(session: Session) -> bool:
    """Return whether the person is rebasing the session's branch, which must not move until that has ended."""
    return session.trouble.startswith(f"{session.branch}{_REBASED}")


def worktree_path(project: Project, session: Session) -> Path:
    """Return the current path of the session's worktree, which the person may have moved."""
    moved = None if session.worktree.is_dir() else worktree_records.checkout_of(project.repository, session.branch)
    return moved.path if moved is not None else session.worktree


def require_in_place(session: Session) -> None:
    """Raise Refused if a session's worktree does not show its branch."""
    if session.trouble:
        message, _, hint = session.trouble.partition(" → ")
        raise Refused(message, hint=hint)


def private_branch(session: Session) -> str:
    """Return the branch's name in the private git directory: the old name until the renaming is done there too."""
    return session.private_branch or session.branch


def _renamed(project: Project, session: Session, branches: dict[str, str], there: Checkout | None) -> Session:
    repository = project.repository
    others = {other.branch for other in project.store.sessions.all()} | {session.base_branch}
    free = [name for name in branches if name not in others]
    now = worktree_records.renamed_to(repository, session.branch, iter(free))
    if not now and there is not None and there.branch in free and repository.has(session.head):
        holds = repository.is_ancestor(session.head, branches[there.branch])
        now = there.branch if holds else ""
    if not now:
        return session
    project.store.events.log(session.name, "renamed", f"its branch {session.branch} is now called {now}")
    private = private_branch(session) if session.sandbox is SandboxKind.DOCKER else ""
    return project.store.sessions.update(session.id, branch=now, private_branch=private)


def _make_again(project: Project, session: Session) -> None:
    repository = project.repository
    tip = next((commit for commit in (session.head, session.base) if repository.has(commit)), "")
    if not tip or not repository.refs(f"refs/orchestra/base/{session.name}"):
        return
    repository.update_ref(f"refs/heads/{session.branch}", tip, None)
    text = f"{session.branch} was deleted; it was created again at {tip[:12]}, because {session.name} works on it."
    with project.store.together():
        project.store.events.log(session.name, "branch", text)
        _to_person(project, f"{text} To delete both: orchestra delete {session.name} --worktree")


def _wrong(project: Project, session: Session, there: Checkout | None) -> str:
    """Return why the worktree does not show the session's branch, and what to type."""
    worktree, branch = session.worktree, session.branch
    if there is None:
        moved = worktree_records.checkout_of(project.repository, branch)
        if moved is not None:
            return f"its worktree was moved to {moved.path} → git worktree move '{moved.path}' '{worktree}'"
        if session.state is State.STARTING and not worktree.exists():
            # It is still to be made, or a crash interrupted that and `up` makes it.
            return ""
        return f"git has no worktree at {worktree} → orchestra up"
    if there.rebased == branch:
        later = "its new commits are not imported until then"
        return f"{branch}{_REBASED} in {worktree}; {later} → finish or abort that rebase"
    if there.branch != branch:
        shown = f"has {there.branch} checked out" if there.branch else "has no branch checked out"
        return f"its worktree {shown}, not {branch} → git -C '{worktree}' switch '{branch}'"
    return "" if worktree.is_dir() else f"its worktree {worktree} is gone → orchestra up"


def _record_trouble(project: Project, session: Session, trouble: str) -> Session:
    if trouble == session.trouble:
        return session
    with project.store.together():
        if trouble:
            project.store.events.log(session.name, "trouble", trouble)
            _to_person(project, f"{session.name}: {trouble}")
        return project.store.sessions.update(session.id, trouble=trouble)


def _to_person(project: Project, text: str) -> None:
    send(project, sender=SYSTEM, recipient=PERSON, text=text, kind=MessageKind.NOTICE)
