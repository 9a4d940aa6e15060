"""Merge a session's work into a branch, completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestra.actions.messaging.messages import send
from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session import container_spec
from orchestra.actions.session.branch_sync import import_commits, import_or_refuse, show_branch
from orchestra.actions.session.choose_sandbox import require_sandbox
from orchestra.actions.session.follow_branch import require_in_place
from orchestra.actions.work.review import require_executor
from orchestra.config.settings import BUILT_IN
from orchestra.drivers.git import inner_repositories, merge_trees, update_branch, worktree_diff
from orchestra.drivers.git.update_branch import named
from orchestra.errors import CheckFailed, MergeConflict, Moved, NeedsConsent, Refused, UsageError
from orchestra.model import ConsentKind, Landing, MessageKind, Session
from orchestra.names import SYSTEM
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

STRATEGIES = ("merge", "squash", "rebase")
_CHECK_DEADLINE = 3600.0
_OUTPUT_KEPT = 4000


def merge(
    project: Project,
    name: str,
    *,
    into: str = "",
    check: str | None = None,
    strategy: str = "",
    progress: Progress = ignore,
    notebook: Notebook = BLANK,
) -> dict[str, Any]:
    """Merge a session's commits into a branch, by default the one that it was started from.

    The result is computed without a checkout, and the check command runs on it in a fresh box. Only
    then does the branch move, by compare-and-swap, and a clean checkout of it is updated. Raises
    Refused for uncommitted work or an empty branch, NeedsConsent, MergeConflict or CheckFailed
    after telling the session, and Moved if the branch moved meanwhile; the branch is then
    unchanged.
    """
    strategy = strategy or project.settings.merge_strategy
    if strategy not in STRATEGIES:
        raise UsageError(f"there is no merge strategy {strategy!r}", hint=f"choose from: {', '.join(STRATEGIES)}")
    session = project.store.sessions.get(name)
    require_executor(session)
    require_sandbox(session)
    # First without the lock, so that no other merge waits if git in the session's container does not answer.
    import_or_refuse(project, session)
    with project.lock("merge"):
        _finish(project)
        if (done := _merged(project, notebook)) is not None:
            return done
        if unnamed := project.repository.unnamed():
            progress(unnamed)
        wanted = wanted_check(project, name) if check is None else check
        session = _ready(project, name)
        target, old = _target(project, session, into)
        commit = _combine(project, session, target, old, strategy)
        _require_lfs_pointers(project, session)
        _check(project, session, commit, wanted, progress)
        answer = {"name": name, "branch": session.branch, "into": target, "commit": commit, "before": old}
        notebook.note(json.dumps(answer))
        if kept := _land(project, session, target, commit, old):
            progress(_left_behind(kept, target, commit))
    return answer


def _merged(project: Project, notebook: Notebook) -> dict[str, Any] | None:
    """Return what the same request merged before its answer was lost."""
    if not notebook.before:
        return None
    answer: dict[str, Any] = json.loads(notebook.before)
    tip = project.repository.resolve(f"refs/heads/{answer['into']}")
    return answer if project.repository.is_ancestor(answer["commit"], tip) else None


def wanted_check(project: Project, name: str) -> str:
    """Return the check to run; raises NeedsConsent if the project's check is not the one that the person allowed.

    The designer can write the project's file, and a check that it could change or drop would prove
    nothing.
    """
    settings, allowed = project.settings, project.store.consents.get(ConsentKind.CHECK)
    if settings.origins["check"] not in {BUILT_IN, str(project.paths.home.config), str(project.paths.config)}:
        return settings.check
    hint = f"to see and allow it: orchestra allow; or name a check: orchestra merge {name} --check COMMAND"
    if "check" in settings.ignored:
        raise NeedsConsent(f"you have not allowed the check in {project.paths.config}", hint=hint)
    if allowed and settings.origins["check"] != str(project.paths.config):
        raise NeedsConsent(f"the check that you allowed is gone from {project.paths.config}: {allowed}", hint=hint)
    return settings.check


def _ready(project: Project, name: str) -> Session:
    session = project.store.sessions.get(name)
    import_commits(project, session)
    session = project.store.sessions.get(name)
    require_in_place(session)
    cache = project.session_paths(session).root
    if uncommitted := worktree_diff.dirty(project.repository, session.worktree, cache=cache):
        raise _uncommitted(project, session, uncommitted)
    if session.head in {"", session.base}:
        raise Refused(f"{name} has no commits to merge", hint=f"see what it is doing: orchestra show {name}")
    return session


def _uncommitted(project: Project, session: Session, paths: Sequence[str]) -> Refused:
    name, shown = session.name, ", ".join(paths[:5])
    inside = [(inner_repositories.submodule_of(project.repository, session.worktree, path), path) for path in paths]
    submodule = next((path for path, _ in inside if path), "")
    if not submodule:
        hint = f'ask it to commit: orchestra send {name} "please commit your work"'
        return Refused(f"{name} has uncommitted changes: {shown}", hint=hint)
    # Git adds nothing there: the files belong to another repository.
    files = ", ".join([path for inner, path in inside if inner == submodule and path != inner][:5])
    ask = f"please move your files out of {submodule}, a submodule, or delete them"
    return Refused(
        f"{name} has files in the submodule {submodule}, which it cannot commit{f': {files}' if files else ''}",
        hint=f"change {submodule} in its own repository, and type: orchestra send {name} '{ask}'",
    )


def _target(project: Project, session: Session, into: str) -> tuple[str, str]:
    target = into or session.base_branch or project.repository.head()[1]
    if not target:
        raise Refused("HEAD is detached, so there is no branch to merge into", hint="name one: --into BRANCH")
    if target not in project.repository.branches():
        hint = f"name another branch: orchestra merge {session.name} --into BRANCH"
        raise Refused(f"there is no longer a branch {target} to merge into", hint=hint)
    return target, project.repository.resolve(f"refs/heads/{target}")


def _combine(project: Project, session: Session, target: str, old: str, strategy: str) -> str:
    repository = project.repository
    if repository.is_ancestor(session.head, old):
        raise Refused(
            f"{target} already has all of {session.name}'s commits",
            hint=f"to delete the session: orchestra delete {session.name}",
        )
    try:
        return _combined(project, session, old, strategy)
    except MergeConflict as error:
        raise _conflict(project, session, target, error) from error


def _combined(project: Project, session: Session, old: str, strategy: str) -> str:
    repository = project.repository
    if strategy == "rebase":
        return merge_trees.rebase_commits(repository, old, session.base, session.head)
    merged = merge_trees.preview(repository, old, session.head)
    if merged.conflicts:
        paths = ", ".join(merged.conflicts[:20])
        raise MergeConflict(f"{session.name} and its target change the same lines in {paths}", paths=merged.conflicts)
    if strategy == "squash":
        message = f"{session.title}\n\nSquashed from {session.branch}."
        return merge_trees.merge_commit(repository, merged.tree, [old], message)
    message = f"Merge {session.branch}: {session.title}"
    return merge_trees.merge_commit(repository, merged.tree, [old, session.head], message)


def _require_lfs_pointers(project: Project, session: Session) -> None:
    """Refuse whole files that belong to Git LFS: containers have no Git LFS, so agents commit them."""
    if paths := merge_trees.past_lfs(project.repository, session.base, session.head):
        tree = session.worktree
        raise Refused(
            f"{session.name} committed whole files that belong to Git LFS: {update_branch.named(paths)}",
            hint=f"on this machine: git -C '{tree}' add --renormalize . && git -C '{tree}' commit --amend --no-edit",
        )


def _conflict(project: Project, session: Session, target: str, error: MergeConflict) -> MergeConflict:
    paths = "\n".join(f"- {path}" for path in error.paths)
    show_branch(project, session, target, project.repository.resolve(f"refs/heads/{target}"))
    text = (
        f"Your branch cannot be merged into {target}. Both change:\n{paths}\n"
        f"Rebase onto host/{target}, resolve, run the tests, commit, and report COMPLETE again."
    )
    send(project, sender=SYSTEM, recipient=session.name, text=text, kind=MessageKind.NOTICE)
    project.store.events.log(session.name, "conflict", ", ".join(error.paths))
    return MergeConflict(error.message, paths=error.paths, hint=f"{session.name} has been told; {target} is unchanged")


def _check(project: Project, session: Session, commit: str, command: str, progress: Progress) -> None:
    if not command:
        return
    progress(f"running the check on the merged files: {command}")
    done = container_spec.run_check(project, session, commit, command, deadline=_CHECK_DEADLINE)
    output = (done.stdout + done.stderr).decode("utf-8", "replace")[-_OUTPUT_KEPT:]
    if done.code == 0:
        return
    text = f"The check failed on the merged files (`{command}`, exit code {done.code}):\n\n{output}"
    send(project, sender=SYSTEM, recipient=session.name, text=text, kind=MessageKind.NOTICE)
    project.store.events.log(session.name, "check-failed", command)
    message = f"the check failed on the merged files: {command} (exit code {done.code})"
    raise CheckFailed(message, output=output, hint=f"{session.name} has been told; nothing was merged")


def _land(project: Project, session: Session, target: str, commit: str, old: str) -> tuple[str, ...]:
    project.store.workspace.update(landing=Landing(session.name, target, commit, old))
    try:
        landed = update_branch.land(project.repository, target, commit, old, ours=project.paths.worktrees)
    except (Moved, Refused):
        project.store.workspace.update(landing=None)
        raise
    _landed(project, session.name, target, commit)
    return landed.kept


def _landed(project: Project, name: str, target: str, commit: str) -> None:
    project.store.workspace.update(landing=None)
    project.store.events.log(name, "merged", f"into {target} as {commit[:12]}")
    if (merged := project.store.sessions.find(name)) is not None:
        project.store.notes.note_reviewed(merged.id)
    if (designer := project.store.sessions.find("main")) is not None and designer.branch == target:
        import_commits(project, designer)


def finish_landings(project: Project) -> None:
    """Finish a landing that a crash interrupted after the branch had moved and before its checkout was updated.

    Raises Refused, once, if the person has since changed or committed something that undoes what
    landed.
    """
    if project.store.workspace.get().landing is not None:
        with project.lock("merge"):
            _finish(project)


def _finish(project: Project) -> None:
    begun = project.store.workspace.get().landing
    if begun is None:
        return
    branch, new = begun.branch, begun.new
    landed = update_branch.finish_landing(project.repository, branch, new, begun.old, ours=project.paths.worktrees)
    project.store.workspace.update(landing=None)
    if not landed.done:
        return
    _landed(project, begun.session, branch, new)
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
