"""Type messages into agents' windows when it is safe, and find out whether they have arrived."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestra.actions.messaging.batches import handed_over
from orchestra.actions.messaging.messages import heads, quoted
from orchestra.errors import NotFound
from orchestra.lifecycle import may_type
from orchestra.model import Channel, Message, MessageState, Session, Sign, Window
from orchestra.project import Project
from orchestra.protocol import request_id
from orchestra.service.delivery import in_flight
from orchestra.service.delivery.decide import PACE, Decision, Facts, Pace, PromptSight, Retype, decide
from orchestra.service.delivery.facts import Sight, facts_of, since_used
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.prompts import Prompts
from orchestra.store.deliveries import Delivery, Fate

if TYPE_CHECKING:
    from orchestra.drivers.tmux.driver import Tmux

log = logging.getLogger("orchestra.service.delivery.typed")

_PROOFS = frozenset({Sign.TURN_STARTED.value, Sign.TOOL_USED.value})
_POLL = 0.05


class TypedDelivery:
    """Types the queued messages of one project's sessions.

    A message is recorded before the paste. It is typed again only if it is proven to be lost: the
    same process saw no hook of a program that reports each prompt, and neither the prompt nor the
    screen shows the text.
    """

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
        self._pace = pace or PACE
        self._pause = pause
        self._service = request_id()
        self._met: dict[int, float] = {}
        self._puzzled: set[int] = set()
        self.prompts = Prompts(project)

    def wanted(self, session: Session) -> bool:
        """Return whether the session's window must be checked."""
        if self._unresolved(session):
            return True
        # Reading its profile takes milliseconds, and can only rule the check out.
        program, pulled = (
            self._project.store.sessions.program_sign(session.name),
            self._presence.since_pulled(session.id),
        )
        hopeful = Facts(datetime.now(UTC), program, hooks=False, tells_prompts=True, pulled=pulled)
        return self._needs_look(session, hopeful) and self._needs_look(session, self._facts(session))

    def _needs_look(self, session: Session, facts: Facts) -> bool:
        return decide(session, self._fresh(session, facts), facts, self._pace).look is not None

    def _facts(self, session: Session) -> Facts:
        return facts_of(self._project, session, self._presence)

    def attend(self, name: str) -> Decision:
        """Type the queued messages of a session if that is allowed now, and return the decision."""
        session = self._project.store.sessions.get(name)
        self._resolve_typed(session)
        facts = self._facts(session)
        queued = self._fresh(session, facts)
        sight = Sight(self._project, session, self.prompts)
        while (decision := decide(session, queued, facts, self._pace)).look is not None:
            facts = sight.at(decision.look, facts)
        if facts.prompt is PromptSight.UNKNOWN:
            self._log_unknown_prompt(session)
        return decision if facts.prompt is PromptSight.NOT_SEEN else self._at_prompt(session, sight, facts)

    def _at_prompt(self, session: Session, sight: Sight, facts: Facts) -> Decision:
        """Make the final decision with all facts, and type accordingly."""
        typed: list[Message] = []
        after = 0
        with in_flight.taking(session):
            self._presence.saw_draft(session.id, stands=facts.prompt is not PromptSight.EMPTY)
            now, queued = self._project.store.sessions.get(session.name), self._fresh(session, facts)
            program = self._project.store.sessions.program_sign(session.name)
            facts = replace(facts, program=program, now=datetime.now(UTC))
            decision = decide(now, queued, facts, self._pace)
            if decision.channel is Channel.TYPED and sight.server is not None and sight.window is not None:
                typed = self._unseen(session, queued, sight.server.panes.capture(sight.window.pane))
                typed = handed_over(self._project, session, typed)
                after = self._note(session, typed)
        if typed and sight.server is not None and sight.window is not None:
            self._type(session, sight.server, sight.window, typed, after)
        return decision

    def _log_unknown_prompt(self, session: Session) -> None:
        if session.id not in self._puzzled:
            self._puzzled.add(session.id)
            reason = f"the empty prompt of {session.agent} is not known"
            hint = "describe it in its profile, with the key prompt"
            self._project.store.events.log(session.name, "trouble", f"messages are not typed: {reason}; {hint}")

    def _unresolved(self, session: Session) -> list[Delivery]:
        """Return what an earlier service typed whose result is still unknown."""
        return [
            delivery
            for delivery in self._typed(session)
            if delivery.fate is Fate.OFFERED and delivery.service != self._service
        ]

    def _typed(self, session: Session) -> list[Delivery]:
        return [
            delivery for delivery in self._project.store.deliveries.of(session.id) if delivery.channel is Channel.TYPED
        ]

    def _fresh(self, session: Session, facts: Facts) -> list[Message]:
        """Return the queued messages that are not on their way through another channel, oldest first."""
        retype = Retype(self._service, facts.tells_prompts)
        return in_flight.waiting(self._project, session, Channel.TYPED, retype=retype, pace=self._pace)

    def _unseen(self, session: Session, queued: list[Message], screen: str) -> list[Message]:
        """Leave out messages that were typed before and are on the screen: they arrived, though unconfirmed."""
        before = {delivery.message: delivery for delivery in self._typed(session)}
        seen = [
            message.id
            for message, head in zip(queued, heads(queued), strict=True)
            if message.id in before and head in screen
        ]
        later = [replace(before[number], offered_at=time.monotonic()) for number in seen]
        if later:
            self._project.store.deliveries.note(session.id, later)
        return [message for message in queued if message.id not in seen]

    def _note(self, session: Session, messages: list[Message]) -> int:
        """Record what will be typed, and return the session's last event before that."""
        (last,) = [event.id for event in self._project.store.events.select(session.name, limit=1)] or [0]
        typed = Delivery(0, Channel.TYPED, Fate.OFFERED, time.monotonic(), after=last, service=self._service)
        noted = [replace(typed, message=message.id) for message in messages]
        self._project.store.deliveries.note(session.id, noted)
        return last

    def _type(self, session: Session, server: Tmux, window: Window, queued: list[Message], after: int) -> None:
        store, ids = self._project.store, [message.id for message in queued]
        try:
            shown = self._paste(session, server, window, quoted(queued))
        except NotFound:
            # Its program has ended, so the text was lost.
            store.deliveries.forget(ids, Channel.TYPED)
            raise
        if not self._project.profile(session.agent).hooks:
            store.deliveries.set_fate(ids, Channel.TYPED, Fate.NO_SIGN)
            store.events.log(session.name, "typed", f"message {_label(ids)}")
        elif self._proven(session, after) or self._enter_again(session, server, window, shown, after):
            store.messages.mark(ids, MessageState.DELIVERED)
        else:
            self._show(session, ids, Fate.NO_SIGN, f"{session.agent} did not confirm it")

    def _paste(self, session: Session, server: Tmux, window: Window, text: str) -> str:
        """Paste a text and press Enter; return the text in the prompt before Enter."""
        seen: list[str | None] = []

        def pause(seconds: float) -> None:
            time.sleep(seconds)
            seen.append(self.prompts.text(session, server, window.pane))

        server.panes.paste(window.pane, text, sleep=pause)
        return (seen[0] if seen else None) or ""

    def _resolve_typed(self, session: Session) -> None:
        """Find out what happened to messages that a former service typed."""
        for delivery in self._unresolved(session):
            since = self._met.setdefault(delivery.message, time.monotonic())
            if self._shows_proof(session, delivery.after):
                self._project.store.messages.mark([delivery.message], MessageState.DELIVERED)
            elif time.monotonic() - since >= self._pace.proof:
                self._show(
                    session, [delivery.message], Fate.UNKNOWN, "Orchestra's service ended before it was confirmed"
                )

    def _show(self, session: Session, ids: list[int], fate: Fate, why: str) -> None:
        log.warning("%s did not confirm message %s", session.name, _label(ids))
        text = f"message {_label(ids)} was typed, but {why}; check its window, and send it again if it is not there"
        with self._project.store.together():
            self._project.store.deliveries.set_fate(ids, Channel.TYPED, fate)
            self._project.store.events.log(session.name, "trouble", text)

    def _proven(self, session: Session, after: int) -> bool:
        end = time.monotonic() + self._pace.proof
        while not (shown := self._shows_proof(session, after)) and time.monotonic() < end:
            self._pause(_POLL)
        return shown

    def _shows_proof(self, session: Session, after: int) -> bool:
        return any(event.kind in _PROOFS for event in self._project.store.events.select(session.name, after_id=after))

    def _enter_again(self, session: Session, server: Tmux, window: Window, shown: str, after: int) -> bool:
        """Press Enter again, for agents that ignore an Enter too soon after a paste.

        Only if the prompt still holds the text as pasted, and nobody has used the window.
        """
        program = self._project.store.sessions.program_sign(session.name)
        if not shown or not may_type(self._project.store.sessions.get(session.name).state, program):
            return False
        if since_used(window, server.clients(), datetime.now(UTC)) < self._pace.quiet + self._pace.proof:
            return False
        if self.prompts.text(session, server, window.pane) != shown:
            return False
        server.panes.paste(window.pane, " ")
        return self._proven(session, after)


def _label(ids: list[int]) -> str:
    return ", ".join(str(number) for number in ids)
