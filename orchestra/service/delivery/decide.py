"""The one rule of delivery: which channel takes the messages that wait for an agent now, or why none does.

Pure: whoever can bring messages to an agent gathers the facts (`facts`), asks `decide`, and acts where the answer is
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
    """How careful to be, in seconds.

    ``quiet``: since a person's last key in the window; ``settled``: in an idle state, for agents
    lose what is pasted while they draw; ``patience``: for a message to be fetched in a better way;
    ``deaf``: without the listener that an agent has; ``back``: in which a listener that was answered
    asks again; ``pulled``: since it last fetched its messages; ``proof``: until the agent must have
    shown that it took the text; ``again``: before another try; ``under_way``: after which messages that
    a listener took, and that no hook told of, count as lost on the way.
    """

    quiet: float = 5.0
    settled: float = 0.5
    patience: float = 0.2
    deaf: float = 30.0
    back: float = 1.0
    pulled: float = 5.0
    proof: float = 5.0
    again: float = 60.0
    under_way: float = 30.0


PACE = Pace()


class Asks(StrEnum):
    """In which call an agent waits for an answer that can bring messages."""

    NONE = "none"
    TOOL = "tool"
    HOOK = "hook"
    TURN_END = "turn-end"


class WindowSight(StrEnum):
    """What was seen of an agent's window."""

    NOT_SEEN = "not-seen"
    GONE = "gone"
    LIVE = "live"


class PromptSight(StrEnum):
    """What was seen in an agent's prompt; UNKNOWN where nobody knows how its empty prompt looks."""

    NOT_SEEN = "not-seen"
    UNKNOWN = "unknown"
    EMPTY = "empty"
    DRAFT = "draft"


class Look(StrEnum):
    """What must be looked at before it can be decided."""

    PROGRAM = "program"
    WINDOW = "window"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one agent at one moment; what costs more to know is looked at only where `decide` says so.

    ``program`` is the last of its `PROGRAM_SIGNS`. ``hooks`` says that it tells of its turns, ``typed_at`` that its
    profile lets messages be typed, ``woken`` that a listener wakes it even where they could be. ``listened``,
    ``pulled`` and ``used`` are the seconds since a listener of its, a tool call for messages, and a person's key in
    its window. ``runs`` says that its box runs; None where nobody looked.
    """

    now: datetime
    program: Sign | None = None
    asks: Asks = Asks.NONE
    hooks: bool = True
    typed_at: bool = True
    woken: bool = False
    listened: float = math.inf
    pulled: float = math.inf
    runs: bool | None = None
    window: WindowSight = WindowSight.NOT_SEEN
    used: float = math.inf
    prompt: PromptSight = PromptSight.NOT_SEEN


@dataclass(frozen=True, slots=True)
class Decision:
    """The channel that takes the messages now; without one the reason, or what to look at first."""

    channel: Channel | None = None
    reason: str = ""
    look: Look | None = None


def decide(session: Session, queued: Sequence[Message], facts: Facts, pace: Pace = PACE) -> Decision:
    """Decide how the queued messages reach an agent now: what it asks in is answered, else it must be at rest."""
    if not queued:
        return _wait("there is nothing to deliver")
    if facts.asks is not Asks.NONE:
        return _answered(facts, pace)
    if _can_wait(session, queued):
        return _wait("it can wait for the designer's next turn")
    if session.intent is not Intent.RUN:
        return _wait("the agent is to end")
    if _listens(facts, pace) and facts.program in _AT_REST:
        return Decision(Channel.WAKE)
    return _at_its_prompt(session, facts, pace) or _in_its_window(session, queued, facts, pace)


@dataclass(frozen=True, slots=True)
class Retype:
    """Who may type again what it typed: only the process that saw no sign, of an agent that tells each prompt."""

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
    """Return the queued messages that a channel may take: those that are not on their way by another.

    ``now`` is on the machine's own clock, like the time of a delivery.
    """
    away = {
        one.message for one in deliveries if _is_away(one, channel, now, pace) and not _is_lost(one, now, retype, pace)
    }
    return [message for message in queued if message.id not in away]


def _is_away(delivery: Delivery, channel: Channel, now: float, pace: Pace) -> bool:
    """Say whether a message may still arrive, so that a channel must not bring it as well."""
    if delivery.channel is Channel.TYPED:
        return channel is Channel.TYPED or delivery.fate is not Fate.NO_SIGN
    # The clock starts anew with the machine, on which nothing is under way then.
    recent = 0 <= now - delivery.offered_at < pace.under_way
    # A hook's call settles first what it is about; what is left of that is given again.
    return recent and (channel is not Channel.HOOK_REPLY or delivery.fate is Fate.PASSED)


def _is_lost(delivery: Delivery, now: float, retype: Retype | None, pace: Pace) -> bool:
    """Say whether what was typed may be typed again, if it is not seen anywhere."""
    if retype is None:
        return False
    ours = delivery.service == retype.service and delivery.fate is Fate.NO_SIGN
    return ours and retype.tells_prompts and now - delivery.offered_at >= pace.again


def _answered(facts: Facts, pace: Pace) -> Decision:
    if facts.asks is Asks.TOOL:
        return Decision(Channel.PULL)
    # Claude Code (2.1.197) shows its model twice what is in the reply at a turn's end.
    if facts.asks is Asks.TURN_END and facts.woken and facts.listened < pace.back:
        return _wait("its listener wakes it with them")
    return Decision(Channel.HOOK_REPLY)


def _can_wait(session: Session, queued: Sequence[Message]) -> bool:
    """Say whether no turn is worth being started for what waits.

    A turn of the designer's for every commit of the person's would be paid for by them, and interrupt.
    """
    return all(session.role is Role.DESIGNER and one.kind is MessageKind.NOTICE for one in queued)


def _listens(facts: Facts, pace: Pace) -> bool:
    """Say whether a listener is to wake the agent: what can be typed is typed, where that is the quicker way."""
    blocked = facts.prompt in {PromptSight.DRAFT, PromptSight.UNKNOWN}
    return (facts.woken or blocked) and facts.listened < pace.deaf


def _at_its_prompt(session: Session, facts: Facts, pace: Pace) -> Decision | None:
    """Return why the agent is not to be typed at, whatever its window shows; None where it sits at its prompt.

    In Claude Code, Codex and opencode the Enter after a paste approves an open permission dialog. An agent that
    reported COMPLETE may still open one before its turn ends.
    """
    if not facts.typed_at or facts.pulled < pace.pulled:
        return _wait("the agent fetches its messages by itself")
    if facts.woken and facts.listened < pace.deaf:
        return _wait("its listener wakes it once its turn is over")
    if not may_type(session.state, facts.program):
        return _wait(f"the agent is {session.state}")
    if facts.hooks and in_a_turn(facts.program):
        return _wait("the agent is in a turn")
    if session.state is not State.FAILED or facts.runs:
        return None
    return Decision(look=Look.PROGRAM) if facts.runs is None else _wait("its program has ended")


def _in_its_window(session: Session, queued: Sequence[Message], facts: Facts, pace: Pace) -> Decision:
    """Decide for an agent at its prompt: no person's draft is added to, for the Enter would send it."""
    if age(session.state_since, facts.now) < pace.settled or age(queued[-1].sent_at, facts.now) < pace.patience:
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
    PromptSight.UNKNOWN: _wait("how its empty prompt looks is not known"),
    PromptSight.DRAFT: _wait("a draft stands in its prompt"),
    PromptSight.EMPTY: Decision(Channel.TYPED),
}
