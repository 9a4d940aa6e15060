"""Wake idle agents: a program beside the agent asks for messages, and the answer starts the agent's next turn.

Nothing is typed, so that a person's draft stays unchanged and no open dialog is answered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
from starlette.requests import Request

from orchestra.actions.messaging.batches import handed_over
from orchestra.actions.messaging.messages import quoted
from orchestra.model import Channel, Message, Session
from orchestra.project import Project
from orchestra.service.auth import CALLER
from orchestra.service.context import Caller
from orchestra.service.delivery import in_flight
from orchestra.service.delivery.decide import Facts, PromptSight, decide
from orchestra.service.delivery.facts import facts_of
from orchestra.service.delivery.presence import Presence

LISTEN_EVENT = "Listen"
LONGEST_LISTEN = 20.0
"""The longest that a request stays open, in seconds; then the program asks again."""
_POLL = 0.05


async def listen(request: Request, payload: dict[str, Any], *, longest: float = LONGEST_LISTEN) -> dict[str, Any]:
    """Answer with a ``text`` to continue with, or with ``over`` to a replaced listener; empty after the time.

    ``listener`` in the payload is a number that increases from one listener of a session to the
    next.
    """
    caller: Caller = request.scope[CALLER]
    number = payload.get("listener")
    if not isinstance(number, int):
        return {"over": True}
    with caller.context.presence.listening(caller.session.id, number), anyio.move_on_after(longest):
        # An earlier listener of the session ends.
        caller.context.changes.wake()
        return await _heard(caller, request, number)
    return {}


async def _heard(caller: Caller, request: Request, number: int) -> dict[str, Any]:
    context, store, session = caller.context, caller.context.project.store, caller.session
    presence, seen = context.presence, (-1, False)
    while presence.is_newest(session.id, number):
        await context.changes.until(
            lambda: context.queued.has(session.id) or not presence.is_newest(session.id, number)
        )
        now = store.data_version(), presence.has_draft(session.id)
        if now != seen and store.messages.waits(caller.name):
            gone = await request.is_disconnected()
            text = "" if gone else await caller.context.act_soon(wake, session, number, presence)
            if text:
                return {"text": text}
        seen = now
        # While messages wait, the end of a draft is another reason to look again.
        await anyio.sleep(_POLL)
    return {"over": True}


def wake(project: Project, session: Session, listener: int, presence: Presence) -> str:
    """Return the messages that start the next turn of an idle agent; empty if they are not for its listener.

    They count as delivered once the agent's next hook call shows that it continued. A listener that
    asks again, because it never got its answer, gets the same one.
    """
    with in_flight.taking(session):
        if again := in_flight.given_to(project, session, listener):
            return quoted(handed_over(project, session, again))
        # The listener of a turn that a message started may arrive before that turn's first hook.
        queued = in_flight.waiting(project, session, Channel.WAKE)
        if not _is_woken(project, project.store.sessions.get(session.name), queued, presence):
            return ""
        given = handed_over(project, session, queued)
        in_flight.give(project, session, listener, given)
        return quoted(given)


def _is_woken(project: Project, session: Session, queued: list[Message], presence: Presence) -> bool:
    # Reading its profile takes milliseconds, and can only rule the listener out.
    hopeful = Facts(datetime.now(UTC), project.store.sessions.program_sign(session.name), woken=True, listened=0.0)
    if decide(session, queued, hopeful).channel is not Channel.WAKE:
        return False
    prompt = PromptSight.DRAFT if presence.has_draft(session.id) else PromptSight.NOT_SEEN
    facts = replace(facts_of(project, session, presence), listened=0.0, prompt=prompt)
    return decide(session, queued, facts).channel is Channel.WAKE
