"""What is on its way to an agent: offered in the reply to a hook, or given to a listener."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from orchestra.actions.messaging.batches import BATCH
from orchestra.lifecycle import Sign
from orchestra.model import Message, MessageState, Session
from orchestra.project import Project
from orchestra.store.typed import Fate

TAKING = threading.Lock()
"""Held while messages are taken for an agent: two hooks of one agent, and its window, may do so at the same moment."""

UNDER_WAY = 30.0
"""Seconds after which messages that a listener took, and that no hook told of, count as lost on the way."""


class Given(NamedTuple):
    """What a session's listeners were given last, to whom, and when, in seconds of the machine's own clock.

    ``earlier`` is what was still under way then.
    """

    listener: int
    at: float
    numbers: list[int]
    earlier: Sequence[int] = ()


def given_before(project: Project, session: Session) -> Given:
    """Return what was given last."""
    before = project.store.get(_given(session))
    return Given(*json.loads(before)) if before else Given(0, 0.0, [])


def give(project: Project, session: Session, listener: int, numbers: list[int]) -> None:
    """Remember what a listener takes now, beside what is still under way: Codex may take ten seconds to see it."""
    earlier = [one for one in under_way(project, session) if one not in numbers]
    project.store.set(_given(session), json.dumps([listener, time.monotonic(), numbers, earlier]))
    # Only these: the next hook call proves nothing about what was given before.
    # A listener that did not get its answer asks for the same again.
    offer(project, session, numbers, left=True)


def under_way(project: Project, session: Session) -> list[int]:
    """Return the messages that a listener took a moment ago, for all that the agent's hooks have told."""
    given = given_before(project, session)
    # It starts anew with the machine, on which nothing is under way then.
    recent = 0 <= time.monotonic() - given.at < UNDER_WAY
    return [*given.earlier, *offered(project, session)] if recent else []


def not_yet_shown(project: Project, session: Session) -> list[int]:
    """Return those of them that were given before the last: a hook call proves nothing about them, nor repeats them."""
    return [one for one in under_way(project, session) if one not in offered(project, session)]


def givable(project: Project, session: Session) -> list[Message]:
    """Return the oldest messages that wait for an agent, but not what may have reached it by being typed."""
    away = {one.message for one in project.store.typed(session.id) if one.fate is not Fate.NO_SIGN}
    queued = project.store.queued(session.name, limit=BATCH + len(away))
    return [message for message in queued if message.id not in away][:BATCH]


def offer(project: Project, session: Session, numbers: list[int], *, left: bool = False) -> None:
    """Remember what is on its way to an agent: its next hook call shows that it went on with it.

    Unless ``left`` is said, now or later by `answer_left`, it never got away from here.
    """
    project.store.set(_offered(session), json.dumps([numbers, left]))


def answer_left(project: Project, session: Session) -> None:
    """Record that the reply with what is on its way has been sent."""
    numbers, left = _offer(project, session)
    if numbers and not left:
        offer(project, session, numbers, left=True)


def offered(project: Project, session: Session) -> list[int]:
    """Return what is on its way to an agent, for all that its hooks have told."""
    return _offer(project, session)[0]


def settle_offer(project: Project, session: Session, signs: set[Sign]) -> None:
    """Record what a hook call proves of what was on its way."""
    numbers, left = _offer(project, session)
    if numbers and signs:
        if left and not signs & {Sign.LAUNCHED, Sign.READY, Sign.ENDED}:
            project.store.mark(numbers, MessageState.DELIVERED)
        project.store.set(_offered(session), "")


def _offer(project: Project, session: Session) -> tuple[list[int], bool]:
    kept = json.loads(project.store.get(_offered(session)) or "[]")
    # Before it was recorded whether the reply was sent, only the numbers were kept.
    return (kept[0], kept[1]) if kept and isinstance(kept[0], list) else (kept, True)


def _offered(session: Session) -> str:
    return f"offered.{session.id}"


def _given(session: Session) -> str:
    return f"woken.{session.id}"
