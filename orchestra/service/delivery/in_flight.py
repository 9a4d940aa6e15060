"""What the listeners of a session were given last, and what of it no hook may have told of yet."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import NamedTuple

from orchestra.actions.messaging import hook_events
from orchestra.model import Session
from orchestra.project import Project

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
    before = project.store.get(_key(session))
    return Given(*json.loads(before)) if before else Given(0, 0.0, [])


def give(project: Project, session: Session, listener: int, numbers: list[int]) -> None:
    """Remember what a listener takes now, beside what is still under way: Codex may take ten seconds to see it."""
    earlier = [one for one in under_way(project, session) if one not in numbers]
    project.store.set(_key(session), json.dumps([listener, time.monotonic(), numbers, earlier]))
    # Only these: the next hook call proves nothing about what was given before.
    # A listener that did not get its answer asks for the same again.
    hook_events.offer(project, session, numbers, left=True)


def under_way(project: Project, session: Session) -> list[int]:
    """Return the messages that a listener took a moment ago, for all that the agent's hooks have told."""
    given, offered = given_before(project, session), hook_events.offered(project, session)
    # It starts anew with the machine, on which nothing is under way then.
    recent = 0 <= time.monotonic() - given.at < UNDER_WAY
    return [*given.earlier, *offered] if recent else []


def not_yet_shown(project: Project, session: Session) -> list[int]:
    """Return those of them that were given before the last: a hook call proves nothing about them, nor repeats them."""
    return [one for one in under_way(project, session) if one not in hook_events.offered(project, session)]


def _key(session: Session) -> str:
    return f"woken.{session.id}"
