"""What Orchestra does by itself about sessions: budgets, limits of the model's service, and who seems stuck."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from orchestra.actions.messaging.messages import send
from orchestra.actions.session import budgets
from orchestra.actions.session.manage import stop
from orchestra.actions.session.troubles import Trouble, trouble_of
from orchestra.budget import Standing, standing
from orchestra.model import Intent, MessageKind, Session, Sign, State
from orchestra.money import dollars
from orchestra.names import MAIN, PERSON, SYSTEM
from orchestra.notifications import BUDGET_EVENT, STUCK_EVENT
from orchestra.stuck import is_limited

if TYPE_CHECKING:
    from orchestra.project import Project

GOES_ON = "The limit of your model's service has ended. Go on where you were."
"""What an agent is told when its limit has ended."""


def keep_budgets(project: Project) -> list[Trouble]:
    """Tell the person of budgets that are nearly used, and stop the sessions that are over theirs, side by side.

    Each notice is sent once for each budget; a session that could not be stopped is tried again at
    the next call. Returns what went wrong.
    """
    settings = project.usable_settings
    if settings.project_budget:
        _keep_project(project)
    sessions = project.store.sessions.all() if settings.budget else []
    stands = [(session, standing(session.cost, settings.budget, session.allowance)) for session in sessions]
    for session in (session for session, how in stands if how is Standing.NEAR):
        _warn(project, session)
    over = [session for session, how in stands if how is Standing.OVER and session.intent is not Intent.DELETE]
    with ThreadPoolExecutor(len(over) or 1) as pool:
        return [trouble for trouble in pool.map(partial(_end, project), over) if trouble is not None]


def _warn(project: Project, session: Session) -> None:
    used = dollars((session.cost or 0) - session.allowance)
    budget = dollars(project.usable_settings.budget)
    text = f"{session.name} has used {used} of its budget of {budget}. When it has used all, it is stopped."
    tell(project, f"budget.near.{_key(project, session)}", text, session.name)


def _key(project: Project, session: Session) -> str:
    return f"{session.id}.{project.usable_settings.budget}.{session.allowance}"


def _end(project: Project, session: Session) -> Trouble | None:
    """Stop a session, and record why: first it stops spending."""
    reason = budgets.reason(project, session)
    try:
        if session.intent is Intent.RUN:
            session = stop(project, session.name)
        if session.state is State.STOPPED and session.evidence.text != reason:
            project.store.sessions.record_sign(session.name, Sign.STOPPED, reason)
        again = f"orchestra resume {session.name} --over-budget"
        text = f"{session.name} is stopped, {reason}. Its work is kept. To let it use as much again: {again}"
        tell(project, f"budget.over.{_key(project, session)}", text, session.name)
    except Exception as error:  # noqa: BLE001 -- the other sessions are stopped all the same
        return trouble_of(project, session.name, error)
    return None


def _keep_project(project: Project) -> None:
    how = budgets.standing_of_project(project)
    if how is Standing.WITHIN:
        return
    spent, budget = dollars(project.store.usage.total_cost()), budgets.budget_of(project)
    if how is Standing.NEAR:
        text = f"This project's sessions have cost {spent} of {budget}."
    else:
        text = f"This project's sessions have cost {spent}; no further ones are started (project_budget is {budget})."
    tell(project, f"project-budget.{how}.{budget}", text)


def tell(project: Project, key: str, text: str, session: str = MAIN) -> None:
    """Send the person a notice, and record it as an event of a session, unless they have had it."""
    with project.store.together():
        if project.store.messages.sent(SYSTEM, key) is None:
            send(project, sender=SYSTEM, recipient=PERSON, text=text, kind=MessageKind.NOTICE, dedupe=key)
            project.store.events.log(session, BUDGET_EVENT, text)


def note_stuck(project: Project, session: Session, reason: str) -> None:
    """Record why a session seems stuck, or that it is not any more."""
    if reason != session.stuck:
        with project.store.together():
            project.store.sessions.update(session.id, stuck=reason)
            if reason:
                project.store.events.log(session.name, STUCK_EVENT, reason)


def end_limits(project: Project, sessions: Iterable[Session], now: datetime) -> None:
    """Forget the limits that have ended; if the setting says so, the agents that failed because of them go on."""
    for session in sessions:
        if session.limited_until is None or now < session.limited_until:
            continue
        goes_on = project.usable_settings.resume_after_limit and session.intent is Intent.RUN
        with project.store.together():
            project.store.sessions.update(session.id, limited_until=None)
            if goes_on and session.state is State.FAILED and is_limited(session.evidence):
                key = f"limit.{session.id}.{session.limited_until.isoformat()}"
                send(project, sender=SYSTEM, recipient=session.name, text=GOES_ON, kind=MessageKind.NOTICE, dedupe=key)
