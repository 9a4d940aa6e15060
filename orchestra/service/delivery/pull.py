"""Messages in the answer to a tool call of an agent, and the waits for messages."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio

from orchestra.actions.messaging import messages
from orchestra.actions.messaging.batches import fitting
from orchestra.model import Channel, Message, Session
from orchestra.service.context import Caller, ServiceContext
from orchestra.service.delivery.decide import Asks, Facts, decide

READ_AT_ONCE = 50
"""The most messages that one call of ``read_messages`` returns."""
READ_BYTES = 128 * 1024
"""The most bytes that one call of ``read_messages`` returns."""


async def read(caller: Caller) -> tuple[list[Message], bool]:
    """Return a caller's oldest unread messages, and whether there are more; they are marked once the answer is sent.

    They include messages on their way by another channel, because the agent asks for what it has not seen.
    """
    with caller.context.presence.pulling(caller.session.id):
        return await _unread(caller)


async def wait(caller: Caller, seconds: float) -> tuple[list[Message], bool]:
    """Wait until a message arrives, then return the unread messages like `read`."""
    with caller.context.presence.pulling(caller.session.id):
        await arrival(caller.context, caller.session, "tool", seconds)
        return await _unread(caller)


async def _unread(caller: Caller) -> tuple[list[Message], bool]:
    await caller.read_alone()
    unread = await caller.act(messages.unread, caller.name, limit=READ_AT_ONCE + 1)
    facts = Facts(datetime.now(UTC), asks=Asks.TOOL)
    if decide(caller.session, unread, facts).channel is not Channel.PULL:
        return [], False
    given = fitting(unread, READ_AT_ONCE, READ_BYTES)
    caller.shown.extend(message.id for message in given)
    return given, len(given) < len(unread)


async def arrival(context: ServiceContext, session: Session, kind: str, seconds: float) -> bool:
    """Wait for messages to a session; returns whether there are any.

    A new wait of this kind ends an earlier one.
    """
    store, presence = context.project.store, context.presence
    ticket = presence.begin_wait(session.id, kind)
    context.changes.wake()
    with anyio.move_on_after(seconds):
        await context.changes.until(
            lambda: context.queued.has(session.id) or not presence.is_newest_wait(session.id, kind, ticket)
        )
    return store.messages.waits(session.name)
