"""Restore what the repository lost of a session when it was cloned again, restored from a backup, or pruned.

A session's work is outside the repository: in its worktree, and in its private git directory.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.actions.session import branch_sync, container_spec
from orchestra.actions.session.follow_branch import follow, follow_renaming
from orchestra.drivers.git import worktree_records
from orchestra.errors import DeadlineExceeded, NotFound, Refused
from orchestra.model import BoxState, Intent, Role, SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.project import Project

IMPORT_WAIT = 2.0
"""Seconds to wait for an import of the session's commits, which takes a few tenths of a second."""


def attach(project: Project, session: Session) -> None:
    """Restore a session's branch, and git's record of its worktree, if the repository lost them.

    A renamed branch is followed. In the worktree, only ``.git`` is changed. Raises Refused, with
    nothing changed, if the repository lacks the commits that the session's work is based on, unless
    it is being deleted by force: then its work stays where it is.
    """
    if session.role is not Role.EXECUTOR:
        return
    try:
        reattach(project, session)
    except Refused as error:
        if session.intent is not Intent.DELETE or not session.forced:
            raise
        project.store.events.log(session.name, "trouble", str(error))
        return
    if session.intent is Intent.DELETE:
        return
    _renew_worktree(project, session)
    _follow(project, session)


def _follow(project: Project, session: Session) -> None:
    """Follow the person's branch, unless an import is running: that does the same, and may hang in its container."""
    with ExitStack() as held:
        try:
            held.enter_context(project.lock(f"{session.name}.git", deadline=IMPORT_WAIT))
        except DeadlineExceeded:
            return
        follow(project, project.store.sessions.update(session.id))


def reattach(project: Project, session: Session) -> Session:
    """Like `attach`, for a session that may be deleted; returns it with its current branch."""
    session, lost = follow_renaming(project, session), is_lost(project, session)
    missing = not project.repository.branch_tip(session.branch) and _was_made(project, session)
    if lost and session.sandbox is SandboxKind.DOCKER:
        _end_box(project, session)
    if lost or missing:
        session = bring_back(project, session)
    if lost:
        project.repository.adopt_worktree(session.worktree, session.branch)
        commits = "1 commit" if session.commits == 1 else f"{session.commits} commits"
        text = f"git had lost its worktree; it is restored, on {session.branch} with {commits}"
        project.store.events.log(session.name, "attached", text)
    return session


def _was_made(project: Project, session: Session) -> bool:
    keep = f"refs/orchestra/base/{session.name}"
    return is_kept_apart(project, session) or bool(project.repository.refs(keep))


def _renew_worktree(project: Project, session: Session) -> None:
    """Stop a container whose worktree is gone, because it would keep working in the removed one."""
    if session.worktree.is_dir() or session.intent is not Intent.RUN:
        return
    moved = worktree_records.checkout_of(project.repository, session.branch)
    if moved is not None and moved.path.is_dir():
        hint = f"git worktree move '{moved.path}' '{session.worktree}'"
        raise Refused(f"the worktree of {session.name} was moved to {moved.path}", hint=hint)
    if session.sandbox is SandboxKind.DOCKER and container_spec.runs(project, session):
        project.sandbox(session.sandbox).stop(project.box_name(session))


def is_lost(project: Project, session: Session) -> bool:
    """Return whether a session's worktree exists and is not empty, but git has no record of it."""
    if not session.worktree.is_dir():
        return False
    try:
        record = project.repository.record(session.worktree)
    except NotFound:
        return _holds_something(session)
    project.repository.point(session.worktree)
    return not (record / "HEAD").is_file()


def _holds_something(session: Session) -> bool:
    try:
        return bool(safe_files.list_directory(session.worktree.parent, session.worktree.name))
    except Refused:
        # More files than are counted, or no longer a directory.
        return True


def what_is_lost(project: Project, session: Session) -> str:
    """Return what the repository lost of a session, and after an arrow what to type; empty if nothing is lost."""
    if session.role is not Role.EXECUTOR or not is_lost(project, session):
        return ""
    if not project.repository.has(session.base):
        error = _lacks_base(project, session)
        return f"{error.message} → {error.hint}"
    return f"git has no record of its worktree {session.worktree} → orchestra up"


def bring_back(project: Project, session: Session) -> Session:
    """Create a session's lost branch again at its newest available commit."""
    repository = project.repository
    known = repository.branches().get(session.branch)
    tip = known or _newest(project, session)
    if not known:
        repository.update_ref(f"refs/heads/{session.branch}", tip, None)
    keep = f"refs/orchestra/base/{session.name}"
    if keep not in repository.refs(keep) and repository.has(session.base):
        repository.update_ref(keep, session.base, None)
    if known and repository.has(session.head):
        return session
    # The branch exists but the last common commit does not: neither side counts as newer.
    head, based = "" if known else tip, repository.has(session.base)
    commits = repository.count(session.base, tip) if based else 0
    return project.store.sessions.update(session.id, head=head, commits=commits)


def _newest(project: Project, session: Session) -> str:
    """Return the session's newest commit that is in the repository or can be fetched from its private git directory."""
    repository = project.repository
    if repository.has(session.head):
        return session.head
    if is_kept_apart(project, session):
        return _from_private(project, session)
    if not repository.has(session.base):
        raise _lacks_base(project, session)
    return session.base


def is_kept_apart(project: Project, session: Session) -> bool:
    """Return whether a session has a private git directory."""
    return session.sandbox is SandboxKind.DOCKER and (project.session_paths(session).git / "HEAD").is_file()


def _from_private(project: Project, session: Session) -> str:
    if not project.repository.has(session.base):
        raise _lacks_base(project, session)
    _end_box(project, session)
    tip = branch_sync.fetch(project, session)
    if tip is None:
        reason = f"its private git directory has no branch {session.branch}"
        raise Refused(f"the commits of {session.name} cannot be imported: {reason}", hint=_apart(project, session))
    return tip


def _end_box(project: Project, session: Session) -> None:
    """Remove a container that still shows the old repository; a new one is created with the current repository."""
    sandbox, name = project.sandbox(session.sandbox), project.box_name(session)
    if container_spec.look(project, session).state is not BoxState.ABSENT:
        sandbox.stop(name)
        sandbox.remove(name)


def _lacks_base(project: Project, session: Session) -> Refused:
    return Refused(
        f"{project.paths.source} lacks the commit {session.base[:12]} that {session.name} was started from:"
        " it was cloned again, or its history was rewritten",
        hint=f"bring that commit back, for example with: git fetch REMOTE {session.base}; {_apart(project, session)}",
    )


def _apart(project: Project, session: Session) -> str:
    """Say where a session's work is if the repository has none of it."""
    private = f" and {project.session_paths(session).git}" if is_kept_apart(project, session) else ""
    return f"its work is in {session.worktree}{private}"
