"""Create a session."""

from __future__ import annotations

import os
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session import budgets, consent
from orchestra.actions.session.choose_sandbox import choose_sandbox
from orchestra.actions.session.limits import require_size
from orchestra.actions.session.settle import settle
from orchestra.actions.session.troubles import trouble_of
from orchestra.agents.launch_files import MISSING
from orchestra.agents.profile import BUILT_IN
from orchestra.errors import BadName, NameTaken, OrchestraError, Refused, ToolMissing
from orchestra.model import Intent, Role, SandboxKind, Session, State
from orchestra.names import MAIN, PERSON, RESERVED, slug
from orchestra.protocol import Progress, ignore
from orchestra.terminal_text import one_line

if TYPE_CHECKING:
    from orchestra.agents import Profile
    from orchestra.project import Project


def spawn(
    project: Project,
    *,
    title: str,
    task: str = "",
    agent: str = "",
    base: str = "",
    sandbox: str = "",
    paired: bool = False,
    parent: str = MAIN,
    name: str = "",
    model: str = "",
    group: str = "",
    progress: Progress = ignore,
    notebook: Notebook = BLANK,
) -> Session:
    """Create an executor and start its agent; return the session once its window exists.

    ``group`` is the name of the group of sessions with the same task that it belongs to.

    Raises NameTaken, UnknownProfile, NotFound (the base), UsageError (the task) or EngineDown
    before anything is created; a later failure undoes everything.
    """
    if (begun := _begun(project, notebook)) is not None:
        return _launch(project, begun, progress, fresh=False)
    require_size(task)
    # Each calls another program; in parallel they take the time of one.
    with ThreadPoolExecutor() as pool:
        start, kind = pool.submit(_base, project, base), pool.submit(choose_sandbox, project, sandbox)
        name = free_name(project, name or slug(title))
        profile = project.agent_profile(agent or project.settings.agent)
        project.check_room()
        require_number(project)
        budgets.require_project_within(project)
    base_id, base_branch = start.result()
    if kind.result() is SandboxKind.HOST:
        require_on_host(profile)
    with project.store.together():
        session = project.store.sessions.add(
            name=name,
            title=one_line(title),
            role=Role.EXECUTOR,
            agent=agent or project.settings.agent,
            sandbox=kind.result(),
            branch=f"{project.settings.branch_prefix}{name}",
            base=base_id,
            base_branch=base_branch,
            worktree=project.paths.worktrees / name,
            parent=parent,
            conversation=str(uuid.uuid4()),
            model=model,
            paired=paired,
            head=base_id,
            group_name=group,
        )
        project.store.specs.save(name, task or title, parent or PERSON)
        notebook.note(str(session.id))
    session = _launch(project, session, progress)
    _remark(project, session, progress)
    try:
        require_program(project, session)
    except ToolMissing:
        undo(project, session)
        raise
    return session


def _begun(project: Project, notebook: Notebook) -> Session | None:
    """Return the session that the same request created before its answer was lost."""
    if not notebook.before:
        return None
    session = project.store.sessions.update(int(notebook.before))
    return None if session.deleted_at or session.intent is Intent.DELETE else session


def _remark(project: Project, session: Session, progress: Progress) -> None:
    """Report what the session does not see; this neither delays the agent nor makes it fail."""
    with suppress(OrchestraError):
        if files := _uncommitted(project):
            progress(f"{session.name} starts from commit {session.base[:12]}, without your checkout's {files}")
        if unnamed := project.repository.unnamed():
            progress(unnamed)
        if consent.requests(project):
            progress("you have not allowed this project's files as they are; to see and allow them: orchestra allow")


def _launch(project: Project, session: Session, progress: Progress, *, fresh: bool = True) -> Session:
    try:
        return settle(project, session.name, fresh=fresh, progress=progress)
    except Exception:
        undo(project, session)
        raise


def require_on_host(profile: Profile) -> None:
    """Raise ToolMissing if a profile's program is not on this machine."""
    if profile.program and shutil.which(profile.program) is None:
        raise _no_program(
            profile, "on this machine", f"install it, or name another agent (orchestra agents){_own(profile)}"
        )


def require_program(project: Project, session: Session) -> None:
    """Raise ToolMissing for a session whose container has found that its program is missing."""
    if session.sandbox is SandboxKind.DOCKER and os.path.lexists(project.session_paths(session).home / MISSING):
        profile = project.profile(session.agent)
        hint = f"correct `command`, or install the program with `install` lines, in {profile.source}"
        raise _no_program(profile, "in its image", hint)


def _own(profile: Profile) -> str:
    """Return what else can be mended in a profile that is not built in."""
    return "" if profile.source.parent == BUILT_IN else f", or correct `command` in {profile.source}"


def _no_program(profile: Profile, where: str, hint: str) -> ToolMissing:
    message = f"the profile {profile.name} starts {profile.program!r}, but there is no such program {where}"
    return ToolMissing(message, hint=hint)


def undo(project: Project, session: Session) -> None:
    """Undo a session whose agent never started, with its worktree and its empty branch."""
    asked = {"intent": Intent.DELETE, "forced": True, "remove_worktree": True}
    project.store.sessions.update(session.name, state=State.FAILED, **asked)
    try:
        settle(project, session.name)
    except Exception as error:  # noqa: BLE001 -- what kept it from starting is what is to be told
        trouble_of(project, session.name, error)


def free_name(project: Project, name: str) -> str:
    """Return the name; raises BadName or NameTaken if no session can have it."""
    if slug(name) != name:
        raise BadName(f"{name!r} cannot be a session name", hint=f"try: {slug(name)}")
    if name in RESERVED:
        raise NameTaken(f"the name {name!r} is reserved", hint="choose another title")
    if project.store.sessions.find(name) is not None:
        raise NameTaken(f"there already is a session {name!r}", hint=f"choose another title, or: orchestra show {name}")
    _require_branch(project, name)
    if (project.paths.worktrees / name).exists():
        where = project.paths.worktrees / name
        raise NameTaken(f"{where} already exists", hint="move it away, or choose another title")
    return name


def _require_branch(project: Project, name: str) -> None:
    branch = f"{project.settings.branch_prefix}{name}"
    branches = project.repository.branches()
    if branch in branches:
        rename = f"rename that branch: git branch -m {branch} NAME"
        back = f"bring its session back: orchestra restore {name}; or "
        hint = f"{back if project.store.sessions.deleted(name) else 'choose another title, or '}{rename}"
        raise NameTaken(f"the branch {branch!r} already exists", hint=hint)
    # Git stores refs as paths, and none can be both a file and a directory.
    for other in branches:
        if branch.startswith(f"{other}/") or other.startswith(f"{branch}/"):
            hint = f"rename it: git branch -m {other} NAME; or set another branch_prefix in {project.paths.home.config}"
            raise NameTaken(f"with the branch {other!r} there can be no branch {branch!r}", hint=hint)


def require_number(project: Project, more: int = 1) -> None:
    """Raise Refused if ``more`` executors would be too many at the same time."""
    live = [
        session
        for session in project.store.sessions.all()
        if session.intent is Intent.RUN and session.role is Role.EXECUTOR
    ]
    most = project.settings.max_sessions
    if len(live) + more > most:
        limit = "which is the limit" if more == 1 else f"and with {more} more they would be over the limit of {most}"
        raise Refused(
            f"{len(live)} executors are running, {limit} (max_sessions)",
            hint=f"stop or delete one, or raise max_sessions in {project.paths.home.config}",
        )


def _uncommitted(project: Project) -> str:
    """Return how many uncommitted changes of the checkout a new session will not see."""
    git = project.repository.git(work_tree=True)
    changed = git.lines0("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all")
    return "1 uncommitted change" if len(changed) == 1 else f"{len(changed)} uncommitted changes" if changed else ""


def _base(project: Project, base: str) -> tuple[str, str]:
    repository = project.repository
    head, branch = repository.head()
    if not base:
        return head, branch
    known = base if base in repository.branches() else ""
    return repository.resolve(base), known
