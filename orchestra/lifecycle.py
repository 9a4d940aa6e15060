"""Decide what to do next with a session, from its recorded and observed state; pure, without effects."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from orchestra.model import BoxSight, BoxState, Intent, SandboxKind, Sign, State


class Step(StrEnum):
    """One idempotent part of an action."""

    WORKTREE = "worktree"
    PRIVATE_GIT = "private-git"
    FILES = "files"
    IMAGE = "image"
    BOX = "box"
    START = "start"
    WINDOW = "window"
    STOP = "stop"
    IMPORT = "import"
    ANCHOR = "anchor"
    CLOSE_WINDOW = "close-window"
    REMOVE_BOX = "remove-box"
    REMOVE_WORKTREE = "remove-worktree"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Seen:
    """The observed state of everything that a session owns.

    ``outdated`` says that the box shows more or less of the host than the session should see;
    ``half_removed`` that only git's record of the worktree is left.
    """

    worktree: bool
    private_git: bool
    files: bool
    box: BoxSight
    window: bool
    outdated: bool = False
    half_removed: bool = False


NOTHING = Seen(worktree=False, private_git=False, files=False, box=BoxSight(BoxState.ABSENT), window=False)
"""The observed state of a session that was just recorded."""


ENDED = frozenset({State.STOPPED, State.FAILED})
"""The states of a session whose agent is known to have ended."""


def plan(
    intent: Intent, sandbox: SandboxKind, seen: Seen, *, keep_worktree: bool = True, ended: bool = True
) -> tuple[Step, ...]:
    """Return the steps from the observed to the wanted state, in order.

    ``ended`` says that the agent's end is recorded; if it is not, a stop was interrupted and is
    repeated.

    An exited box is started again: its launcher resumes the conversation. A session's work is
    imported and anchored after its agent has stopped, so that nothing is missing, and before
    anything is removed.
    """
    if intent is Intent.RUN:
        return _toward_running(sandbox, seen)
    if intent is Intent.STOP:
        return (Step.STOP, Step.IMPORT) if seen.box.state is BoxState.RUNNING or not ended else ()
    return _toward_deleted(seen, keep_worktree=keep_worktree)


def lanes(steps: tuple[Step, ...]) -> tuple[tuple[tuple[Step, ...], ...], ...]:
    """Group planned steps into stages of lanes: the lanes of a stage may run in parallel, each in order.

    A container can be created together with its worktree. While it starts, the files for its first
    program can be written, and its window opened.
    """
    making = {Step.IMAGE, Step.BOX}
    if not making & set(steps) or Step.WORKTREE not in steps:
        return tuple(((step,),) for step in steps)
    first = tuple(((step,),) for step in steps if step in {Step.STOP, Step.REMOVE_BOX})
    box = tuple(step for step in steps if step in making)
    start = tuple(step for step in steps if step is Step.START)
    rest = tuple(step for step in steps if step in {Step.PRIVATE_GIT, Step.FILES, Step.WINDOW})
    return (*first, ((Step.WORKTREE,), box), (start, rest))


def _toward_running(sandbox: SandboxKind, seen: Seen) -> tuple[Step, ...]:
    if seen.outdated and seen.box.state is not BoxState.ABSENT:
        stop = (Step.STOP,) if seen.box.state is BoxState.RUNNING else ()
        bare = replace(seen, box=BoxSight(BoxState.ABSENT))
        return (*stop, Step.REMOVE_BOX, *_toward_running(sandbox, bare))
    in_docker = sandbox is SandboxKind.DOCKER
    needed = (
        (Step.WORKTREE, not seen.worktree),
        (Step.PRIVATE_GIT, in_docker and not seen.private_git),
        (Step.FILES, not seen.files or seen.box.state is not BoxState.RUNNING),
        (Step.IMAGE, in_docker and seen.box.state is BoxState.ABSENT),
        (Step.BOX, in_docker and seen.box.state is BoxState.ABSENT),
        (Step.START, in_docker and seen.box.state is not BoxState.RUNNING),
        (Step.WINDOW, not seen.window),
    )
    return tuple(step for step, wanted in needed if wanted)


def _toward_deleted(seen: Seen, *, keep_worktree: bool) -> tuple[Step, ...]:
    needed = (
        (Step.STOP, seen.box.state is BoxState.RUNNING),
        # Also a window whose program has ended, which is not observed as a window.
        (Step.CLOSE_WINDOW, True),
        (Step.IMPORT, seen.private_git),
        (Step.ANCHOR, seen.worktree),
        (Step.REMOVE_BOX, seen.box.state is not BoxState.ABSENT),
        (Step.REMOVE_WORKTREE, (seen.worktree or seen.half_removed) and not keep_worktree),
        (Step.FORGET, True),
    )
    return tuple(step for step, wanted in needed if wanted)


_NEXT: dict[Sign, State] = {
    Sign.LAUNCHED: State.STARTING,
    Sign.READY: State.IDLE,
    Sign.TURN_STARTED: State.WORKING,
    Sign.TOOL_USED: State.WORKING,
    Sign.PROMPTED: State.WAITING,
    Sign.TURN_ENDED: State.IDLE,
    Sign.TURN_FAILED: State.FAILED,
    Sign.ASKED: State.WAITING,
    Sign.ANSWERED: State.WORKING,
    Sign.COMPLETED: State.DONE,
    Sign.REPORTED_ERROR: State.WAITING,
    Sign.EXITED: State.FAILED,
    Sign.VANISHED: State.UNKNOWN,
    Sign.STOPPED: State.STOPPED,
    Sign.PANE_ACTIVE: State.WORKING,
    Sign.PANE_QUIET: State.UNKNOWN,
}

PROGRAM_SIGNS = frozenset({
    Sign.LAUNCHED, Sign.READY, Sign.TURN_STARTED, Sign.TOOL_USED, Sign.PROMPTED, Sign.TURN_ENDED, Sign.TURN_FAILED,
})  # fmt: skip
"""The signs of an agent's turns from its own program; the last one says what it is doing now."""
_IN_A_TURN = frozenset({Sign.LAUNCHED, Sign.TURN_STARTED, Sign.TOOL_USED, Sign.PROMPTED})
_ANSWERED_AFTER = {Sign.READY: State.IDLE, Sign.TURN_ENDED: State.IDLE, Sign.PROMPTED: State.WAITING}

_KEPT: dict[State, frozenset[Sign]] = {
    # It reported or asked in the middle of a turn; the rest of that turn changes nothing.
    State.DONE: frozenset({Sign.TOOL_USED, Sign.TURN_ENDED, Sign.READY, Sign.PANE_ACTIVE, Sign.PANE_QUIET}),
    State.STOPPED: frozenset({Sign.EXITED, Sign.ENDED, Sign.VANISHED, Sign.PANE_ACTIVE, Sign.PANE_QUIET}),
    State.FAILED: frozenset({Sign.TURN_ENDED, Sign.PANE_QUIET}),
    State.IDLE: frozenset({Sign.ANSWERED, Sign.PANE_ACTIVE, Sign.PANE_QUIET}),
}


def next_state(now: State, sign: Sign, *, question_open: bool = False, program: Sign | None = None) -> State:
    """Return the state that follows one piece of evidence; ``program`` is the last of `PROGRAM_SIGNS`.

    A session with an open question stays ``waiting`` when its turn ends, or while tools it had
    started finish; a session that reported COMPLETE stays ``done`` until a new turn starts. If its
    turn was over when its question was answered, the agent is at its prompt, and works only once it
    has the answer.
    """
    if sign is Sign.ENDED or sign in _KEPT.get(now, ()):
        return now
    if question_open and sign in {Sign.TURN_ENDED, Sign.TOOL_USED, Sign.READY, Sign.PANE_ACTIVE, Sign.PANE_QUIET}:
        return State.WAITING
    if now is State.WAITING and sign in {Sign.PANE_ACTIVE, Sign.PANE_QUIET}:
        return now
    if sign is Sign.ANSWERED and program is not None:
        return _ANSWERED_AFTER.get(program, State.WORKING)
    return _NEXT[sign]


def supports(state: State, sign: Sign) -> bool:
    """Return whether a piece of evidence supports a state, so that it may be shown as the reason."""
    return _NEXT.get(sign) is state


def in_a_turn(program: Sign | None) -> bool:
    """Return whether an agent is in the middle of a turn, from the last of its `PROGRAM_SIGNS`."""
    return program in _IN_A_TURN


def went_on(program: Sign | None) -> bool:
    """Return whether an agent has begun a turn since it started, so that a READY sign is outdated."""
    return in_a_turn(program) and program is not Sign.LAUNCHED


def may_type(state: State, program: Sign | None = None) -> bool:
    """Return whether text may be typed into a session's window; ``program`` is the last of `PROGRAM_SIGNS`.

    The agent must be known to be at its prompt: in Claude Code, Codex and opencode the Enter after
    a paste approves an open permission dialog. An agent whose model failed is at its prompt too.
    """
    return state in {State.IDLE, State.DONE} or (state is State.FAILED and program is Sign.TURN_FAILED)


def age(then: datetime, now: datetime) -> float:
    """Return how many seconds ago a time was; a time in the future, after a clock change, counts as long ago."""
    seconds = (now - then).total_seconds()
    return seconds if seconds >= 0 else math.inf
