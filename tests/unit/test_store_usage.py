"""What agents have used is added up, whatever their counters do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestra.model import Spent
from orchestra.store import Store
from orchestra.store.usage import COUNTERS
from tests.support.stores import Clock, add


def read(store: Store, session: int, *costs: float, counter: str = "") -> None:
    for cost in costs:
        store.usage.record(session, counter, Spent(cost=cost))


@pytest.mark.parametrize(
    ("readings", "total"),
    [
        ((1.0, 1.0, 2.5), 2.5),
        ((2.0, 0.5, 0.75), 2.75),
        # Claude Code reports nothing used until it knows what its conversation has cost.
        ((2.0, 0.0, 2.5), 2.5),
        ((2.0, 0.0, 0.5), 2.5),
        ((2.0, 0.5, 2.0, 0.5), 4.5),
    ],
)
def test_a_counter_that_starts_again_is_added(store: Store, readings: tuple[float, ...], total: float) -> None:
    one = add(store, "one").id
    read(store, one, *readings)
    assert store.sessions.get("one").cost == total
    assert store.usage.spent()[one].cost == total


def test_what_no_agent_told_is_unknown_and_not_nothing(store: Store) -> None:
    one = add(store, "one").id
    store.usage.record(one, "", Spent(cost=0.0, tokens_in=120))
    store.usage.record(one, "", Spent(tokens_in=150, tokens_out=7))
    assert store.usage.spent()[one] == Spent(None, 150, 7)
    session = store.sessions.get("one")
    assert (session.cost, session.tokens_in, session.tokens_out, session.context) == (None, 150, 7, None)
    assert store.usage.total_cost() == 0


def test_each_conversation_has_a_counter_of_its_own(store: Store) -> None:
    one = add(store, "one").id
    read(store, one, 5.0, counter="a")
    read(store, one, 1.0, counter="b")
    read(store, one, 5.5, counter="a")
    assert store.sessions.get("one").cost == 6.5


def test_a_reading_without_a_number_leaves_its_last_one(store: Store) -> None:
    one = add(store, "one").id
    for reading in (Spent(2.0, 100), Spent(None, 200), Spent(2.5, 300)):
        store.usage.record(one, "", reading)
    assert store.usage.spent()[one] == Spent(2.5, 300)


def test_today_is_a_part_of_ever(store: Store, clock: Clock) -> None:
    one, other = add(store, "one").id, add(store, "other").id
    read(store, one, 1.0)
    clock.advance(timedelta(days=1).total_seconds())
    read(store, one, 1.5)
    read(store, other, 4.0)
    assert store.usage.spent(store.usage.today()) == {one: Spent(0.5), other: Spent(4.0)}
    assert store.usage.total_cost() == 5.5


def test_it_outlives_its_session(store: Store, clock: Clock) -> None:
    first = add(store, "one").id
    read(store, first, 1.0)
    store.sessions.update("one", deleted_at=clock())
    second = add(store, "one").id
    read(store, second, 0.25)
    assert store.usage.spent() == {first: Spent(1.0), second: Spent(0.25)}
    assert store.sessions.get("one").cost == 0.25


def test_an_agent_that_names_ever_new_counters_fills_no_database(store: Store) -> None:
    one = add(store, "one").id
    for number in range(COUNTERS + 50):
        read(store, one, 1.0, counter=str(number))
    read(store, one, 2.0, counter="0")
    assert store.sessions.get("one").cost == COUNTERS + 1


def test_what_is_not_told_again_stays_known(store: Store, clock: Clock) -> None:
    one, ends = add(store, "one").id, clock.advance(60)
    store.usage.note(one, context=42.0, model="opus", limited_until=ends, limit_known=True)
    store.usage.note(one, context=None, model="", limited_until=None, limit_known=False)
    session = store.sessions.get("one")
    assert (session.context, session.used_model, session.limited_until) == (42.0, "opus", ends)
    store.usage.note(one, context=None, model="", limited_until=None, limit_known=True)
    assert store.sessions.get("one").limited_until is None
