"""The budgets of sessions and of the project: what is over them is stopped, and not started again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.budget import Standing, standing
from orchestra.errors import OverBudget
from orchestra.model import Intent, Session
from orchestra.money import dollars

if TYPE_CHECKING:
    from orchestra.project import Project


def standing_of(project: Project, session: Session) -> Standing:
    """Return how a session stands to its budget."""
    return standing(session.cost, project.usable_settings.budget, session.allowance)


def standing_of_project(project: Project) -> Standing:
    """Return how all sessions together, deleted ones included, stand to the project's budget."""
    budget = project.usable_settings.project_budget
    return standing(project.store.usage.total_cost(), budget) if budget else Standing.WITHIN


def reason(project: Project, session: Session) -> str:
    """Return in words that a session is over its budget."""
    used = (session.cost or 0.0) - session.allowance
    return f"over budget: it cost {dollars(used)} of {dollars(project.usable_settings.budget)}"


def require_within(project: Project, session: Session) -> None:
    """Raise OverBudget if a session may not be started."""
    if standing_of(project, session) is Standing.OVER:
        again = f"let it use as much again: orchestra resume {session.name} --over-budget"
        raise OverBudget(
            f"{session.name} is {reason(project, session)}", hint=f"{_raise(project, 'budget')}, or {again}"
        )


def intent_of(project: Project, session: Session) -> Intent:
    """Return what a session that would be started should be: one over its budget stays stopped."""
    return Intent.STOP if standing_of(project, session) is Standing.OVER else Intent.RUN


def require_project_within(project: Project) -> None:
    """Raise OverBudget if the project may start no further sessions."""
    if standing_of_project(project) is Standing.OVER:
        spent = dollars(project.store.usage.total_cost())
        message = f"this project's sessions cost {spent}, and project_budget is {budget_of(project)}"
        raise OverBudget(message, hint=_raise(project, "project_budget"))


def _raise(project: Project, setting: str) -> str:
    return f"raise {setting} in {project.paths.home.config}"


def budget_of(project: Project) -> str:
    """Return the project's budget as text."""
    return dollars(project.usable_settings.project_budget)


def allow_more(project: Project, name: str) -> None:
    """Let a session use its budget again, counted from what it has cost so far."""
    session = project.store.sessions.get(name)
    project.store.sessions.update(name, allowance=session.cost or 0.0)
