"""The rule of delivery: which channel delivers the queued messages of an agent now, or why none does.

It is pure: each channel gathers the facts (`facts`), calls `decide`, and acts if the decision is
its own channel.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestra.lifecycle import age, in_a_turn, may_type
from orchestra.model import Channel, Intent, Message, MessageKind, Role, Session, Sign, State
from orchestra.store.deliveries import Delivery, Fate

_AT_REST = frozenset({Sign.READY, Sign.TURN_ENDED, Sign.TURN_FAILED})


@dataclass(frozen=True, slots=True)
class Pace:
    """The times for decisions, in seconds.

    ``quiet``: since a person's last key in the window; ``idle``: in an idle state, because
    agents lose what is pasted while they draw; ``patience``: for a better channel; ``deaf``:
    without the listener that an agent should have; ``back``: until an answered listener asks again;
    ``pulled``: since the agent last fetched its messages; ``proof``: until the agent must have
    confirmed a typed text; ``again``: before another attempt; ``under_way``: after which messages
    that a listener got, and no hook confirmed, count as lost.
    """

    quiet: float = 5.0
    idle: float = 0.5
    patience: float = 0.2
    deaf: float = 30.0
    back: float = 1.0
    pulled: float = 5.0
    proof: float = 5.0
    again: float = 60.0
    under_way: float = 30.0


PACE = Pace()


class Asks(StrEnum):
    """The call in which an agent waits for an answer that can contain messages."""

    NONE = "none"
    TOOL = "tool"
    HOOK = "hook"
    TURN_END = "turn-end"


class WindowSight(StrEnum):
    """The observed state of an agent's window."""

    NOT_SEEN = "not-seen"
    GONE = "gone"
    LIVE = "live"


class PromptSight(StrEnum):
    """The observed state of an agent's prompt; UNKNOWN if its empty prompt cannot be recognised."""

    NOT_SEEN = "not-seen"
    UNKNOWN = "unknown"
    EMPTY = "empty"
    DRAFT = "draft"


class Look(StrEnum):
    """What must be observed before a decision."""

    PROGRAM = "program"
    WINDOW = "window"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about one agent at one moment; expensive ones are gathered only if `decide` needs them.

    ``program`` is the last of its `PROGRAM_SIGNS`. ``hooks`` says that it reports its turns,
    ``typed_at`` that its profile allows typing, ``woken`` that a listener wakes it even if typing
    is possible, ``tells_prompts`` that it reports each prompt. ``listened``, ``pulled`` and
    ``used`` are the seconds since its last listener, its last tool call for messages, and a
    person's last key in its window. ``runs`` says that its box runs; None if that was not checked.
    """

    now: datetime
    program: Sign | None = None
    asks: Asks = Asks.NONE
    hooks: bool = True
    typed_at: bool = True
    woken: bool = False
    tells_prompts: bool = False
    listened: float = math.inf
    pulled: float = math.inf
    runs: bool | None = None
    window: WindowSight = WindowSight.NOT_SEEN
    used: float = math.inf
    prompt: PromptSight = PromptSight.NOT_SEEN


@dataclass(frozen=True, slots=True)
class Decision:
    """The channel for the messages now, or the reason why there is none, or what to observe first."""

    channel: Channel | None = None
    reason: str = ""
    look: Look | None = None


def decide(session: Session, queued: Sequence[Message], facts: Facts, pace: Pace = PACE) -> Decision:
    """Decide how the queued messages reach an agent now: in the answer to its call, or else only if it is idle."""
    if not queued:
        return _wait("there is nothing to deliver")
    if facts.asks is not Asks.NONE:
        return _answered(facts, pace)
    if _can_wait(session, queued):
        return _wait("it can wait for the designer's next turn")
    if session.intent is not Intent.RUN:
        return _wait("the agent is being stopped")
    if _listens(facts, pace) and facts.program in _AT_REST:
        return Decision(Channel.WAKE)
    return _at_its_prompt(session, facts, pace) or _in_its_window(session, queued, facts, pace)


@dataclass(frozen=True, slots=True)
class Retype:
    """Whether a process may type a message again: only its own, and only if the agent reports each prompt."""

    service: str
    tells_prompts: bool


def free(
    queued: Iterable[Message],
    deliveries: Collection[Delivery],
    channel: Channel,
    now: float,
    *,
    retype: Retype | None = None,
    pace: Pace = PACE,
) -> list[Message]:
    """Return the queued messages for a channel: those that are not on their way through another.

    ``now`` is on the machine's monotonic clock, like the time of a delivery.
    """
    away = {
        delivery.message
        for delivery in deliveries
        if _is_away(delivery, channel, now, pace) and not _is_lost(delivery, now, retype, pace)
    }
    return [message for message in queued if message.id not in away]


def _is_away(delivery: Delivery, channel: Channel, now: float, pace: Pace) -> bool:
    """Return whether a message may still arrive, so that another channel must not deliver it too."""
    if delivery.channel is Channel.TYPED:
        return channel is Channel.TYPED or delivery.fate is not Fate.NO_SIGN
    # The clock starts again at boot, and then nothing is on its way.
    recent = 0 <= now - delivery.offered_at < pace.under_way
    # A hook call first confirms the earlier deliveries; the rest is delivered again.
    return recent and (channel is not Channel.HOOK_REPLY or delivery.fate is Fate.PASSED)


def _is_lost(delivery: Delivery, now: float, retype: Retype | None, pace: Pace) -> bool:
    """Return whether a typed text may be typed again, if it is not visible anywhere."""
    if retype is None:
        return False
    ours = delivery.service == retype.service and delivery.fate is Fate.NO_SIGN
    return ours and retype.tells_prompts and now - delivery.offered_at >= pace.again


def _answered(facts: Facts, pace: Pace) -> Decision:
    if facts.asks is Asks.TOOL:
        return Decision(Channel.PULL)
    # Claude Code (2.1.197) shows its model the reply at the end of a turn twice.
    if facts.asks is Asks.TURN_END and facts.woken and facts.listened < pace.back:
        return _wait("its listener wakes it with them")
    return Decision(Channel.HOOK_REPLY)


def _can_wait(session: Session, queued: Sequence[Message]) -> bool:
    """Return whether the messages are not important enough to start a turn.

    A designer's turn for every commit of the person would cost them money and interrupt them.
    """
    return all(session.role is Role.DESIGNER and message.kind is MessageKind.NOTICE for message in queued)


def _listens(facts: Facts, pace: Pace) -> bool:
    """Return whether a listener should wake the agent; otherwise messages are typed, if that is faster."""
    blocked = facts.prompt in {PromptSight.DRAFT, PromptSight.UNKNOWN}
    return (facts.woken or blocked) and facts.listened < pace.deaf


def _at_its_prompt(session: Session, facts: Facts, pace: Pace) -> Decision | None:
    """Return why nothing may be typed into the agent, whatever its window shows; None if it is at its prompt.

    In Claude Code, Codex and opencode the Enter after a paste approves an open permission dialog.
    An agent that reported COMPLETE may still open one before its turn ends.
    """
    if not facts.typed_at or facts.pulled < pace.pulled:
        return _wait("the agent fetches its messages itself")
    if facts.woken and facts.listened < pace.deaf:
        return _wait("its listener wakes it at the end of its turn")
    if not may_type(session.state, facts.program):
        return _wait(f"the agent is {session.state}")
    if facts.hooks and in_a_turn(facts.program):
        return _wait("the agent is in a turn")
    if session.state is not State.FAILED or facts.runs:
        return None
    return Decision(look=Look.PROGRAM) if facts.runs is None else _wait("its program has ended")


def _in_its_window(session: Session, queued: Sequence[Message], facts: Facts, pace: Pace) -> Decision:
    """Decide for an agent at its prompt: nothing is typed into a person's draft, because the Enter would send it."""
    if age(session.state_since, facts.now) < pace.idle or age(queued[-1].sent_at, facts.now) < pace.patience:
        return _wait("it is too early")
    if facts.window is not WindowSight.LIVE:
        seen = facts.window is WindowSight.GONE
        return _wait("the agent has no live window") if seen else Decision(look=Look.WINDOW)
    if facts.used < pace.quiet:
        return _wait("a person uses the window")
    return _BY_PROMPT[facts.prompt]


def _wait(reason: str) -> Decision:
    return Decision(reason=reason)


_BY_PROMPT = {
    PromptSight.NOT_SEEN: Decision(look=Look.PROMPT),
    PromptSight.UNKNOWN: _wait("its empty prompt is not known"),
    PromptSight.DRAFT: _wait("its prompt holds a draft"),
    PromptSight.EMPTY: Decision(Channel.TYPED),
}
