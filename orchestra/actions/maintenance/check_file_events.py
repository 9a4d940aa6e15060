"""Check whether the kernel tells the service of every change in the worktrees: inotify's limits, and what they cost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestra.actions.maintenance.finding import Finding
from orchestra.drivers import file_events as events
from orchestra.drivers.file_events import SystemLimit
from orchestra.errors import OrchestraError
from orchestra.model import Intent

if TYPE_CHECKING:
    from orchestra.project import Project

_WATCHES, _INSTANCES = 524_288, 1_024
_CHECK = "file events"


def file_events(project: Project) -> Iterator[Finding]:
    """Report the limits of the kernel's file events, and what they mean for this project; each names its remedy."""
    if not events.gives_events():
        limit = events.allowed_instances()
        used = f"all {limit.number:,} programs that may watch files ({limit.setting}) do"
        detail = f"{used}; without events the service only looks at files now and then"
        yield _raise(limit, max(_INSTANCES, 2 * limit.number), detail, well=False)
        return
    try:
        directories = _directories(project)
    except OrchestraError:
        # The repository's own finding says why it cannot be read.
        return
    if directories > events.MOST:
        detail = (
            f"the project has {directories:,} directories, more than the {events.MOST:,} that are watched in one "
            "worktree; its changes are counted every 10 to 600 seconds instead"
        )
        yield Finding(_CHECK, well=True, note=True, detail=detail)
        return
    yield _watches(project, directories)


def _watches(project: Project, directories: int) -> Finding:
    limit, running = events.allowed_watches(), _running(project)
    needed = directories * running
    detail = f"{limit.number:,} directories may be watched, of which Orchestra takes half"
    about = f"{running} worktrees of {directories:,} directories need about {needed:,}"
    if needed <= limit.number // 2:
        return Finding(_CHECK, well=True, detail=f"{detail}; {about}")
    return _raise(
        limit, max(_WATCHES, 4 * needed), f"{detail}, but {about}; the rest is counted every 10 to 600 seconds"
    )


def _raise(limit: SystemLimit, number: int, detail: str, *, well: bool = True) -> Finding:
    setting = f"{limit.setting}={number}"
    kept = f"sysctl -w {setting} && echo {setting} > /etc/sysctl.d/60-orchestra-{limit.file.rpartition('/')[2]}.conf"
    fix = f"{'' if os.geteuid() == 0 else 'sudo '}sh -c '{kept}'"
    repair = f"sudo sysctl -w {setting}; orchestra doctor --fix also keeps it"
    return Finding(_CHECK, well=well, note=well, detail=detail, repair=repair, fix=fix)


def _running(project: Project) -> int:
    """Return how many worktrees are watched: those of the agents that are to run, or the first one."""
    return max(1, sum(session.intent is Intent.RUN for session in project.store.sessions.all()))


def _directories(project: Project) -> int:
    """Return the directories of the last commit, with the top one; those of ignored files are not watched."""
    return 1 + len(project.repository.git().lines0("ls-tree", "-r", "-d", "--name-only", "-z", "HEAD"))
