"""Decide what the person is notified of, and when not; pure, without effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from orchestra.events import Event
from orchestra.model import Sign, State

_LONGEST = 200


class Occasion(StrEnum):
    """Why the person is notified."""

    ASKS = "asks"
    DONE = "is done"
    FAILED = "failed"
    LIMIT = "limit"
    BUDGET = "budget"


BUDGET_EVENT, STUCK_EVENT = "budget", "stuck"
"""The kinds of Orchestra's own events about budgets, and about sessions that seem stuck."""
_OCCASIONS: Mapping[str, Occasion] = {
    Sign.PROMPTED: Occasion.ASKS,
    Sign.ASKED: Occasion.ASKS,
    Sign.COMPLETED: Occasion.DONE,
    Sign.TURN_FAILED: Occasion.FAILED,
    Sign.REPORTED_ERROR: Occasion.FAILED,
    Sign.EXITED: Occasion.FAILED,
    BUDGET_EVENT: Occasion.BUDGET,
}
_STATES: Mapping[Occasion, frozenset[State]] = {
    Occasion.ASKS: frozenset({State.WAITING}),
    Occasion.DONE: frozenset({State.DONE}),
    Occasion.FAILED: frozenset({State.FAILED, State.WAITING}),
}
_WENT_ON = frozenset({Sign.TURN_STARTED, Sign.TOOL_USED, Sign.ANSWERED})


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing that the person should know at once; ``text`` is an agent's, and not safe to print."""

    session: str
    occasion: Occasion
    text: str

    @property
    def title(self) -> str:
        """One line that says whom and what it is about."""
        return f"{self.session}: {self.occasion}" if self.occasion in _BARE else f"{self.session} {self.occasion}"

    @property
    def body(self) -> str:
        """Its text as one printable line of at most 200 characters."""
        return printable(self.text)


_BARE = frozenset({Occasion.LIMIT, Occasion.BUDGET})


def printable(text: str) -> str:
    """Return a text as one line without control characters, shortened."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 10 * _LONGEST])
    line = " ".join(shown.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def occasion_of(event: Event) -> Occasion | None:
    """Return why an event is worth a notification; None if it is not."""
    if event.kind == STUCK_EVENT:
        return Occasion.LIMIT if event.text.startswith("rate-limited") else None
    return _OCCASIONS.get(event.kind)


def still_true(occasion: Occasion, state: State) -> bool:
    """Return whether a session is still in the state that a notification is about."""
    return state in _STATES.get(occasion, frozenset(State))


class Told:
    """What the person has been told of each session, so that they are told once of each thing."""

    def __init__(self) -> None:
        self._told: dict[str, set[tuple[Occasion, str]]] = {}
        self._before: dict[str, str] = {}

    def take(self, event: Event) -> Notification | None:
        """Return the notification for an event, unless the person has had it and the session has not gone on since."""
        before, self._before[event.session] = self._before.get(event.session), event.kind
        if event.kind in _WENT_ON:
            self._told.pop(event.session, None)
        occasion = occasion_of(event)
        # An agent that was done is done again once it has started, which is no news.
        if occasion is None or (occasion is Occasion.DONE and before == Sign.READY):
            return None
        # The same dialog is reported twice in different words; two messages about budgets differ.
        thing = (occasion, event.text if occasion is Occasion.BUDGET else "")
        told = self._told.setdefault(event.session, set())
        if thing in told:
            return None
        told.add(thing)
        return Notification(event.session, occasion, event.text)


def is_quiet(hours: str, now: datetime) -> bool:
    """Return whether a local time is within quiet hours, such as ``22:00-07:00``; empty is never."""
    if not hours:
        return False
    begin, end = (time.fromisoformat(part) for part in hours.split("-"))
    clock = now.time()
    return begin <= clock < end if begin <= end else clock >= begin or clock < end
