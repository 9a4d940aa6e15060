"""Let a model sum up what a session does, if the person wants that: at most so often, and within a budget."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from orchestra import files, summaries
from orchestra.actions.session import monitor_box
from orchestra.actions.work.accounts import Accounts
from orchestra.actions.work.oversight import tell
from orchestra.actions.work.review import base_of
from orchestra.drivers.git import worktree_diff
from orchestra.errors import CommandFailed, OrchestraError, OverBudget, Refused
from orchestra.model import ModelSummary, Session
from orchestra.names import digest
from orchestra.notifications import BUDGET_EVENT, STUCK_EVENT, printable
from orchestra.protocol import Progress, ignore, plain

if TYPE_CHECKING:
    from orchestra.project import Project

LOCK = ".monitor"
"""The lock of the one monitor that runs; no session's name has a dot."""
_OWN = (BUDGET_EVENT, STUCK_EVENT)
_ACCOUNT, _SPEC, _DIFF = 12_000, 16_000, 48_000
"""The most characters of each part of what a model reads."""


def summarize(project: Project, name: str, *, progress: Progress = ignore) -> ModelSummary:
    """Ask the monitor about a session now, changed or not, and return what it says.

    Raises Refused without the setting ``monitor`` or while another one runs, OverBudget, and what the monitor's box
    raises.
    """
    session = project.store.sessions.get(name)
    if not project.settings.monitor:
        hint = f"put `monitor: claude-monitor` into {project.paths.home.config}"
        raise Refused("no model sums up sessions: the setting monitor is empty", hint=hint)
    if reason := used_up(project):
        raise OverBudget(
            f"no more summaries today: {reason}", hint=f"raise that setting in {project.paths.home.config}"
        )
    with _alone(project) as held:
        if not held:
            raise Refused("another summary is being made", hint="try again in a minute")
        monitor_box.sweep(project)
        progress(f"asking {project.settings.monitor} about {name} (at most {monitor_box.DEADLINE} s)")
        return _made(project, session, progress)


def summarize_next(project: Project) -> datetime | None:
    """Make the one summary that is due first, if one is; return when to look again without any change, or None.

    A failed one is recorded, and not tried again before the session has changed. At the budget the person is told once.
    """
    settings, now = project.usable_settings, project.store.now()
    if not settings.monitor:
        return None
    times = {session: _due(project, session, now) for session in project.store.sessions.all()}
    waiting = sorted((at, session.id, session) for session, at in times.items() if at is not None)
    if not waiting or waiting[0][0] > now:
        return waiting[0][0] if waiting else None
    if reason := used_up(project):
        _tell(project, reason)
        return _tomorrow(now)
    _try(project, waiting[0][2])
    return now


def used_up(project: Project) -> str:
    """Return in words that the budget of summaries for today is used; empty if it is not."""
    settings, day = project.usable_settings, project.store.summaries.day(project.store.summaries.today())
    calls, budget = settings.monitor_calls, settings.monitor_budget
    return summaries.used_up(calls=day.calls, cost=day.cost, most_calls=calls, budget=budget)


def sweep(project: Project) -> None:
    """Remove what a killed process left of a monitor; raises EngineDown or DeadlineExceeded if that is not known."""
    with _alone(project) as held:
        if held and monitor_box.sweep(project):
            project.store.summaries.forget_cut_off()


@contextmanager
def _alone(project: Project) -> Iterator[bool]:
    """Hold the monitor's lock, unless another process or thread has it; yield whether it is held."""
    project.paths.locks.mkdir(exist_ok=True, mode=0o700)
    with (project.paths.locks / f"{LOCK}.lock").open("w") as file:
        yield files.try_lock(file)


def _due(project: Project, session: Session, now: datetime) -> datetime | None:
    """Return when a session's summary is due; what a summary is made of is read only from that time on."""
    seen, tried_at = project.store.summaries.tried(session.id) or ("", None)
    every = timedelta(minutes=project.usable_settings.monitor_every)
    facts = summaries.Facts(now, session.created_at, every, mark="", seen=seen, tried_at=tried_at)
    if (earliest := summaries.earliest(facts)) > now:
        return earliest
    return summaries.due(replace(facts, mark=_mark(project, session)))


def _mark(project: Project, session: Session) -> str:
    """Return a mark of what a summary is made of."""
    spec = project.store.specs.get(session.name)
    newest = project.store.events.newest(session.name, without=_OWN)
    return digest(f"{newest} {session.head} {session.diff} {session.state} {spec.version if spec else 0}", 16)


def _try(project: Project, session: Session) -> None:
    with _alone(project) as held:
        if held:
            try:
                _made(project, session, ignore)
            except OrchestraError:
                return  # it is recorded, and shown with the session


def _made(project: Project, session: Session, progress: Progress) -> ModelSummary:
    """Make a summary, and keep it or why there is none."""
    kept = project.store.summaries
    kept.begin(session.id, _mark(project, session))
    try:
        made = _asked(project, session, progress)
    except OrchestraError as error:
        kept.fail(session.id, printable(error.message))
        raise
    except Exception:
        kept.fail(session.id, "a bug of Orchestra's; the service's log has it")
        raise
    kept.keep(session.id, made)
    return made


def _asked(project: Project, session: Session, progress: Progress) -> ModelSummary:
    name = project.settings.monitor
    profile = monitor_box.monitor_of(project, name)
    answer = monitor_box.ask(project, session, profile, _prompt(project, session), progress=progress)
    project.store.summaries.spend(answer.spent)
    lines, drift = summaries.read_answer(answer.text)
    if not lines:
        raise CommandFailed(f"{name} answered nothing", hint=f"to test it: orchestra agents check {name}")
    return ModelSummary(lines, drift, project.store.now(), name)


def _prompt(project: Project, session: Session) -> str:
    account, spec = Accounts(project.store).of(session), project.store.specs.get(session.name)
    parts = {"now": account.now, "so_far": account.so_far, "next": account.next}
    return summaries.prompt(
        name=session.name,
        account=summaries.shortened(json.dumps(plain(parts), indent=1, ensure_ascii=False), _ACCOUNT),
        spec=summaries.shortened(spec.text if spec else "", _SPEC),
        diff=summaries.shortened(_diff(project, session), _DIFF),
        fence=secrets.token_hex(8),
    )


def _diff(project: Project, session: Session) -> str:
    """Return what a session changed; a worktree that cannot be read now is no reason for no summary."""
    cache = project.session_paths(session).root
    try:
        return worktree_diff.diff(
            project.repository, session.worktree, base_of(project, session), limit=_DIFF, cache=cache
        )
    except OrchestraError as error:
        return f"(the changes cannot be read: {error.message})"


def _tell(project: Project, reason: str) -> None:
    day = project.store.summaries.today()
    tell(project, f"monitor.{day}.{reason}", f"No more summaries by a model today: {reason}.")


def _tomorrow(now: datetime) -> datetime:
    """Return the beginning of the next day on this machine's clock."""
    day = now.astimezone().date() + timedelta(days=1)
    return datetime.combine(day, time()).astimezone()
