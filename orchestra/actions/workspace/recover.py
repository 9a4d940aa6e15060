"""Bring a whole project to its intended state after a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestra.actions.landing import tryout
from orchestra.actions.landing.move import finish_landings
from orchestra.actions.landing.take import delete_the_others
from orchestra.actions.session.manage import restore, unfinished_restorations
from orchestra.actions.session.many import each
from orchestra.actions.session.settle import settle
from orchestra.actions.session.stale_containers import drop_containers
from orchestra.actions.session.troubles import Trouble, trouble_of
from orchestra.actions.work import summaries
from orchestra.drivers import temporary
from orchestra.drivers.git import index_lock
from orchestra.errors import DeadlineExceeded, EngineDown, NotFound, OrchestraError, StoreError
from orchestra.model import Intent, Session
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

_PASSING = (EngineDown, DeadlineExceeded, StoreError)


def reconcile(project: Project, *, progress: Progress = ignore) -> list[Trouble]:
    """Settle every session, many at once, and finish any interrupted landing, try or restoration; return what failed.

    An error in one session, even a bug of ours, does not stop the others. After ``down --stop``
    nothing is started until the next ``up``.
    """
    with suppress(EngineDown, DeadlineExceeded):
        drop_containers(project)
    with suppress(EngineDown, DeadlineExceeded):
        summaries.sweep(project)
    temporary.sweep()
    temporary.sweep(project.paths.scratch)
    index_lock.sweep(project.repository.common_dir)
    moves = [_finished(project, finish) for finish in (finish_landings, delete_the_others, tryout.finish)]
    resting = project.store.workspace.get().resting
    sessions = [session for session in project.store.sessions.all() if not resting or session.intent is not Intent.RUN]

    def settled(session: Session) -> Trouble | None:
        try:
            settle(project, session.name, progress=progress)
        except Exception as error:  # noqa: BLE001 -- the others are settled all the same
            return None if _is_gone(project, session) else _troubled(project, session, error)
        return None

    # Alone, because a restoration that ends this process must keep no other session from being settled.
    troubles = [*moves, *each(sessions, settled), *(() if resting else _finish_restorations(project, progress))]
    _arrange(project, sessions)
    return [trouble for trouble in troubles if trouble is not None]


def _arrange(project: Project, before: Sequence[Session]) -> None:
    """Put the windows that were opened side by side in the order of their sessions."""
    known = {session.window for session in before}
    opened = [session.window for session in project.store.sessions.all() if session.window not in {None, *known}]
    windows = [window for window in opened if window]
    if len(windows) > 1:
        # Their order is only for the eye.
        with suppress(OrchestraError):
            if (server := project.tmux()) is not None:
                server.windows.arrange(windows)


def _finished(project: Project, finish: Callable[[Project], None]) -> Trouble | None:
    try:
        finish(project)
    except Exception as error:  # noqa: BLE001 -- the sessions are settled all the same
        return trouble_of(project, "", error)
    return None


def _finish_restorations(project: Project, progress: Progress) -> list[Trouble]:
    """Bring back the deleted sessions whose worktrees are half restored; until then gc keeps these."""
    troubles = []
    for name in unfinished_restorations(project):
        progress(f"{name} was being restored; that is finished now")
        try:
            restore(project, name, progress=progress)
        except Exception as error:  # noqa: BLE001 -- the others are restored all the same
            trouble = trouble_of(project, name, error)
            troubles.append(replace(trouble, message=f"was being restored: {trouble.message}", hint=_again(name)))
    return troubles


def _again(name: str) -> str:
    return f"to finish that: orchestra restore {name}"


def _is_gone(project: Project, session: Session) -> bool:
    """Return whether somebody else, such as the service beside ``up``, has deleted a session to its end."""
    with suppress(StoreError):
        known = project.store.sessions.find(session.name)
        return known is None or known.id != session.id
    return False


def _troubled(project: Project, session: Session, error: Exception) -> Trouble:
    trouble = trouble_of(project, session.name, error)
    if session.intent is Intent.DELETE and not isinstance(error, _PASSING):
        # Otherwise it would stay half deleted; it is stopped, and can be deleted again.
        with suppress(StoreError, NotFound):
            project.store.sessions.update(session.name, intent=Intent.STOP)
    return trouble
