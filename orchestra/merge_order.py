"""Decide in which order merges meet the fewest conflicts; pure, without effects.

Whoever conflicts with what has landed before goes back to its author, and does not stand in the way of those behind it.
So the fewest go back if the largest set of those that do not conflict with each other lands first.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

EXACT = 8
"""Up to so many that conflict with each other, directly or through others, the best order is found; else a good one."""

T = TypeVar("T", bound=Hashable)
Against = Mapping[T, Collection[T]]
"""With whom each conflicts, in both directions."""


def sent_back(order: Sequence[T], against: Against[T]) -> list[T]:
    """Return who goes back to its author if they are merged in this order."""
    landed: set[T] = set()
    back: list[T] = []
    for one in order:
        if landed.isdisjoint(against.get(one, ())):
            landed.add(one)
        else:
            back.append(one)
    return back


def best_order(order: Sequence[T], against: Against[T], *, fixed: int = 0) -> list[T]:
    """Return an order in which the fewest go back; the same if that is no worse.

    The first ``fixed`` keep their places. Who goes back waits behind those that it conflicts with, and all others stay
    in their order.
    """
    back, first = sent_back(order, against), list(order[:fixed])
    stopped: list[T] = sent_back(first, against)
    landed = set(first) - set(stopped)
    free = [one for one in order[fixed:] if landed.isdisjoint(against.get(one, ()))]
    lands = landed.union(*(_most(group, against) for group in _groups(free, against)))
    better = [*first, *_behind(order[fixed:], lands, against)]
    return better if len(sent_back(better, against)) < len(back) else list(order)


def _groups(order: Sequence[T], against: Against[T]) -> list[list[T]]:
    """Return who conflicts with each other, directly or through others, each in the given order."""
    left, groups = set(order), []
    for one in order:
        reached, edge = set[T](), {one} & left
        while edge:
            reached |= edge
            edge = {other for each in edge for other in against.get(each, ())} & left - reached
        left -= reached
        groups += [[each for each in order if each in reached]] if reached else []
    return groups


def _most(group: Sequence[T], against: Against[T]) -> list[T]:
    return _exactly(group, against) if len(group) <= EXACT else _greedily(group, against)


def _exactly(group: Sequence[T], against: Against[T]) -> list[T]:
    """Return the largest set that can land; of several, the one with those that come first."""
    if not group:
        return []
    first, rest = group[0], group[1:]
    without_its_own = [one for one in rest if one not in against.get(first, ())]
    with_it = [first, *_exactly(without_its_own, against)]
    without_it = _exactly(rest, against)
    return without_it if len(without_it) > len(with_it) else with_it


def _greedily(group: Sequence[T], against: Against[T]) -> list[T]:
    """Return a large set that can land: always the one that conflicts with the fewest of those left."""
    left, lands = list(group), []
    while left:
        one = min(left, key=lambda each: sum(other in against.get(each, ()) for other in left))
        lands.append(one)
        left = [other for other in left if other != one and other not in against.get(one, ())]
    return lands


def _behind(order: Sequence[T], lands: Collection[T], against: Against[T]) -> list[T]:
    """Return the order with each that goes back right behind the last that it conflicts with."""
    placed: list[T] = []
    waiting: list[T] = []
    for number, one in enumerate(order):
        later = set(order[number + 1 :]) & set(lands)
        waiting.append(one)
        ready = [each for each in waiting if each in lands or later.isdisjoint(against.get(each, ()))]
        placed += [one] if one in ready else []
        placed += [each for each in ready if each != one]
        waiting = [each for each in waiting if each not in ready]
    return placed
