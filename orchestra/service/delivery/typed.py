"""Typing messages into agents' windows: when it is safe, and how it is known to have arrived."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orchestra.actions.messaging import hook_events
from orchestra.actions.messaging.batches import BATCH, handed_over
from orchestra.actions.messaging.messages import heads, quoted
from orchestra.actions.session import container_spec
from orchestra.agents import Delivery as Way
from orchestra.agents import family_of
from orchestra.drivers.tmux.driver import Client, Tmux
from orchestra.errors import NotFound
from orchestra.lifecycle import Sign, age, in_a_turn, may_type
from orchestra.model import (
    Intent,
    Message,
    MessageKind,
    MessageState,
    Role,
    Session,
    State,
    Window,
)
from orchestra.project import Project
from orchestra.protocol import request_id
from orchestra.service.delivery import in_flight
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.prompts import Prompts
from orchestra.store.typed import Fate, Typed

log = logging.getLogger("orchestra.service.delivery.typed")

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
    if age(session.state_since, now) < pace.settled or age(queued[-1].sent_at, now) < pace.patience:
        return Decision(Do.WAIT, "it is too early")
    return Decision(Do.TYPE)


def can_wait(session: Session, queued: Sequence[Message]) -> bool:
    """Say whether no turn is worth being started for what waits.

    A turn of the designer's for every commit of the person's would be paid for by them, and interrupt.
    """
    return all(session.role is Role.DESIGNER and one.kind is MessageKind.NOTICE for one in queued)


def _used(window: Window, clients: Sequence[Client], now: datetime, quiet: float) -> bool:
    # A last key in the future was pressed before the clock was set back.
    return any(one.window == window.id and 0 <= now.timestamp() - one.activity < quiet for one in clients)


class TypedDelivery:
    """Delivers what waits for one project's sessions.

    What is typed is noted before the paste. Typed again is only what provably went nowhere: the same process saw no
    hook of a program that tells each prompt it takes, and neither its prompt nor its screen shows the text.
    """

    def __init__(
        self,
        project: Project,
        presence: Presence,
        *,
        pace: Pace | None = None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project = project
        self._presence = presence
        self._pace = pace or Pace()
        self._pause = pause
        self._clock = clock
        self._service = request_id()
        self._since: dict[int, float] = {}
        self._puzzled: set[int] = set()
        self.prompts = Prompts(project)

    def wanted(self, session: Session) -> bool:
        """Say whether a look at the session's window is worth its price."""
        if session.intent is not Intent.RUN or not self._sits(session) or self._presence.pulls(session.id):
            return False
        profile = self._project.profile(session.agent)
        if family_of(profile).LISTENS and self._presence.listens(session.id, within=self._pace.deaf):
            return False
        return profile.delivery is not Way.PULL

    def attend(self, name: str) -> Decision:
        """Type what waits for a session, if that may be done now, and return what was decided."""
        session = self._project.store.session(name)
        self._settle_typed(session)
        if not self._fresh(session) or not self.wanted(session) or self._is_busy(session):
            return Decision(Do.WAIT, "not now")
        server = self._project.tmux()
        window = container_spec.window_of(self._project, session)
        if server is None or window is None:
            return Decision(Do.WAIT, "the agent has no live window")
        decision = self._decide(session, server, window)
        return self._into_empty_prompt(session, server, window) if decision.do is Do.TYPE else decision

    def _decide(self, session: Session, server: Tmux, window: Window) -> Decision:
        program = self._project.store.program_sign(session.name)
        clients, now = server.clients(), datetime.now(UTC)
        return may_deliver(session, self._fresh(session), window, clients, now, pace=self._pace, program=program)

    def _into_empty_prompt(self, session: Session, server: Tmux, window: Window) -> Decision:
        # However long ago a draft was typed: Enter would send it, and it would be gone.
        standing = self.prompts.text(session, server, window.pane)
        with hook_events.ONE_AT_A_TIME:
            self._presence.saw_draft(session.id, stands=standing != "")
            queued = self._fresh(session)
            if standing == "" and queued:
                queued = self._unseen(session, queued, server.capture(window.pane))
                queued = handed_over(self._project, session, queued)
                self._note(session, queued)
        if standing is None:
            return self._not_known(session)
        if standing:
            return Decision(Do.BADGE if session.role is Role.DESIGNER else Do.WAIT, "a draft stands in its prompt")
        if queued:
            self._type(session, server, window, queued)
        return Decision(Do.TYPE)

    def _not_known(self, session: Session) -> Decision:
        reason = f"how the empty prompt of {session.agent} looks is not known"
        if session.id not in self._puzzled:
            self._puzzled.add(session.id)
            hint = "say it in its profile, with the key prompt"
            self._project.store.log(session.name, "trouble", f"messages are not typed: {reason}; {hint}")
        return Decision(Do.WAIT, reason)

    def _sits(self, session: Session) -> bool:
        """Say whether the agent sits at its prompt; one that failed may also have ended, and its container with it."""
        if session.state is not State.FAILED:
            return may_type(session.state)
        failed = may_type(session.state, self._project.store.program_sign(session.name))
        return failed and container_spec.runs(self._project, session)

    def _is_busy(self, session: Session) -> bool:
        """Say whether the agent is in a turn: one that reported COMPLETE may still open a dialog before its end."""
        hooks = self._project.profile(session.agent).hooks
        return hooks and in_a_turn(self._project.store.program_sign(session.name))

    def _fresh(self, session: Session) -> list[Message]:
        """Return what is queued and on its way in no other manner, the oldest first."""
        on_the_way = set(in_flight.under_way(self._project, session))
        typed = self._project.store.typed(session.id)
        away = on_the_way | {one.message for one in typed if not self._is_lost(session, one)}
        queued = self._project.store.queued(session.name, limit=BATCH + len(away))
        return [message for message in queued if message.id not in away][:BATCH]

    def _is_lost(self, session: Session, typed: Typed) -> bool:
        """Say whether what was typed may be typed again, if it is not seen anywhere."""
        ours = typed.service == self._service and typed.fate is Fate.NO_SIGN
        rested = self._clock() - self._since.get(typed.message, 0.0) >= self._pace.again
        return ours and rested and family_of(self._project.profile(session.agent)).TELLS_PROMPTS

    def _unseen(self, session: Session, queued: list[Message], screen: str) -> list[Message]:
        """Leave out what was typed before and stands on the screen: it was taken, though no hook told of it."""
        before = {one.message for one in self._project.store.typed(session.id)}
        seen = [
            message.id
            for message, head in zip(queued, heads(queued), strict=True)
            if message.id in before and head in screen
        ]
        self._since.update(dict.fromkeys(seen, self._clock()))
        return [message for message in queued if message.id not in seen]

    def _note(self, session: Session, queued: list[Message]) -> None:
        before = self._project.store.events(session.name, limit=1)
        ids = [message.id for message in queued]
        self._project.store.note_typed(session.id, ids, before[-1].id if before else 0, self._service)

    def _type(self, session: Session, server: Tmux, window: Window, queued: list[Message]) -> None:
        store, ids = self._project.store, [message.id for message in queued]
        (after, *_) = [one.after for one in store.typed(session.id) if one.message in ids] or [0]
        self._since.update(dict.fromkeys(ids, self._clock()))
        try:
            shown = self._paste(session, server, window, quoted(queued))
        except NotFound:
            # Its program ended: nothing took it.
            store.forget_typed(ids)
            raise
        if not self._project.profile(session.agent).hooks:
            store.settle_typed(ids, Fate.NO_SIGN)
            store.log(session.name, "typed", f"message {_label(ids)}")
        elif self._proven(session, after) or self._enter_again(session, server, window, shown, after):
            store.mark(ids, MessageState.DELIVERED)
        else:
            self._show(session, ids, Fate.NO_SIGN, f"{session.agent} gave no sign of it")

    def _paste(self, session: Session, server: Tmux, window: Window, text: str) -> str:
        """Paste a text and press Enter; return how it stood in the prompt before that."""
        seen: list[str | None] = []

        def settle(seconds: float) -> None:
            time.sleep(seconds)
            seen.append(self.prompts.text(session, server, window.pane))

        server.paste(window.pane, text, sleep=settle)
        return (seen[0] if seen else None) or ""

    def _settle_typed(self, session: Session) -> None:
        """Find out what became of what a service typed that has ended since."""
        store = self._project.store
        for one in store.typed(session.id):
            if one.fate is not Fate.UNDER_WAY or one.service == self._service:
                continue
            since = self._since.setdefault(one.message, self._clock())
            if self._shows_proof(session, one.after):
                store.mark([one.message], MessageState.DELIVERED)
            elif self._clock() - since >= self._pace.proof:
                self._show(session, [one.message], Fate.UNKNOWN, "Orchestra's service ended before a sign of it came")

    def _show(self, session: Session, ids: list[int], fate: Fate, why: str) -> None:
        log.warning("%s gave no sign that it took message %s", session.name, _label(ids))
        told = f"message {_label(ids)} was typed, but {why}; look at its window, and send it again if it is not there"
        with self._project.store.together():
            self._project.store.settle_typed(ids, fate)
            self._project.store.log(session.name, "trouble", told)

    def _proven(self, session: Session, after: int) -> bool:
        end = self._clock() + self._pace.proof
        while self._clock() < end:
            if self._shows_proof(session, after):
                return True
            self._pause(_POLL)
        return False

    def _shows_proof(self, session: Session, after: int) -> bool:
        return any(event.kind in _PROOFS for event in self._project.store.events(session.name, after_id=after))

    def _enter_again(self, session: Session, server: Tmux, window: Window, shown: str, after: int) -> bool:
        """Press Enter once more, for agents that swallow one that follows a paste too closely.

        Only while the text still stands in the prompt as it was pasted, and nobody has used the window.
        """
        program = self._project.store.program_sign(session.name)
        if not shown or not may_type(self._project.store.session(session.name).state, program):
            return False
        if _used(window, server.clients(), datetime.now(UTC), self._pace.quiet + self._pace.proof):
            return False
        if self.prompts.text(session, server, window.pane) != shown:
            return False
        server.paste(window.pane, " ")
        return self._proven(session, after)


def _label(ids: list[int]) -> str:
    return ", ".join(str(one) for one in ids)
