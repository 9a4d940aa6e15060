"""Messages in the reply to a hook call of an agent, during a turn or at its end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orchestra.actions.messaging import hook_events, permission_requests
from orchestra.actions.messaging.batches import handed_over
from orchestra.actions.messaging.messages import given_in, quoted
from orchestra.agents import Family, family_of
from orchestra.model import Channel, Message, MessageState, Session, Sign
from orchestra.project import Project
from orchestra.service.delivery import in_flight
from orchestra.service.delivery.decide import Asks, Facts, decide
from orchestra.service.delivery.presence import Presence

_NUMBERS = re.compile(r"^\s*\[message (\d{1,15}) from ", re.MULTILINE)
_MOST = 100


def take_hook(
    project: Project, session: Session, event: str, payload: Mapping[str, Any], *, presence: Presence
) -> dict[str, Any]:
    """Record one hook call and return the reply; at the end of a turn the reply contains the queued messages.

    A message offered in a reply counts as delivered once the agent's next hook call shows that it
    continued. If the agent starts again instead, or the reply was never sent, it is offered the
    message again.
    """
    family = family_of(project.profile(session.agent))
    with in_flight.taking(session):
        signs = family.signs(event, payload)
        if hook_events.comes_late(project, session, signs):
            return {}
        _confirm(project, session, {sign for sign, _ in signs})
        permission_requests.close_done(project, session, family, event, payload)
        hook_events.record_signs(project, session, signs, family.call(event, payload))
        hook_events.record_usage(project, session, family, event, payload)
        if event not in family.HANDS_OVER:
            return {}
        project.store.messages.mark(_typed_in(project, session, family.prompt(event, payload)), MessageState.DELIVERED)
        given = _given(project, session, _facts(session, family, signs, presence))
    return family.hook_reply(event, quoted(given))


def _facts(session: Session, family: Family, signs: Sequence[tuple[Sign, str]], presence: Presence) -> Facts:
    ends = any(sign is Sign.TURN_ENDED for sign, _ in signs)
    return Facts(
        now=datetime.now(UTC),
        asks=Asks.TURN_END if ends else Asks.HOOK,
        woken=family.LISTENS,
        listened=presence.since_listened(session.id, expected=family.LISTENS),
    )


def _confirm(project: Project, session: Session, signs: set[Sign]) -> None:
    in_flight.confirm(project, session, signs)
    if Sign.TURN_ENDED in signs:
        hook_events.mark_read(project, session)


def _given(project: Project, session: Session, facts: Facts) -> list[Message]:
    waiting = in_flight.waiting(project, session, Channel.HOOK_REPLY)
    if decide(session, waiting, facts).channel is not Channel.HOOK_REPLY:
        return []
    given = handed_over(project, session, waiting)
    in_flight.offer(project, session, given)
    if facts.asks is Asks.TURN_END:
        numbers = ", ".join(str(message.id) for message in given)
        project.store.sessions.record_sign(session.name, Sign.TURN_STARTED, f"goes on with message {numbers}")
    return given


def _typed_in(project: Project, session: Session, prompt: str) -> list[int]:
    """Return the session's queued messages whose heads are in a prompt that its agent submitted."""
    numbers = [int(digits) for digits in _NUMBERS.findall(prompt)[:_MOST]]
    messages = [message for number in numbers if (message := project.store.messages.get(number)) is not None]
    waiting = [
        message
        for message in messages
        if message.state is MessageState.QUEUED and project.store.messages.is_addressed(message.id, session.name)
    ]
    return [message.id for message in given_in(prompt, waiting)]
