"""What agents' hooks tell: evidence of their state, and the moment to hand messages over."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from orchestra.actions.messaging.batches import BATCH, handed_over
from orchestra.actions.messaging.messages import first_line, given_in, quoted
from orchestra.agents import family_of
from orchestra.lifecycle import Sign, went_on
from orchestra.model import Message, MessageKind, MessageState, Session
from orchestra.names import SYSTEM
from orchestra.protocol import plain
from orchestra.store.typed import Fate

if TYPE_CHECKING:
    from orchestra.project import Project

_NUMBERS = re.compile(r"^\s*\[message (\d{1,15}) from ", re.MULTILINE)
_MOST = 100
ONE_AT_A_TIME = threading.Lock()
"""Held while messages are taken for an agent: two hooks of one agent may come at the same moment."""


def take_hook(
    project: Project,
    session: Session,
    event: str,
    payload: dict[str, Any],
    *,
    listened: bool = False,
    on_the_way: Callable[[], Collection[int]] = tuple,
) -> dict[str, Any]:
    """Record what one hook call tells, and return the reply; at a turn's end the reply carries the inbox.

    A message offered in a reply counts as delivered once the agent's next hook call shows that it
    went on; an agent that starts anew instead, or whose reply was never sent, is offered it again.
    An agent that is ``listened`` for is woken with it instead: Claude Code (2.1.197) shows its
    model such a reply twice. What is ``on_the_way`` in some other manner is left out of the reply.
    """
    with ONE_AT_A_TIME:
        return _take(project, session, event, payload, listened=listened, on_the_way=on_the_way())


def _take(
    project: Project,
    session: Session,
    event: str,
    payload: dict[str, Any],
    *,
    listened: bool,
    on_the_way: Collection[int],
) -> dict[str, Any]:
    family = family_of(project.profile(session.agent))
    signs = family.signs(event, payload)
    if any(sign is Sign.READY for sign, _ in signs) and went_on(project.store.program_sign(session.name)):
        return {}
    _settle_offer(project, session, {sign for sign, _ in signs})
    for sign, text in signs:
        project.store.record_sign(session.name, sign, text)
        if sign is Sign.READY:
            _recall(project, session)
    if (used := family.usage(event, payload)) is not None:
        project.store.set(f"usage.{session.id}", json.dumps(plain(used)))
    if event not in family.HANDS_OVER:
        return {}
    typed = _typed_in(project, session, family.prompt(event, payload))
    project.store.mark([message.id for message in typed], MessageState.DELIVERED)
    waiting = [one for one in givable(project, session) if one.id not in on_the_way]
    waiting = handed_over(project, session, waiting)
    ends = any(sign is Sign.TURN_ENDED for sign, _ in signs)
    if not waiting or (ends and listened):
        return {}
    offer(project, session, [message.id for message in waiting])
    if ends:
        numbers = ", ".join(str(message.id) for message in waiting)
        project.store.record_sign(session.name, Sign.TURN_STARTED, f"goes on with message {numbers}")
    return family.hook_reply(event, quoted(waiting))


def givable(project: Project, session: Session) -> list[Message]:
    """Return the oldest messages that wait for an agent, but not what may have reached it by being typed."""
    away = {one.message for one in project.store.typed(session.id) if one.fate is not Fate.NO_SIGN}
    queued = project.store.queued(session.name, limit=BATCH + len(away))
    return [message for message in queued if message.id not in away][:BATCH]


def _typed_in(project: Project, session: Session, prompt: str) -> list[Message]:
    """Return the session's queued messages whose heads stand in a prompt that its agent took."""
    numbers = [int(one) for one in _NUMBERS.findall(prompt)[:_MOST]]
    found = [one for number in numbers if (one := project.store.message(number)) is not None]
    return given_in(
        prompt,
        [one for one in found if one.state is MessageState.QUEUED and project.store.is_addressed(one.id, session.name)],
    )


def _recall(project: Project, session: Session) -> None:
    """Let an agent that starts again be ``done`` as before, if its report was the last word between it and anybody."""
    said = project.store.messages(sender=session.name, limit=1)
    heard = [one for one in project.store.messages(recipient=session.name, limit=20) if one.sender != SYSTEM]
    if said and said[-1].kind is MessageKind.COMPLETE and all(one.id < said[-1].id for one in heard):
        project.store.record_sign(session.name, Sign.COMPLETED, first_line(said[-1].text))


def offer(project: Project, session: Session, numbers: list[int], *, left: bool = False) -> None:
    """Remember what is on its way to an agent: its next hook call shows that it went on with it.

    Unless ``left`` is said, now or later by `answer_left`, it never got away from here.
    """
    project.store.set(_key(session), json.dumps([numbers, left]))


def answer_left(project: Project, session: Session) -> None:
    """Record that the reply with what is on its way has been sent."""
    numbers, left = _offer(project, session)
    if numbers and not left:
        offer(project, session, numbers, left=True)


def offered(project: Project, session: Session) -> list[int]:
    """Return what is on its way to an agent, for all that its hooks have told."""
    return _offer(project, session)[0]


def _offer(project: Project, session: Session) -> tuple[list[int], bool]:
    kept = json.loads(project.store.get(_key(session)) or "[]")
    # Before it was recorded whether the reply was sent, only the numbers were kept.
    return (kept[0], kept[1]) if kept and isinstance(kept[0], list) else (kept, True)


def _settle_offer(project: Project, session: Session, signs: set[Sign]) -> None:
    numbers, left = _offer(project, session)
    if numbers and signs:
        if left and not signs & {Sign.LAUNCHED, Sign.READY, Sign.ENDED}:
            project.store.mark(numbers, MessageState.DELIVERED)
        project.store.set(_key(session), "")
    if Sign.TURN_ENDED in signs:
        _mark_read(project, session)


def _mark_read(project: Project, session: Session) -> None:
    """Count what was in the conversation when a turn ended as read."""
    given = project.store.messages(recipient=session.name, states=[MessageState.DELIVERED])
    project.store.mark([message.id for message in given], MessageState.READ)


def _key(session: Session) -> str:
    return f"offered.{session.id}"
