"""Give the same task to several sessions, which form a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session.limits import require_size
from orchestra.actions.session.settle import settle
from orchestra.actions.session.spawn import free_name, require_number, spawn
from orchestra.errors import NotFound, OrchestraError, Refused, UsageError
from orchestra.model import Session
from orchestra.names import MAIN, numbered, slug, suffixed
from orchestra.protocol import Progress, ignore
from orchestra.suggestion import did_you_mean

if TYPE_CHECKING:
    from orchestra.project import Project

MOST = 20
"""The most sessions of one group that are created at once."""


def spawn_group(
    project: Project,
    *,
    title: str,
    task: str = "",
    agents: Sequence[str] = (),
    copies: int = 1,
    base: str = "",
    sandbox: str = "",
    parent: str = MAIN,
    model: str = "",
    progress: Progress = ignore,
    notebook: Notebook = BLANK,
) -> list[Session]:
    """Create ``copies`` executors for each of the agents, all with the same task, and return them.

    Without ``agents`` the default agent is used. Raises what `spawn` raises before anything is created; if only some
    cannot be created the others stay, and Refused names both.
    """
    group, wanted = slug(title), _members(slug(title), agents, copies)
    begun = notebook.before == group
    if not begun:
        _require(project, task, wanted)
        notebook.note(group)

    def make(member: tuple[str, str]) -> Session | OrchestraError:
        name, agent = member
        try:
            if begun and (known := project.store.sessions.find(name)) is not None and known.group_name == group:
                return settle(project, name, progress=progress)
            return spawn(
                project, title=title, name=name, task=task, agent=agent, base=base, sandbox=sandbox, parent=parent,
                model=model, group=group, progress=progress,
            )  # fmt: skip
        except OrchestraError as error:
            return error

    return _all_or_refused(wanted, [make(member) for member in wanted])


def members(project: Project, group: str) -> list[Session]:
    """Return the sessions of a group, in order of creation; raises NotFound if there are none."""
    every = project.store.sessions.all()
    found = [session for session in every if group and session.group_name == group]
    if not found:
        groups = sorted({session.group_name for session in every if session.group_name})
        none = "there are none; to make one: orchestra new TITLE --copies 3"
        raise NotFound(f"no group is called {group!r}", hint=did_you_mean(group, groups, otherwise=none))
    return found


def others(project: Project, session: Session) -> list[Session]:
    """Return the other sessions of a session's group."""
    every = project.store.sessions.all() if session.group_name else []
    return [one for one in every if one.group_name == session.group_name and one.id != session.id]


def _members(group: str, agents: Sequence[str], copies: int) -> list[tuple[str, str]]:
    """Return the name of each member with its agent."""
    kinds = list(dict.fromkeys(agents))
    if not 1 <= copies * (len(kinds) or 1) <= MOST:
        raise UsageError(f"a group has between 1 and {MOST} sessions", hint="ask for fewer copies")
    if not kinds:
        return [(numbered(group, number), "") for number in range(1, copies + 1)]
    if copies == 1:
        return [(suffixed(group, slug(agent)), agent) for agent in kinds]
    return [(suffixed(group, f"{slug(agent)}-{number}"), agent) for agent in kinds for number in range(1, copies + 1)]


def _require(project: Project, task: str, wanted: Sequence[tuple[str, str]]) -> None:
    """Raise what would keep one of the members from being created."""
    require_size(task)
    require_number(project, len(wanted))
    for name, agent in wanted:
        free_name(project, name)
        project.agent_profile(agent or project.settings.agent)


def _all_or_refused(wanted: Sequence[tuple[str, str]], made: Sequence[Session | OrchestraError]) -> list[Session]:
    done = [one for one in made if isinstance(one, Session)]
    failed = [(name, one) for (name, _), one in zip(wanted, made, strict=True) if isinstance(one, OrchestraError)]
    if failed and not done:
        raise failed[0][1]
    if failed:
        told = "; ".join(f"{name}: {error.message}" for name, error in failed)
        raise Refused(
            f"not all could be created: {told}",
            hint=f"started: {', '.join(session.name for session in done)}; for the others: {failed[0][1].hint}",
        )
    return done
