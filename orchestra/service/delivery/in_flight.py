"""Messages on their way to an agent: recorded before they are sent, and confirmed by the agent's next signs."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable

from orchestra.actions.messaging.batches import BATCH
from orchestra.model import Channel, Message, MessageState, Session, Sign
from orchestra.project import Project
from orchestra.service.delivery.decide import PACE, Pace, Retype, free
from orchestra.store.deliveries import Delivery, Fate

_TAKING: dict[int, threading.Lock] = {}
_STARTS = frozenset({Sign.LAUNCHED, Sign.READY, Sign.ENDED})
_CALLS = frozenset({Channel.HOOK_REPLY, Channel.WAKE})
_PENDING = frozenset({Fate.OFFERED, Fate.SENT})


def taking(session: Session) -> threading.Lock:
    """Return the lock that is held while messages are chosen for an agent, until they are recorded as on their way.

    Two of its hooks, its listener and its window may do so at the same moment, in different threads.
    """
    return _TAKING.setdefault(session.id, threading.Lock())


def waiting(
    project: Project, session: Session, channel: Channel, *, retype: Retype | None = None, pace: Pace = PACE
) -> list[Message]:
    """Return the oldest queued messages for an agent that a channel may deliver, without those on their way."""
    deliveries = project.store.deliveries.of(session.id)
    queued = project.store.messages.queued(
        session.name, limit=BATCH + len({delivery.message for delivery in deliveries})
    )
    return free(queued, deliveries, channel, time.monotonic(), retype=retype, pace=pace)


def offer(project: Project, session: Session, messages: Iterable[Message]) -> None:
    """Record the messages in the reply to a hook; `answer_left` records that the reply was sent."""
    noted = [Delivery(message.id, Channel.HOOK_REPLY, Fate.OFFERED, time.monotonic()) for message in messages]
    project.store.deliveries.note(session.id, noted)


def answer_left(project: Project, session: Session) -> None:
    """Record that the reply with the offered messages has been sent."""
    if replied := [
        delivery.message for delivery in _pending(project, session) if delivery.channel is Channel.HOOK_REPLY
    ]:
        project.store.deliveries.set_fate(replied, Channel.HOOK_REPLY, Fate.SENT)


def give(project: Project, session: Session, listener: int, messages: Collection[Message]) -> None:
    """Record what a listener gets now, in addition to earlier messages: Codex may take ten seconds to see them.

    The next hook call does not confirm earlier messages. A listener that did not get its answer
    asks for the same again.
    """
    now = time.monotonic()
    with project.store.together():
        for delivery in _pending(project, session):
            project.store.deliveries.set_fate([delivery.message], delivery.channel, Fate.PASSED)
        noted = [Delivery(message.id, Channel.WAKE, Fate.SENT, now, listener=listener) for message in messages]
        project.store.deliveries.note(session.id, noted)


def given_to(project: Project, session: Session, listener: int) -> list[Message]:
    """Return the unconfirmed messages that a listener got, if no later one got any; without typed ones."""
    deliveries = project.store.deliveries.of(session.id)
    typed = [delivery for delivery in deliveries if delivery.channel is Channel.TYPED]
    given = [
        delivery
        for delivery in _pending(project, session)
        if delivery.channel is Channel.WAKE and delivery.listener == listener
    ]
    messages = [message for delivery in given if (message := project.store.messages.get(delivery.message)) is not None]
    return free(messages, typed, Channel.WAKE, time.monotonic())


def confirm(project: Project, session: Session, signs: Collection[Sign]) -> None:
    """Record what a hook call confirms; an agent that starts again has not seen its messages."""
    pending = _pending(project, session) if signs else []
    if not pending:
        return
    with project.store.together():
        if _STARTS.isdisjoint(signs):
            project.store.messages.mark(
                [delivery.message for delivery in pending if delivery.fate is Fate.SENT], MessageState.DELIVERED
            )
        for delivery in pending:
            project.store.deliveries.forget([delivery.message], delivery.channel)


def _pending(project: Project, session: Session) -> list[Delivery]:
    """Return what the agent's next hook call confirms: the messages in its last reply, or of its last listener."""
    deliveries = project.store.deliveries.of(session.id)
    return [delivery for delivery in deliveries if delivery.channel in _CALLS and delivery.fate in _PENDING]
