"""Leading sessions from what is there to what is wanted; the same code after a request and after a crash."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orchestra.actions.equip import prepare_places
from orchestra.actions.steps import PERFORM, observe
from orchestra.errors import OrchestraError
from orchestra.lifecycle import NOTHING, Step, lanes, plan
from orchestra.model import Intent, Session
from orchestra.wire import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project


def settle(project: Project, name: str, *, fresh: bool = False, progress: Progress = ignore) -> Session:
    """Do what is missing until the session is what its recorded intent says; return it as it is then.

    ``fresh`` says that the session was recorded just now, so that there is nothing to look at yet.
    Raises the first step's error that stops it; what was done until then stays, and counts the
    next time.
    """
    with project.lock(name):
        session = project.store.session(name)
        keep = project.store.get(f"remove-worktree.{session.id}") != "yes"
        seen = NOTHING if fresh else observe(project, session)
        steps = plan(session.intent, session.sandbox, seen, keep_worktree=keep)
        for stage in lanes(steps):
            _side_by_side(project, name, stage, progress)
        return session if Step.FORGET in steps else project.store.session(name)


def _side_by_side(project: Project, name: str, stage: tuple[tuple[Step, ...], ...], progress: Progress) -> None:
    if len(stage) == 1:
        return _in_order(project, name, stage[0], progress)
    prepare_places(project, project.store.session(name))
    with ThreadPoolExecutor(len(stage)) as pool:
        begun = [pool.submit(_in_order, project, name, lane, progress) for lane in stage]
    for one in begun:
        one.result()
    return None


def _in_order(project: Project, name: str, steps: tuple[Step, ...], progress: Progress) -> None:
    for step in steps:
        _perform(project, name, step, progress)


def _perform(project: Project, name: str, step: Step, progress: Progress) -> None:
    session = project.store.session(name)
    project.store.begin_step(name, step.value)
    PERFORM[step](project, session, progress)
    if step is not Step.FORGET:
        project.store.finish_step(name, step.value)


def reconcile(project: Project, *, progress: Progress = ignore) -> list[OrchestraError]:
    """Settle every session, and finish any landing that a crash cut off; return what could not be done.

    After ``down --stop`` nothing is started again before the next ``up``.
    """
    from orchestra.actions.merge import finish_landings  # noqa: PLC0415 -- loads when touched

    finish_landings(project)
    troubles: list[OrchestraError] = []
    resting = project.store.get("resting") == "yes"
    for session in project.store.sessions():
        if resting and session.intent is Intent.RUN:
            continue
        try:
            settle(project, session.name, progress=progress)
        except OrchestraError as error:
            project.store.log(session.name, "trouble", str(error))
            troubles.append(error)
    return troubles
