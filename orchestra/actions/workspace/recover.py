"""Bring a whole project to its intended state after a crash."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from orchestra.actions.session.settle import settle
from orchestra.actions.session.stale_containers import drop_containers
from orchestra.actions.session.troubles import Trouble, trouble_of
from orchestra.actions.work.merge import finish_landings
from orchestra.drivers import temporary
from orchestra.drivers.git import index_lock
from orchestra.errors import DeadlineExceeded, EngineDown, StoreError
from orchestra.model import Intent, Session
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

_PASSING = (EngineDown, DeadlineExceeded, StoreError)


def reconcile(project: Project, *, progress: Progress = ignore) -> list[Trouble]:
    """Settle every session, and finish any interrupted landing; return what failed.

    An error in one session, even a bug of ours, does not stop the others. After ``down --stop``
    nothing is started until the next ``up``.
    """
    with suppress(EngineDown, DeadlineExceeded):
        drop_containers(project)
    temporary.sweep()
    index_lock.sweep(project.repository.common_dir)
    troubles = [error for error in (_finish_landings(project),) if error is not None]
    resting = project.store.workspace.get().resting
    for session in project.store.sessions.all():
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
        # Otherwise it would stay half deleted; it is stopped, and can be deleted again.
        with suppress(StoreError):
            project.store.sessions.update(session.name, intent=Intent.STOP)
    return trouble
