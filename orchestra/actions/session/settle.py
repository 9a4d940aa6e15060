"""Leading sessions from what is there to what is wanted; the same code after a request and after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestra.actions.session import paired_git
from orchestra.actions.session.provision import prepare_places
from orchestra.actions.session.reattach import attach
from orchestra.actions.session.stale_containers import drop_containers
from orchestra.actions.session.steps import PERFORM, even_unrecorded, observe
from orchestra.actions.session.troubles import Trouble, trouble_of
from orchestra.actions.work.merge import finish_landings
from orchestra.drivers import temporary
from orchestra.drivers.git import index_lock
from orchestra.errors import DeadlineExceeded, EngineDown, StoreError
from orchestra.lifecycle import ENDED, NOTHING, Step, lanes, plan
from orchestra.model import Intent, Session
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

Wish = Mapping[str, Any]
"""Fields of a session that are wanted and could not be recorded."""
RECORDED: Wish = MappingProxyType({})
"""All that is wanted is on record."""
_PASSING = (EngineDown, DeadlineExceeded, StoreError)


def settle(
    project: Project, name: str, *, fresh: bool = False, wish: Wish = RECORDED, progress: Progress = ignore
) -> Session:
    """Do what is missing until the session is what its recorded intent says; return it as it is then.

    ``fresh`` says that the session was recorded just now, so that there is nothing to look at yet;
    ``wish`` holds what could not be recorded. Raises the first step's error that stops it; what was
    done until then stays, and counts the next time.
    """
    with project.lock(name):
        session = _wanted(project, name, wish)
        if not fresh:
            with even_unrecorded(session):
                attach(project, session)
        seen = NOTHING if fresh else observe(project, session)
        keep, ended = not session.remove_worktree, session.state in ENDED
        steps = plan(session.intent, session.sandbox, seen, keep_worktree=keep, ended=ended)
        for stage in _stages(project, session, steps):
            _side_by_side(project, name, stage, wish, progress)
        return session if Step.FORGET in steps else project.store.session(name)


def _stages(project: Project, session: Session, steps: tuple[Step, ...]) -> tuple[tuple[tuple[Step, ...], ...], ...]:
    """Return the steps' stages: each on its own where a container's mounts name directories of its worktree."""
    return tuple(((step,),) for step in steps) if paired_git.unfilled(project, session) else lanes(steps)


def _wanted(project: Project, name: str, wish: Wish) -> Session:
    return replace(project.store.session(name), **wish)


def _side_by_side(
    project: Project, name: str, stage: tuple[tuple[Step, ...], ...], wish: Wish, progress: Progress
) -> None:
    if len(stage) == 1:
        return _in_order(project, name, stage[0], wish, progress)
    prepare_places(project, project.store.session(name))
    with ThreadPoolExecutor(len(stage)) as pool:
        begun = [pool.submit(_in_order, project, name, lane, wish, progress) for lane in stage]
    for one in begun:
        one.result()
    return None


def _in_order(project: Project, name: str, steps: tuple[Step, ...], wish: Wish, progress: Progress) -> None:
    for step in steps:
        PERFORM[step](project, _wanted(project, name, wish), progress)


def reconcile(project: Project, *, progress: Progress = ignore) -> list[Trouble]:
    """Settle every session, and finish any landing that a crash cut off; return what could not be done.

    No session's trouble, a bug of ours included, keeps another from being settled. After ``down --stop``
    nothing is started again before the next ``up``.
    """
    with suppress(EngineDown, DeadlineExceeded):
        drop_containers(project)
    temporary.sweep()
    index_lock.sweep(project.repository.common_dir)
    troubles = [error for error in (_finish_landings(project),) if error is not None]
    resting = project.store.get("resting") == "yes"
    for session in project.store.sessions():
        if resting and session.intent is Intent.RUN:
            continue
        try:
            settle(project, session.name, progress=progress)
        except Exception as error:  # noqa: BLE001 -- the others are settled all the same
            troubles.append(_troubled(project, session, error))
    return troubles


def _finish_landings(project: Project) -> Trouble | None:
    try:
        finish_landings(project)
    except Exception as error:  # noqa: BLE001 -- the sessions are settled all the same
        return trouble_of(project, "", error)
    return None


def _troubled(project: Project, session: Session, error: Exception) -> Trouble:
    trouble = trouble_of(project, session.name, error)
    if session.intent is Intent.DELETE and not isinstance(error, _PASSING):
        # To be deleted for ever it would be neither there nor gone; it stops, and can be deleted again.
        with suppress(StoreError):
            project.store.update_session(session.name, intent=Intent.STOP)
    return trouble
