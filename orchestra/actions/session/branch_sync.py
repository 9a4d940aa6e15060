"""Keep a session's branch equal in its private git directory and in the project's repository.

``Session.head`` is the last commit that both sides had. If one side moved, the other follows. If
both moved, the host wins; the agent's commits are kept under a ref, and the agent is told.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orchestra.actions.messaging.messages import first_line, send
from orchestra.actions.session import container_spec
from orchestra.actions.session.follow_branch import follow, is_rebased, private_branch, worktree_path
from orchestra.drivers.git import commit_import, private_dir, private_refs
from orchestra.errors import CommandFailed, Moved, Refused, RefusedCommits
from orchestra.model import BoxState, MessageKind, Role, SandboxKind, Session
from orchestra.names import SYSTEM
from orchestra.terminal_text import clean

if TYPE_CHECKING:
    from orchestra.project import Project

_FOLLOW = """
git symbolic-ref HEAD "refs/heads/$1" && git update-ref "refs/heads/$1" "$2" && git reset -q
git ls-files -s | sed -n 's/^160000 [0-9a-f]* 0.//p' | git update-index --assume-unchanged --stdin
"""
_SWITCH = f"""
old=$(git rev-parse -q --verify "refs/heads/$1" || true)
if [ -n "$old" ] && ! git merge-base --is-ancestor "$old" "$2"; then
    git branch -f "kept-$(printf %.8s "$old")" "$old"
fi
{_FOLLOW}
"""
_KEEP = 'git branch -f "$1" HEAD'


def import_commits(project: Project, session: Session) -> bool:
    """Synchronise both sides and return whether they agree; the agent is told about refused commits."""
    try:
        return import_or_refuse(project, session)
    except RefusedCommits:
        return False


def import_or_refuse(project: Project, session: Session) -> bool:
    """Like `import_commits`, but raises RefusedCommits for refused commits."""
    try:
        return take_commits(project, session)
    except RefusedCommits as error:
        _refusal(project, session, error)
        raise RefusedCommits(
            f"the commits of {session.name} were not imported: {error.message}", hint=error.hint
        ) from error


def take_commits(project: Project, session: Session) -> bool:
    """Synchronise both sides and return whether they agree; raises RefusedCommits."""
    with project.lock(f"{session.name}.git"):
        session = _follow_switch(project, follow(project, project.store.sessions.get(session.name)))
        return _agree(project, session)


def _agree(project: Project, session: Session) -> bool:
    if session.sandbox is SandboxKind.HOST or not session.branch:
        return _note(project, session, _host_tip(project, session))
    session = _rename_inside(project, session)
    if _agrees_already(project, session):
        return True
    private = fetch(project, session)
    if private is None or is_rebased(session):
        return False
    host = _host_tip(project, session)
    if private == host:
        return _note(project, session, host)
    if private == session.head:
        return _bring_in(project, session, host)
    if host == session.head:
        return _take_out(project, session, private, host)
    return _host_wins(project, session, private, host)


def _agrees_already(project: Project, session: Session) -> bool:
    """Return whether neither side has moved since they last agreed, so that nothing needs to be fetched."""
    if not session.head or is_rebased(session):
        return False
    private = private_refs.tip(project.session_paths(session).git, private_branch(session))
    return private == session.head and _host_tip(project, session) == session.head


def _host_tip(project: Project, session: Session) -> str:
    return project.repository.branch_tip(session.branch) or session.head


def _follow_switch(project: Project, session: Session) -> Session:
    """Let the designer follow the person to another branch of the checkout they share."""
    if session.role is not Role.DESIGNER:
        return session
    tip, branch = project.repository.head()
    if branch == session.branch:
        return session
    with contextlib.suppress(RefusedCommits):
        # Commits on the branch it leaves are imported first, because coming back overwrites that branch.
        _agree(project, session)
    if _into_box(project, session, _SWITCH, branch or "detached", tip):
        text = f"The person switched the checkout to {branch or tip[:12]}; your git has been updated."
        _notify(project, session, text)
        return project.store.sessions.update(session.name, branch=branch, head=tip, base=tip)
    return session


def fetch(project: Project, session: Session) -> str | None:
    """Fetch the session's branch from its private git directory; None without one. Raises RefusedCommits."""
    box = container_spec.box_for(project, session, image=session.image)
    git, into = project.session_paths(session).git, f"refs/orchestra/sessions/{session.name}"
    try:
        private_dir.refuse_pipes(git)
        command = project.sandbox(session.sandbox).upload_pack(box, str(git))
        return commit_import.fetch(project.repository, upload_pack=command, branch=private_branch(session), into=into)
    except Refused as error:
        raise RefusedCommits(error.message, hint=error.hint) from error


def _refusal(project: Project, session: Session, error: Refused) -> None:
    if project.store.notes.note_refusal(session.id, error.message):
        project.store.events.log(session.name, "refused", str(error))
        _notify(project, session, f"Your commits were not imported: {error}")


def _take_out(project: Project, session: Session, private: str, host: str) -> bool:
    try:
        if session.role is Role.DESIGNER:
            commit_import.follow_designer(project.repository, session.branch, host, private)
        else:
            worktree = worktree_path(project, session)
            commit_import.advance(project.repository, worktree, session.branch, host, private)
    except Moved:
        return False
    return _note(project, session, private)


def _bring_in(project: Project, session: Session, host: str) -> bool:
    if not _into_box(project, session, _FOLLOW, private_branch(session), host):
        return False
    session = _count_anew(project, session, host)
    _notify(project, session, f"{session.branch} is now at {_described(project, host)}; your git has been updated.")
    return _note(project, session, host)


def _described(project: Project, commit: str) -> str:
    return project.repository.git().run("log", "-1", "--format=%h (%s)", commit).text.strip()


def _host_wins(project: Project, session: Session, private: str, host: str) -> bool:
    kept = f"kept-{private[:8]}"
    repository = project.repository
    anchor = f"refs/orchestra/trash/{session.name}/{kept}"
    if anchor not in repository.refs(f"refs/orchestra/trash/{session.name}/"):
        repository.update_ref(anchor, private, None)
    branch = private_branch(session)
    if not (_into_box(project, session, _KEEP, kept) and _into_box(project, session, _FOLLOW, branch, host)):
        return False
    session = _count_anew(project, session, host)
    text = f"You and the person both moved {session.branch}. It has their commits; yours are on {kept}. Rebase them."
    _notify(project, session, text)
    return _note(project, session, host)


def _rename_inside(project: Project, session: Session) -> Session:
    """Rename the branch in the private git directory as the person did, once its container runs."""
    before = private_branch(session)
    if before == session.branch:
        return session
    with contextlib.suppress(CommandFailed):
        if _into_box(project, session, 'git branch -m "$1" "$2"', before, session.branch):
            session = project.store.sessions.update(session.id, private_branch="")
            _notify(
                project,
                session,
                f"The person renamed your branch {before} to {session.branch}; your git has been updated.",
            )
    return session


def _count_anew(project: Project, session: Session, tip: str) -> Session:
    """Count a session's changes from the new merge base after the person has moved its branch."""
    repository = project.repository
    target = repository.branch_tip(session.base_branch)
    base = repository.merge_base(target, tip) if target else ""
    if base in {"", session.base, tip} or not _is_newer(project, session, base, tip):
        return session
    keep = f"refs/orchestra/base/{session.name}"
    repository.update_ref(keep, base, repository.refs(keep).get(keep))
    return project.store.sessions.update(session.id, base=base)


def _is_newer(project: Project, session: Session, base: str, tip: str) -> bool:
    repository = project.repository
    known = repository.has(session.base) and repository.is_ancestor(session.base, tip)
    return not known or repository.is_ancestor(session.base, base)


def show_branch(project: Project, session: Session, branch: str, tip: str) -> None:
    """Show a session the current tip of one of the project's branches, as ``host/<branch>``."""
    _into_box(project, session, 'git update-ref "refs/remotes/host/$1" "$2"', branch, tip)


def _into_box(project: Project, session: Session, script: str, *arguments: str) -> bool:
    """Run git inside the box, where the agent's own settings can do no harm; False if the box is not running."""
    box = container_spec.box_for(project, session)
    sandbox = project.sandbox(session.sandbox)
    if session.sandbox is SandboxKind.HOST or sandbox.look(box).state is not BoxState.RUNNING:
        return session.sandbox is SandboxKind.HOST
    sandbox.execute(box, ("sh", "-ec", script, "sh", *arguments))
    return True


def _notify(project: Project, session: Session, text: str) -> None:
    send(project, sender=SYSTEM, recipient=session.name, text=text, kind=MessageKind.NOTICE)


def _note(project: Project, session: Session, head: str) -> bool:
    """Record the commit that both sides have."""
    if not head or head == session.head:
        return bool(head)
    commits = project.repository.count(session.base, head)
    project.store.sessions.update(session.name, head=head, commits=commits)
    subject = clean(first_line(project.repository.subject(head)))
    project.store.events.log(session.name, "commit", f"{head[:10]} {subject}")
    return True
