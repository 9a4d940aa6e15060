"""Fork a session: a second one from its present state.

A fork is recorded as a session that was deleted in exactly that state, and then restored. So the same code brings back
its files, and finishes that after a crash.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session import budgets, manage, preserve
from orchestra.actions.session.branch_sync import import_or_refuse
from orchestra.actions.session.choose_sandbox import require_sandbox
from orchestra.actions.session.group import others
from orchestra.actions.session.settle import settle
from orchestra.actions.session.spawn import free_name, require_number, require_on_host, require_program
from orchestra.actions.work import handover
from orchestra.actions.work.review import require_executor
from orchestra.drivers.git import anchors, ignored_files
from orchestra.errors import NameTaken, Refused
from orchestra.model import Intent, Role, SandboxKind, Session, State
from orchestra.names import numbered, suffixed
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.drivers.git.anchors import Anchor
    from orchestra.project import Project

_MOST_NAMES = 100


def fork(
    project: Project,
    name: str,
    *,
    new_name: str = "",
    agent: str = "",
    progress: Progress = ignore,
    notebook: Notebook = BLANK,
) -> Session:
    """Create a second session from the present state of one, and return it.

    It has a branch of its own from the same commit, with the same base, and the same uncommitted, untracked and ignored
    files, spec and parent; both are of one group. Its agent, by default of the same kind, begins a conversation of its
    own. Raises Refused for the designer, NameTaken, UnknownProfile, OverBudget and EngineDown before anything is
    created.
    """
    source = project.store.sessions.get(name)
    if notebook.before:
        made = project.store.sessions.update(int(notebook.before))
        if made.deleted_at is None:
            return settle(project, made.name, progress=progress)
    else:
        agent = agent or source.agent
        new_name = _prepare(project, source, new_name, agent)
        made = _record(project, source, new_name, agent, notebook)
    return _begin(project, source, made, progress)


def _prepare(project: Project, source: Session, new_name: str, agent: str) -> str:
    require_executor(source)
    profile = project.agent_profile(agent)
    if source.sandbox is SandboxKind.HOST:
        require_on_host(profile)
    require_sandbox(source)
    project.check_room()
    require_number(project)
    budgets.require_project_within(project)
    return free_name(project, new_name) if new_name else _next_name(project, source.name)


def _next_name(project: Project, name: str) -> str:
    for number in range(1, _MOST_NAMES):
        try:
            return free_name(project, suffixed(name, "fork") if number == 1 else numbered(f"{name}-fork", number))
        except NameTaken:
            continue
    raise NameTaken(f"{name} has too many forks", hint=f"name the fork: orchestra fork {name} NEW-NAME")


def _record(project: Project, source: Session, name: str, agent: str, notebook: Notebook) -> Session:
    """Anchor the state of the source under the fork's name, and record the fork as deleted in that state."""
    began = project.store.now()
    import_or_refuse(project, source)
    source, store = project.store.sessions.get(source.name), project.store
    ref = anchors.anchor(project.repository, source.worktree, name)
    kept = _anchor(project, name, ref)
    spec, group = store.specs.get(source.name), source.group_name or source.name
    told = handover.for_fork(project, source, name, kept.tip)
    with store.together():
        made = store.sessions.add(
            name=name, title=source.title, role=Role.EXECUTOR, agent=agent, sandbox=source.sandbox,
            branch=f"{project.settings.branch_prefix}{name}", base=source.base, base_branch=source.base_branch,
            worktree=project.paths.worktrees / name, parent=source.parent, conversation=str(uuid.uuid4()),
            model=source.model if agent == source.agent else "", head=kept.tip,
            commits=project.repository.count(source.base, kept.tip), group_name=group, handover=told, anchor=ref,
            intent=Intent.STOP, state=State.STOPPED, created_at=began, deleted_at=store.now(),
        )  # fmt: skip
        store.specs.save(name, spec.text if spec else source.title, spec.author if spec else "")
        store.sessions.update(source.id, group_name=group)
        notebook.note(str(made.id))
    return made


def _anchor(project: Project, name: str, ref: str) -> Anchor:
    return next(one for one in anchors.anchors(project.repository, name) if one.ref == ref)


def _begin(project: Project, source: Session, made: Session, progress: Progress) -> Session:
    _keep_ignored(project, source, made, progress)
    # From here on the next start finishes it.
    project.store.sessions.update(made.id, restoring=True)
    session = manage.restore(project, made.name, progress=progress)
    project.store.events.log(made.name, "forked", f"from {source.name}, {_beside(project, session)}")
    require_program(project, session)
    return session


def _keep_ignored(project: Project, source: Session, made: Session, progress: Progress) -> None:
    """Keep the ignored files of the source for the fork, as when a session is deleted; too many are left out."""
    kept = preserve.kept_files(project, made)
    try:
        # All of them, also those that the checkout has: compared with a directory that is not there.
        found = ignored_files.find(project.repository, source.worktree, made.anchor, kept)
        ignored_files.keep(source.worktree, found, kept)
    except Refused as error:
        progress(f"{made.name} does not get the ignored files of {source.name}: {error.message}")


def _beside(project: Project, session: Session) -> str:
    return f"beside {', '.join(other.name for other in others(project, session))}"
