"""Keep the database up to date: states of boxes, sizes of diffs, changed specs, summaries."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from orchestra.actions.messaging.messages import send
from orchestra.actions.session import container_spec, paired_git
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.session.last_output import last_words
from orchestra.actions.work import spec
from orchestra.drivers.git import worktree_diff
from orchestra.errors import DeadlineExceeded, NotFound, OrchestraError
from orchestra.events import Event
from orchestra.model import BoxEnd, BoxSight, BoxState, Intent, MessageKind, Role, SandboxKind, Session, Sign, State
from orchestra.names import PERSON, SYSTEM

if TYPE_CHECKING:
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.project import Project

__all__ = ["import_commits", "look", "look_at_boxes", "note_end", "refresh_diff", "refresh_summary", "watch_specs"]

_ENDED_WELL = frozenset({0, 130, 143})
"""Exit codes of an agent that ended as requested: by itself, by ^C, or by TERM (128 + signal)."""

_EXITED = "exited"
"""What the words of a sign say of a program that ended by itself."""
_NAMED = 5
_NEWS = timedelta(seconds=1)
"""What is told of an end later than this is left to the next look, because the agent may have been started since."""
_START_DEADLINE = 10.0
"""Seconds after a start in which the agent may not run yet."""
_QUIET = 10.0
"""Seconds without output after which the state of an agent without hooks is unknown."""


def look(project: Project) -> None:
    """Compare every session's record with the state of its box, and record changes."""
    troubles = look_at_boxes(project).troubles
    look_at_panes(project, unseen=troubles)
    if troubles:
        raise next(iter(troubles.values()))


@dataclass(frozen=True, slots=True)
class Looked:
    """What prevents a look at each kind of sandbox; ``busy`` if a session is being changed, so look again soon."""

    troubles: Mapping[SandboxKind, OrchestraError]
    busy: bool


def look_at_boxes(project: Project) -> Looked:
    """Compare every session's record with the state of its box; one kind of sandbox does not prevent the others."""
    troubles, busy = {}, False
    for kind in sorted(_kinds(project)):
        try:
            busy = _look_at(project, kind) or busy
        except OrchestraError as error:
            troubles[kind] = error
    return Looked(troubles, busy)


def _look_at(project: Project, kind: SandboxKind) -> bool:
    """Check the sessions in one kind of sandbox; return whether one is being changed by somebody else."""
    sights, busy = project.sandbox(kind).look_all(), False
    for session in project.store.sessions.all():
        if session.sandbox is kind:
            sight = sights.get(project.box_name(session), BoxSight(BoxState.ABSENT))
            # The session may be deleted at this moment.
            with contextlib.suppress(NotFound):
                busy = not _compare(project, session, sight) or busy
    return busy


def _kinds(project: Project) -> set[SandboxKind]:
    return {session.sandbox for session in project.store.sessions.all()}


def _compare(project: Project, session: Session, sight: BoxSight) -> bool:
    """Record what a box tells; returns False if somebody else is changing the session now."""
    if sight.state is BoxState.RUNNING:
        # The engine's list still shows what its events have told the end of.
        if _ended_by_itself(session) and container_spec.look(project, session).state is BoxState.RUNNING:
            project.store.sessions.record_sign(session.name, Sign.LAUNCHED, "runs again")
        return True
    return _is_expected(project, session) or _record_end(project, session.name)


def _is_expected(project: Project, session: Session) -> bool:
    """Return whether a session's agent need not run now."""
    ended = session.state in {State.STOPPED, State.FAILED} or session.intent is not Intent.RUN
    return ended or _is_being_started(project, session)


def _record_end(project: Project, name: str) -> bool:
    """Record that an agent has ended by itself; returns False if somebody is stopping or starting it now."""
    try:
        with project.lock(name, deadline=0.0):
            session = project.store.sessions.get(name)
            # It may have been started since it was seen.
            sight = container_spec.look(project, session)
            if not _is_expected(project, session):
                _note_end(project, session, sight)
    except DeadlineExceeded:
        return False
    return True


def note_end(project: Project, end: BoxEnd) -> None:
    """Record at once what was told of an agent's end, then its last output, once its box shows that it has ended.

    Somebody who is stopping or starting the agent now, or has done so since, knows better.
    """
    named = (session for session in project.store.sessions.all() if project.box_name(session) == end.name)
    session = next(named, None)
    if session is None or project.store.now() - end.at > _NEWS:
        return
    with contextlib.suppress(DeadlineExceeded, NotFound), project.lock(session.name, deadline=0.0):
        session = project.store.sessions.get(session.name)
        if session.state_since < end.at and not _is_expected(project, session):
            sign, text = _sign_of_end(session, end.code)
            project.store.sessions.record_sign(session.name, sign, text)
            container_spec.look(project, session)
            if sign is Sign.EXITED and (output := last_words(project, session)):
                project.store.sessions.complete_evidence(session.name, sign, f"{text}: {output}")


def _sign_of_end(session: Session, code: int | None) -> tuple[Sign, str]:
    sign = Sign.STOPPED if code in _ENDED_WELL else Sign.EXITED
    return sign, f"{session.agent} {_EXITED}" + ("" if code is None else f" with code {code}")


def _note_end(project: Project, session: Session, sight: BoxSight) -> None:
    if sight.state is BoxState.EXITED:
        sign, text = _sign_of_end(session, sight.code)
        output = last_words(project, session) if sign is Sign.EXITED else ""
        project.store.sessions.record_sign(session.name, sign, f"{text}: {output}" if output else text)
    elif sight.state is BoxState.ABSENT:
        gone = "no container" if session.sandbox is SandboxKind.DOCKER else "no process"
        project.store.sessions.record_sign(session.name, Sign.STOPPED, f"{_EXITED}: {gone} is left")


def _ended_by_itself(session: Session) -> bool:
    """Return whether a session's last sign is that its program ended, not that it was stopped."""
    sign, text = session.evidence.sign, session.evidence.text
    return sign is Sign.EXITED or (sign is Sign.STOPPED and _EXITED in text)


def _is_being_started(project: Project, session: Session) -> bool:
    age = (project.store.now() - session.state_since).total_seconds()
    return session.state is State.STARTING and age < _START_DEADLINE


def look_at_panes(project: Project, *, unseen: Container[SandboxKind] = ()) -> None:
    """Use the output in the windows of agents without hooks as evidence of their state.

    Sessions in an ``unseen`` kind of sandbox keep their recorded state, because it is unknown what
    runs there.
    """
    judged_by_panes = {State.STARTING, State.WORKING, State.UNKNOWN}
    running = [
        session
        for session in project.store.sessions.all()
        if session.intent is Intent.RUN and session.state in judged_by_panes
    ]
    silences = {agent: _is_silent(project, agent) for agent in {session.agent for session in running}}
    silent = [
        session for session in running if session.sandbox not in unseen and session.window and silences[session.agent]
    ]
    server = project.tmux() if silent else None
    activity = _output_times(project, server) if server else {}
    for session in silent:
        # The session may be deleted at this moment.
        with contextlib.suppress(NotFound):
            _sign_of_pane(project, session, activity.get(session.name))


def _output_times(project: Project, server: Tmux) -> dict[str, float]:
    """Return when each session's agent wrote something last, in seconds since the epoch."""
    times, source = server.windows.output_times(), str(project.paths.source)
    return {one.session: times[one.pane] for one in server.windows.all() if one.project == source and one.pane in times}


def _is_silent(project: Project, agent: str) -> bool:
    try:
        return not project.profile(agent).hooks
    except OrchestraError:
        # Its profile was removed or is broken; the other sessions are checked all the same.
        return False


def _sign_of_pane(project: Project, session: Session, active_at: float | None) -> None:
    """Record what the window of a running agent indicates; ``active_at`` is None if it has no window."""
    sign, text = Sign.PANE_ACTIVE, "its window is changing"
    if active_at is None:
        sign, text = Sign.PANE_QUIET, "running; no window shows its output"
    elif project.store.now().timestamp() - active_at > _QUIET:
        since = datetime.fromtimestamp(active_at, UTC)
        sign, text = Sign.PANE_QUIET, f"running; no output since {since:%H:%M} UTC"
    if (session.state is State.WORKING) != (sign is Sign.PANE_ACTIVE) or session.state is State.STARTING:
        project.store.sessions.record_sign(session.name, sign, text)


def refresh_diff(project: Project, session: Session) -> Mapping[str, int]:
    """Count the changes since the session's base; return the directories that were read, with their inodes.

    Also stores a mark of the worktree, so that others can see whether the diff has changed.
    """
    _guard_submodules(project, session)
    base = session.base if session.role is Role.EXECUTOR else project.repository.head()[0]
    counted = worktree_diff.count(project.repository, session.worktree, base, cache=project.session_paths(session).root)
    seen = (counted.mark, counted.tree, counted.tip)
    if counted.stat != project.store.sessions.get(session.name).diff:
        with project.store.together():
            project.store.notes.note_diff(session.id, *seen)
            project.store.sessions.update(session.name, diff=counted.stat)
    else:
        project.store.notes.note_diff(session.id, *seen)
    return counted.directories


def refresh_summary(project: Project, name: str) -> None:
    """Write in one line what a session is doing, unless that is what is written."""
    session = project.store.sessions.get(name)
    words = summary(session, project.store.events.select(name, limit=12))
    if words != session.summary:
        project.store.sessions.update(name, summary=words)


def _guard_submodules(project: Project, session: Session) -> None:
    """Keep the person's git out of submodules that were added since, for example by a merge in a worktree."""
    if session.role is Role.EXECUTOR:
        # The worktree may be about to be removed.
        with contextlib.suppress(OrchestraError):
            project.repository.hide_repositories(session.worktree)
    if paths := paired_git.uncovered(project, session):
        text = (
            f"the container of {session.name} shows your checkout and can write the git settings of "
            f"{', '.join(paths[:_NAMED])}, which appeared after its start: do not use git there until you have typed: "
            f"orchestra stop {session.name}; orchestra resume {session.name}"
        )
        with project.store.together():
            paired_git.note_covers(project, session, [*(project.store.notes.covered(session.id) or ()), *paths])
            project.store.events.log(session.name, "trouble", text)
            send(project, sender=SYSTEM, recipient=PERSON, text=text, kind=MessageKind.NOTICE)


def summary(session: Session, events: list[Event]) -> str:
    """Return one line about what a session is doing, from its events alone."""
    tools = [event.text for event in events if event.kind == Sign.TOOL_USED]
    if session.state in {State.WAITING, State.DONE, State.FAILED, State.STOPPED}:
        return session.evidence.text or str(session.evidence)
    if session.state is State.WORKING and tools:
        return tools[-1]
    return session.evidence.text or str(session.evidence)


def watch_specs(project: Project) -> None:
    """Save every spec that an editor changed, and tell its session."""
    for session in project.store.sessions.all():
        spec.notice_change(project, session.name)
