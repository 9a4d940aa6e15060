"""Decide who is checked and landed together, and in which order; pure, without effects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from orchestra.model import Entry, EntryState

WAITING = frozenset({EntryState.QUEUED, EntryState.CHECKING})
"""The states of entries that are to be landed without anybody doing anything."""
OPEN = WAITING | {EntryState.PROPOSED, EntryState.RETURNED}
"""The states of entries that have not left the queue; a session has at most one of these."""


def next_batch(entries: Sequence[Entry], most: int) -> tuple[Entry, ...]:
    """Return the first entries that are checked together, at most ``most``.

    Those with a check of their own are checked alone, and all of one batch are merged by the same strategy.
    """
    if not entries:
        return ()
    first = entries[0]
    if first.check is not None:
        return (first,)
    alike = takewhile(lambda entry: entry.check is None and entry.strategy == first.strategy, entries)
    batch: list[Entry] = []
    for entry in alike:
        limit = min(entry.most or most, *(one.most or most for one in batch), most)
        if len(batch) >= limit:
            break
        batch.append(entry)
    return tuple(batch)


def halved(batch: Sequence[Entry]) -> int:
    """Return how many of a batch whose check failed are checked together the next time; 0 if it was one alone."""
    return len(batch) // 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is in a queue: ``number`` is its turn, from 1, or 0 while it waits for somebody."""

    target: str
    state: EntryState
    number: int
    reason: str = ""

    def __str__(self) -> str:
        match self.state:
            case EntryState.CHECKING:
                return f"being checked for {self.target}"
            case EntryState.QUEUED:
                return f"number {self.number} in the queue of {self.target}"
            case EntryState.RETURNED:
                return f"sent back: {self.reason}"
            case _:
                return f"to be approved for {self.target}"


def places(entries: Iterable[Entry]) -> dict[int, Place]:
    """Return the place of each open entry by the id of its session; ``entries`` are in the order of their queues."""
    found: dict[int, Place] = {}
    turns: dict[str, int] = {}
    for entry in entries:
        waits = entry.state in WAITING
        turns[entry.target] = turns.get(entry.target, 0) + waits
        number = turns[entry.target] if waits else 0
        found[entry.session_id] = Place(entry.target, entry.state, number, entry.reason)
    return found
