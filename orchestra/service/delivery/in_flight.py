"""What is on its way to an agent: noted before it goes, and settled by the agent's next signs."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable

from orchestra.actions.messaging.batches import BATCH
from orchestra.model import Channel, Message, MessageState, Session, Sign
from orchestra.project import Project
from orchestra.service.delivery.decide import PACE, Pace, Retype, free
from orchestra.store.deliveries import Delivery, Fate

TAKING = threading.Lock()
"""Held while messages are taken for an agent, from the look at what waits until it is noted what goes.

Two of its hooks, a listener beside it and its window may do so at the same moment, each in a thread of its own.
"""
_STARTS = frozenset({Sign.LAUNCHED, Sign.READY, Sign.ENDED})
_CALLS = frozenset({Channel.HOOK_REPLY, Channel.WAKE})
_PENDING = frozenset({Fate.OFFERED, Fate.SENT})


def waiting(
    project: Project, session: Session, channel: Channel, *, retype: Retype | None = None, pace: Pace = PACE
) -> list[Message]:
    """Return the oldest messages that wait for an agent and that a channel may take: not what is on its way already."""
    deliveries = project.store.deliveries(session.id)
    queued = project.store.queued(session.name, limit=BATCH + len({one.message for one in deliveries}))
    return free(queued, deliveries, channel, time.monotonic(), retype=retype, pace=pace)


def offer(project: Project, session: Session, messages: Iterable[Message]) -> None:
    """Note what the reply to a hook is about to bring; `answer_left` says that it went."""
    noted = [Delivery(one.id, Channel.HOOK_REPLY, Fate.OFFERED, time.monotonic()) for one in messages]
    project.store.note_deliveries(session.id, noted)


def answer_left(project: Project, session: Session) -> None:
    """Record that the reply with what is on its way has been sent."""
    if replied := [one.message for one in _pending(project, session) if one.channel is Channel.HOOK_REPLY]:
        project.store.settle_deliveries(replied, Channel.HOOK_REPLY, Fate.SENT)


def give(project: Project, session: Session, listener: int, messages: Collection[Message]) -> None:
    """Note what a listener takes now, beside what is still under way: Codex may take ten seconds to see it.

    The next hook call proves nothing about what was given before. A listener that did not get its answer asks for the
    same again.
    """
    now = time.monotonic()
    with project.store.together():
        for one in _pending(project, session):
            project.store.settle_deliveries([one.message], one.channel, Fate.PASSED)
        noted = [Delivery(one.id, Channel.WAKE, Fate.SENT, now, listener=listener) for one in messages]
        project.store.note_deliveries(session.id, noted)


def given_to(project: Project, session: Session, listener: int) -> list[Message]:
    """Return what a listener was given that has not arrived, where no later one was given any; not what was typed."""
    deliveries = project.store.deliveries(session.id)
    typed = [one for one in deliveries if one.channel is Channel.TYPED]
    given = [one for one in _pending(project, session) if one.channel is Channel.WAKE and one.listener == listener]
    messages = [message for one in given if (message := project.store.message(one.message)) is not None]
    return free(messages, typed, Channel.WAKE, time.monotonic())


def settle(project: Project, session: Session, signs: Collection[Sign]) -> None:
    """Record what a hook call proves of what was on its way: an agent that starts anew has not seen it."""
    pending = _pending(project, session) if signs else []
    if not pending:
        return
    with project.store.together():
        if _STARTS.isdisjoint(signs):
            project.store.mark([one.message for one in pending if one.fate is Fate.SENT], MessageState.DELIVERED)
        for one in pending:
            project.store.forget_deliveries([one.message], one.channel)


def _pending(project: Project, session: Session) -> list[Delivery]:
    """Return what the agent's next hook call is about: what its last reply, or its last listener, was given."""
    deliveries = project.store.deliveries(session.id)
    return [one for one in deliveries if one.channel in _CALLS and one.fate in _PENDING]
