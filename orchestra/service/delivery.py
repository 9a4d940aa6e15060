"""Typing messages into agents' windows: when it is safe, and how it is known to have arrived."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from orchestra.actions import evidence, places
from orchestra.actions.message import quoted
from orchestra.agents import Delivery as Way
from orchestra.agents import listens
from orchestra.agents.drafts import drafted
from orchestra.drivers.tmux import Client
from orchestra.lifecycle import Sign, in_a_turn, may_type
from orchestra.model import (
    Intent,
    Message,
    MessageKind,
    MessageState,
    Role,
    SandboxKind,
    Session,
    State,
    Window,
)
from orchestra.project import Project
from orchestra.service import handed
from orchestra.service.presence import Presence

log = logging.getLogger("orchestra.service.delivery")

LONG = 4000
"""Bytes of a text beyond which the agent gets a file with a pointer instead."""
_PROOFS = frozenset({Sign.TURN_STARTED.value, Sign.TOOL_USED.value})
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """How careful to be, in seconds.

    ``quiet``: since a person's last key in the window; ``settled``: in an idle state, for agents
    lose what is pasted while they draw; ``patience``: for a message to be fetched in a better way;
    ``deaf``: without the listener that an agent has; ``proof``: until the agent must have shown that
    it took the text; ``again``: before another try.
    """

    quiet: float = 5.0
    settled: float = 0.5
    patience: float = 0.2
    deaf: float = 30.0
    proof: float = 5.0
    again: float = 60.0


class Do(StrEnum):
    """What to do with messages that wait."""

    TYPE = "type"
    WAIT = "wait"
    BADGE = "badge"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why not to type."""

    do: Do
    reason: str = ""


def may_deliver(
    session: Session,
    queued: Sequence[Message],
    window: Window | None,
    clients: Sequence[Client],
    now: datetime,
    *,
    pace: Pace,
    pulls: bool = False,
    program: Sign | None = None,
) -> Decision:
    """Decide whether the queued messages may be typed now.

    In Claude Code, Codex and opencode the Enter after a paste approves an open permission dialog,
    so only an agent known to sit at its prompt is typed at; and no person's draft is added to.
    """
    if not queued:
        return Decision(Do.WAIT, "there is nothing to deliver")
    if can_wait(session, queued):
        return Decision(Do.WAIT, "it can wait for the designer's next turn")
    if pulls:
        return Decision(Do.WAIT, "the agent fetches its messages by itself")
    if session.intent is not Intent.RUN or not may_type(session.state, program):
        return Decision(Do.WAIT, f"the agent is {session.state}")
    if window is None or window.dead:
        return Decision(Do.WAIT, "the agent has no live window")
    if _used(window, clients, now, pace.quiet):
        return Decision(Do.BADGE if session.role is Role.DESIGNER else Do.WAIT, "a person uses the window")
    if _age(session.state_since, now) < pace.settled or _age(queued[-1].sent_at, now) < pace.patience:
        return Decision(Do.WAIT, "it is too early")
    return Decision(Do.TYPE)


def can_wait(session: Session, queued: Sequence[Message]) -> bool:
    """Say whether no turn is worth being started for what waits.

    A turn of the designer's for every commit of the person's would be paid for by them, and interrupt.
    """
    return all(session.role is Role.DESIGNER and one.kind is MessageKind.NOTICE for one in queued)


def shortened(project: Project, session: Session, message: Message) -> Message:
    """Return the message as it may be given to an agent: a long text becomes a file, with a pointer to it."""
    if len(message.text.encode("utf-8", "replace")) <= LONG:
        return message
    name = f"{message.id}.md"
    directory = project.place(session).agent / "messages"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = directory / f".{name}.new"
    fresh.write_text(message.text, encoding="utf-8", errors="replace")
    fresh.replace(directory / name)
    in_docker = session.sandbox is SandboxKind.DOCKER
    seen = Path(places.AGENT_FILES) / "messages" / name if in_docker else directory / name
    return replace(message, text=f"(It is long: read it in {seen})")


def _used(window: Window, clients: Sequence[Client], now: datetime, quiet: float) -> bool:
    return any(one.window == window.id and now.timestamp() - one.activity < quiet for one in clients)


def _age(then: datetime, now: datetime) -> float:
    return (now - then).total_seconds()


class Typist:
    """Delivers what waits for one project's sessions."""

    def __init__(
        self,
        project: Project,
        presence: Presence,
        *,
        pace: Pace | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._project = project
        self._presence = presence
        self._pace = pace or Pace()
        self._pause = pause
        self._tried: dict[int, tuple[int, datetime]] = {}

    def wanted(self, session: Session) -> bool:
        """Say whether a look at the session's window is worth its price."""
        if session.intent is not Intent.RUN or not self._sits(session) or self._presence.pulls(session.id):
            return False
        profile = self._project.profile(session.agent)
        if listens(profile.family) and self._presence.listens(session.id, within=self._pace.deaf):
            return False
        return profile.delivery is not Way.PULL

    def attend(self, name: str) -> Decision:
        """Type what waits for a session, if that may be done now, and return what was decided."""
        session = self._project.store.session(name)
        server = self._project.tmux()
        queued = self._fresh(session)
        if server is None or not queued or not self.wanted(session) or self._is_busy(session):
            return Decision(Do.WAIT, "not now")
        window = places.window_of(self._project, session)
        program = self._project.store.program_sign(name)
        clients, now = server.clients(), datetime.now(UTC)
        decision = may_deliver(session, queued, window, clients, now, pace=self._pace, program=program)
        if decision.do is Do.TYPE and window is not None:
            # However long ago it was typed: Enter would send it, and it would be gone.
            drafts = drafted(self._project.profile(session.agent).family, server.capture(window.pane, colour=True))
            with evidence.ONE_AT_A_TIME:
                self._presence.saw_draft(session.id, stands=drafts)
                queued = self._fresh(session)
            if drafts:
                return Decision(Do.BADGE if session.role is Role.DESIGNER else Do.WAIT, "a draft stands in its prompt")
            if queued:
                self._type(session, window.pane, queued)
        return decision

    def _sits(self, session: Session) -> bool:
        """Say whether the agent sits at its prompt; one that failed may also have ended, and its container with it."""
        if session.state is not State.FAILED:
            return may_type(session.state)
        failed = may_type(session.state, self._project.store.program_sign(session.name))
        return failed and places.runs(self._project, session)

    def _is_busy(self, session: Session) -> bool:
        """Say whether the agent is in a turn: one that reported COMPLETE may still open a dialog before its end."""
        hooks = self._project.profile(session.agent).hooks
        return hooks and in_a_turn(self._project.store.program_sign(session.name))

    def _fresh(self, session: Session) -> list[Message]:
        """Return what is queued and was not typed before, or so long ago that it must have been lost."""
        queued = self._project.store.messages(recipient=session.name, states=[MessageState.QUEUED])
        on_the_way = handed.under_way(self._project, session)
        queued = [message for message in queued if message.id not in on_the_way]
        if not self._project.profile(session.agent).hooks:
            typed = json.loads(self._project.store.get(_key(session)) or "0")
            return [message for message in queued if message.id > typed]
        last, at = self._tried.get(session.id, (0, datetime.min.replace(tzinfo=UTC)))
        if _age(at, datetime.now(UTC)) < self._pace.again:
            return [message for message in queued if message.id > last]
        return queued

    def _type(self, session: Session, pane: str, queued: list[Message]) -> None:
        store = self._project.store
        ids = [message.id for message in queued]
        before = store.events(session.name, limit=1)
        after = before[-1].id if before else 0
        self._tried[session.id] = (ids[-1], datetime.now(UTC))
        self._paste(pane, self._text(session, queued))
        label = ", ".join(str(one) for one in ids)
        if not self._project.profile(session.agent).hooks:
            store.set(_key(session), json.dumps(ids[-1]))
            store.log(session.name, "typed", f"message {label}")
        elif self._proven(session, after) or self._enter_again(session, pane, after):
            store.mark(ids, MessageState.DELIVERED)
        else:
            log.warning("%s gave no sign that it took message %s", session.name, label)
            store.log(session.name, "trouble", f"message {label} was typed, but {session.agent} gave no sign of it")

    def _paste(self, pane: str, text: str) -> None:
        server = self._project.tmux()
        if server is not None:
            server.paste(pane, text)

    def _proven(self, session: Session, after: int) -> bool:
        end = time.monotonic() + self._pace.proof
        while time.monotonic() < end:
            if any(event.kind in _PROOFS for event in self._project.store.events(session.name, after_id=after)):
                return True
            self._pause(_POLL)
        return False

    def _enter_again(self, session: Session, pane: str, after: int) -> bool:
        """Press Enter once more, for agents that swallow one that follows a paste too closely."""
        program = self._project.store.program_sign(session.name)
        if not may_type(self._project.store.session(session.name).state, program):
            return False
        self._paste(pane, " ")
        return self._proven(session, after)

    def _text(self, session: Session, queued: list[Message]) -> str:
        return quoted([shortened(self._project, session, message) for message in queued])


def _key(session: Session) -> str:
    return f"typed.{session.id}"
