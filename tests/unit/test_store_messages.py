"""Messages are kept in order, once, and only move forward."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra.model import Message, MessageKind, MessageState
from orchestra.store import Store
from tests.support.stores import START, Clock, add

ORDER = list(MessageState)


def post(store: Store, text: str, sender: str = "user", recipient: str = "fix", dedupe: str | None = None) -> Message:
    return store.messages.post(sender, recipient, MessageKind.MESSAGE, text, dedupe=dedupe)


def test_a_message_keeps_what_was_said(store: Store) -> None:
    first = post(store, "hello")
    answer = store.messages.post("fix", "user", MessageKind.QUESTION, "who?", answers=first.id)
    expected = Message(
        id=answer.id,
        sender="fix",
        recipient="user",
        kind=MessageKind.QUESTION,
        text="who?",
        sent_at=START,
        state=MessageState.QUEUED,
        changed_at=START,
        answers=first.id,
    )
    assert store.messages.select(sender="fix") == [expected]
    assert store.messages.get(answer.id) == expected
    assert store.messages.get(99) is None


def test_the_same_key_of_the_same_sender_is_the_same_message(store: Store) -> None:
    first = post(store, "hello", dedupe="k")
    assert post(store, "again", dedupe="k") == first
    assert post(store, "hello", sender="main", dedupe="k").id != first.id
    assert post(store, "hello").id != post(store, "hello").id
    assert len(store.messages.select()) == 4


def test_a_claim_hands_over_each_message_once_and_oldest_first(store: Store) -> None:
    for number in range(20):
        post(store, str(number))
    post(store, "not mine", recipient="other")
    claimed = store.messages.claim("fix")
    assert [message.text for message in claimed] == [str(number) for number in range(20)]
    assert {message.state for message in claimed} == {MessageState.DELIVERED}
    assert store.messages.claim("fix") == []


def test_what_was_delivered_can_still_be_claimed_for_reading(store: Store, clock: Clock) -> None:
    post(store, "one")
    store.messages.claim("fix")
    post(store, "two")
    at = clock.advance(1)
    claimed = store.messages.claim("fix", MessageState.READ)
    assert [message.text for message in claimed] == ["one", "two"]
    assert {message.changed_at for message in claimed} == {at}
    assert store.messages.claim("fix", MessageState.READ) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(moves=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(ORDER))))
def test_a_state_never_moves_back(store: Store, moves: list[tuple[int, MessageState]]) -> None:
    ids = [post(store, str(number)).id for number in range(3)]
    reached = dict.fromkeys(ids, 0)
    for which, state in moves:
        store.messages.mark([ids[which]], state)
        reached[ids[which]] = max(reached[ids[which]], ORDER.index(state))
    found = {message.id: ORDER.index(message.state) for message in store.messages.select(after_id=ids[0] - 1)}
    assert found == reached


def test_messages_are_chosen_by_who_what_and_since_when(store: Store) -> None:
    first, second, third = (post(store, text, sender=sender) for text, sender in [("1", "a"), ("2", "b"), ("3", "a")])
    store.messages.mark([first.id], MessageState.READ)
    assert [message.id for message in store.messages.select(sender="a")] == [first.id, third.id]
    assert [message.id for message in store.messages.select(recipient="fix", after_id=first.id)] == [
        second.id,
        third.id,
    ]
    assert [message.id for message in store.messages.select(states=[MessageState.READ])] == [first.id]
    assert store.messages.select(states=[]) == []
    assert [message.id for message in store.messages.select(limit=1)] == [third.id]


def test_unread_are_all_that_are_not_read(store: Store, clock: Clock) -> None:
    add(store, "fix")
    for text in ("1", "2", "3"):
        post(store, text)
    post(store, "4", sender="fix", recipient="user")
    store.messages.claim("fix")
    store.messages.mark([1], MessageState.READ)
    assert store.messages.unread_counts() == {"fix": 2, "user": 1}
    store.sessions.update("fix", deleted_at=clock())
    assert store.messages.unread_counts() == {"user": 1}


@pytest.mark.parametrize("deduped", [None, "k"])
def test_a_new_session_gets_no_message_of_a_deleted_one_of_its_name(
    store: Store, clock: Clock, deduped: str | None
) -> None:
    old = add(store, "fix")
    post(store, "for the old one")
    sent = post(store, "from the old one", sender="fix", recipient="user", dedupe=deduped)
    store.sessions.update("fix", deleted_at=clock())
    add(store, "fix")
    assert store.messages.select(recipient="fix") == []
    assert store.messages.claim("fix", MessageState.READ) == []
    assert post(store, "from the new one", sender="fix", recipient="user", dedupe=deduped).id != sent.id
    store.sessions.update("fix", deleted_at=clock())
    store.sessions.update(old.id, deleted_at=None)
    assert [message.text for message in store.messages.claim("fix")] == ["for the old one"]
