"""Bring sessions from their observed state to their intent; the same code after a request and after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestra.actions.session import paired_git
from orchestra.actions.session.provision import prepare_directories
from orchestra.actions.session.reattach import attach
from orchestra.actions.session.steps import PERFORM, even_unrecorded, observe
from orchestra.lifecycle import ENDED, NOTHING, Step, lanes, plan
from orchestra.model import Session
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

Wish = Mapping[str, Any]
"""Fields of a session whose wanted values could not be recorded."""
RECORDED: Wish = MappingProxyType({})
"""Everything wanted is recorded."""


def settle(
    project: Project, name: str, *, fresh: bool = False, wish: Wish = RECORDED, progress: Progress = ignore
) -> Session:
    """Perform the missing steps until the session matches its intent; return it as it is then.

    ``fresh`` says that the session was just recorded, so that there is nothing to observe yet;
    ``wish`` has the values that could not be recorded. Raises the error of the first step that
    fails; what was done until then stays, and counts the next time.
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
        return session if Step.FORGET in steps else project.store.sessions.get(name)


def _stages(project: Project, session: Session, steps: tuple[Step, ...]) -> tuple[tuple[tuple[Step, ...], ...], ...]:
    """Group the steps into stages; each is on its own if a container's mounts include directories of its worktree."""
    return tuple(((step,),) for step in steps) if paired_git.unfilled(project, session) else lanes(steps)


def _wanted(project: Project, name: str, wish: Wish) -> Session:
    return replace(project.store.sessions.get(name), **wish)


def _side_by_side(
    project: Project, name: str, stage: tuple[tuple[Step, ...], ...], wish: Wish, progress: Progress
) -> None:
    if len(stage) == 1:
        return _in_order(project, name, stage[0], wish, progress)
    prepare_directories(project, project.store.sessions.get(name))
    with ThreadPoolExecutor(len(stage)) as pool:
        begun = [pool.submit(_in_order, project, name, lane, wish, progress) for lane in stage]
    for future in begun:
        future.result()
    return None


def _in_order(project: Project, name: str, steps: tuple[Step, ...], wish: Wish, progress: Progress) -> None:
    for step in steps:
        PERFORM[step](project, _wanted(project, name, wish), progress)
