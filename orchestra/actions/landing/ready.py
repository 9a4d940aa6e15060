"""What has to be true before a session's work can be merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.session.consent import checks_in
from orchestra.actions.session.follow_branch import require_in_place
from orchestra.config.checks import all_checks, described, only
from orchestra.config.settings import BUILT_IN, project_wishes
from orchestra.drivers.git import history, inner_repositories, merge_trees, worktree_diff
from orchestra.drivers.git.tree_changes import changes_between
from orchestra.drivers.git.update_branch import named
from orchestra.errors import NeedsConsent, Refused
from orchestra.model import Check, ConsentKind, Session

if TYPE_CHECKING:
    from orchestra.project import Project

_GUARDS = frozenset({"check", "checks", "landing_hooks", "require_proof"})
"""Settings of what has to succeed before something lands."""
TRAILERS = "^orchestra-(session|checks|proof)[[:space:]]*:"
"""What a line begins with that says in a merge commit what Orchestra did."""


def wanted_checks(project: Project, name: str, single: str | None = None) -> tuple[Check, ...]:
    """Return the checks to run, ``single`` instead of those in the settings.

    Raises NeedsConsent if the project's checks are not those that the person allowed: the designer can write the
    project's file, and a check that it could change or drop would prove nothing.
    """
    if single is not None:
        return only(single)
    settings, allowed = project.settings, project.store.consents.get(ConsentKind.CHECK)
    theirs = {str(project.paths.home.config), str(project.paths.config), BUILT_IN}
    if not {settings.origins["check"], settings.origins["checks"]} <= theirs:
        return all_checks(settings.check, settings.checks)
    hint = f"to see and allow it: orchestra allow; or name a check: orchestra merge {name} --check COMMAND"
    if _GUARDS & set(settings.ignored):
        raise NeedsConsent(f"you have not allowed the check in {project.paths.config}", hint=hint)
    if allowed and not _in_the_file(project):
        raise NeedsConsent(f"the check that you allowed is gone from {project.paths.config}: {allowed}", hint=hint)
    return all_checks(settings.check, settings.checks)


def _in_the_file(project: Project) -> bool:
    return described(checks_in(project_wishes(project.paths.config))) != ""


def finished(project: Project, name: str) -> Session:
    """Import a session's commits, and return it; raises Refused for uncommitted work or a branch without commits."""
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


def target_of(project: Project, session: Session, into: str) -> str:
    """Return the branch to merge into; raises Refused if there is none."""
    target = into or session.base_branch or project.repository.head()[1]
    if not target:
        raise Refused("HEAD is detached, so there is no branch to merge into", hint="name one: --into BRANCH")
    if target not in project.repository.branches():
        hint = f"name another branch: orchestra merge {session.name} --into BRANCH"
        was = "no branch" if into else "no longer a branch"
        raise Refused(f"there is {was} {target} to merge into", hint=hint)
    return target


def require_new(project: Project, session: Session, head: str, target: str, tip: str) -> None:
    """Raise Refused if the target already has a session's commits."""
    if project.repository.is_ancestor(head, tip):
        raise Refused(
            f"{target} already has all of {session.name}'s commits",
            hint=f"to delete the session: orchestra delete {session.name}",
        )


def require_shown(session: Session, shown: str) -> None:
    """Raise Refused if the commit that the person was ``shown`` is not what a session has now."""
    if shown not in {"", session.head}:
        raise Refused(
            f"{session.name} has committed since you were asked", hint=f"look again: orchestra review {session.name}"
        )


def require_own_words(project: Project, session: Session, head: str, onto: str, strategy: str) -> None:
    """Refuse commits that bring trailers like Orchestra's own into the target: nobody has checked what they say."""
    if strategy == "squash":
        return
    known = project.store.queue.made
    said = history.matching(project.repository, TRAILERS, head, without=(onto, session.base))
    if forged := [commit for commit in said if not known(commit)]:
        raise Refused(
            f"the message of commit {forged[0][:10]} of {session.name} has a line that only Orchestra writes, such as "
            "Orchestra-Proof:",
            hint="take it out of the message, or merge it with --strategy squash",
        )


def require_no_specs(project: Project, session: Session, head: str, onto: str) -> None:
    """Refuse commits that change specs: in the person's checkout they would be what the person tells a session."""
    repository = project.repository
    base = repository.merge_base(onto, head) or session.base
    refuse_specs(project, session.name, [change.path for change in changes_between(repository.git(), base, head)])


def refuse_specs(project: Project, name: str, paths: Iterable[str]) -> None:
    """Raise Refused if one of the paths that session ``name`` changes is a spec, or holds the specs."""
    specs = project.paths.specs.relative_to(project.paths.source)
    if found := [path for path in paths if specs == Path(path) or specs in Path(path).parents]:
        raise Refused(
            f"{name} changes specs, which only you and the designer write: {named(found)}",
            hint=f'ask it to leave them out: orchestra send {name} "please take {specs} out of your branch"',
        )


def require_lfs_pointers(project: Project, session: Session, head: str) -> None:
    """Refuse whole files that belong to Git LFS: containers have no Git LFS, so agents commit them."""
    if paths := merge_trees.past_lfs(project.repository, session.base, head):
        tree = session.worktree
        raise Refused(
            f"{session.name} committed whole files that belong to Git LFS: {named(paths)}",
            hint=f"on this machine: git -C '{tree}' add --renormalize . && git -C '{tree}' commit --amend --no-edit",
        )


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
