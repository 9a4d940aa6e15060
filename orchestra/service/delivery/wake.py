"""Waking agents at rest: a program beside the agent asks for messages, and the answer starts the agent's next turn.

Nothing is typed, so a person's draft in the window stays as it is, and no open dialog is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from starlette.requests import Request

from orchestra.actions.messaging import hook_events
from orchestra.actions.messaging.batches import handed_over
from orchestra.actions.messaging.messages import quoted
from orchestra.agents import family_of
from orchestra.lifecycle import Sign
from orchestra.model import Intent, Session
from orchestra.project import Project
from orchestra.service.auth import CALLER
from orchestra.service.context import Caller
from orchestra.service.delivery import in_flight
from orchestra.service.delivery.typed import can_wait

LISTEN_EVENT = "Listen"
LONGEST_LISTEN = 20.0
"""The most seconds that one request stays open; the program asks again then."""
_POLL = 0.05
_AT_REST = frozenset({Sign.READY, Sign.TURN_ENDED, Sign.TURN_FAILED})


async def listen(request: Request, payload: dict[str, Any], *, longest: float = LONGEST_LISTEN) -> dict[str, Any]:
    """Answer with a ``text`` to go on with, or ``over`` to a listener that a newer one replaced; with nothing in time.

    ``listener`` in the payload is a number that grows from one listener of a session to the next.
    """
    caller: Caller = request.scope[CALLER]
    number = payload.get("listener")
    if not isinstance(number, int):
        return {"over": True}
    with caller.context.presence.listening(caller.session.id, number), anyio.move_on_after(longest):
        return await _heard(caller, request, number)
    return {}


async def _heard(caller: Caller, request: Request, number: int) -> dict[str, Any]:
    store, presence, session = caller.context.project.store, caller.context.presence, caller.session
    always = family_of(caller.context.project.profile(session.agent)).LISTENS
    seen = (-1, False)

    def may_wake() -> bool:
        # What can be typed is typed: that is quicker for an agent that is not woken in any other way.
        return always or presence.has_draft(session.id)

    while presence.is_newest(session.id, number):
        now = store.data_version(), may_wake()
        if now[1] and now != seen and store.waits(caller.name):
            gone = await request.is_disconnected()
            text = "" if gone else await caller.context.act_soon(wake, session, number, may_wake)
            if text:
                return {"text": text}
        seen = now
        await anyio.sleep(_POLL)
    return {"over": True}


def wake(project: Project, session: Session, listener: int, may_wake: Callable[[], bool] = lambda: True) -> str:
    """Return the messages that start the next turn of an agent at rest; empty where it is in one, or nothing waits.

    They count as delivered like those in the reply to a hook: once the agent's next hook call
    shows that it went on. A listener that asks again, because it never got its answer, gets the
    same one.
    """
    with hook_events.ONE_AT_A_TIME:
        queued = hook_events.givable(project, session)
        before = in_flight.given_before(project, session)
        if before.listener == listener and (again := [one for one in queued if one.id in before.numbers]):
            return quoted(handed_over(project, session, again))
        # The listener of the turn that these have started may come before that turn's first hook.
        on_the_way = in_flight.under_way(project, session)
        queued = [message for message in queued if message.id not in on_the_way]
        now = project.store.session(session.name)
        at_rest = now.intent is Intent.RUN and project.store.program_sign(session.name) in _AT_REST
        if not queued or not at_rest or can_wait(now, queued) or not may_wake():
            return ""
        given = handed_over(project, session, queued)
        in_flight.give(project, session, listener, [message.id for message in given])
        return quoted(given)
