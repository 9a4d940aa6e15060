"""The periods of the watcher."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Periods in seconds.

    ``tick``: between two attempts at something that waits for something else, and between two
    rounds where the kernel gives no events; ``beat``: between two rounds without any event;
    ``look``: between two looks at the boxes while one starts or no events of them arrive;
    ``sweep``: between two looks at everything that is watched, in case an event was missed, and
    ``sweep_work`` the same for worktrees; ``panes``: between two looks at windows that are quiet;
    ``diff``: the least after a count; ``diff_busy`` and ``diff_idle``: between two counts of a
    worktree that is not watched, for working and idle agents; ``deliver``: between two attempts to
    deliver.
    """

    tick: float = 0.3
    beat: float = 10.0
    look: float = 1.5
    sweep: float = 60.0
    sweep_work: float = 1800.0
    panes: float = 5.0
    diff: float = 0.1
    diff_busy: float = 10.0
    diff_idle: float = 30.0
    deliver: float = 0.3
