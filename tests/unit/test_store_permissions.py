"""Permission requests in the store: asked once for each key, answered once, and kept as the record of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestra.agents import tool_use
from orchestra.errors import Refused
from orchestra.model import AnsweredBy, Decision, PermissionRequest, Sign, State
from orchestra.store import Store
from orchestra.store.permissions import KEPT_BYTES, MOST_OPEN
from tests.support.stores import Clock, add

MAKE = tool_use.of_shell({"command": "make\nmake install"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "state.db", clock)) as made:
        add(made, "fix")
        add(made, "other")
        yield made


def ask(store: Store, name: str = "fix", key: str = "k", digest: str = "d") -> PermissionRequest:
    return store.permissions.ask(store.sessions.get(name).id, key, digest, MAKE)


def test_a_request_is_open_until_it_is_answered_once(store: Store, clock: Clock) -> None:
    request = ask(store)
    assert (request.session, request.tool, request.detail) == ("fix", "Bash", "make\nmake install")
    assert request.summary == "runs: make … and 1 more line"
    assert (request.answerable, request.answered_by) == (True, None)
    assert store.permissions.open() == (request,)
    later = clock.advance(5)
    assert store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.DENY, reason="no")
    assert not store.permissions.answer(request.id, AnsweredBy.WINDOW)
    assert store.permissions.open() == ()
    (kept,) = store.permissions.answers("fix")
    assert (kept.decision, kept.answered_by, kept.answered_at, kept.reason) == (
        Decision.DENY, AnsweredBy.PERSON, later, "no",
    )  # fmt: skip
    assert not kept.answerable
    assert store.permissions.answers("other") == []
    assert store.permissions.answers() == [kept]


def test_asked_again_with_its_key_it_is_the_same_and_no_other_may_have_the_key(store: Store) -> None:
    first = ask(store)
    assert ask(store) == first
    assert ask(store, "other").id != first.id
    assert ask(store, key="k2").id != first.id
    with pytest.raises(Refused, match="stands for another request"):
        ask(store, digest="something else")
    assert len(store.permissions.open()) == 3


def test_always_holds_for_the_same_in_the_same_session_until_it_is_deleted(store: Store) -> None:
    fix, other = store.sessions.get("fix").id, store.sessions.get("other").id
    request = ask(store)
    store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.ALLOW)
    assert not store.permissions.is_granted(fix, MAKE)
    store.permissions.answer(ask(store, key="k2").id, AnsweredBy.PERSON, Decision.ALWAYS)
    assert store.permissions.is_granted(fix, MAKE)
    assert store.permissions.granted(fix) == [("Bash", "make\nmake install")]
    assert not store.permissions.is_granted(other, MAKE)
    assert not store.permissions.is_granted(fix, tool_use.of_shell({"command": "make"}))
    assert not store.permissions.is_granted(fix, tool_use.of_other("Bash", {}))
    left = ask(store, key="k3")
    store.permissions.end(fix)
    assert not store.permissions.is_granted(fix, MAKE)
    ended = store.permissions.get(left.id)
    assert ended is not None
    assert ended.answered_by is AnsweredBy.ENDED


def test_an_edit_is_the_same_for_the_same_file(store: Store) -> None:
    fix = store.sessions.get("fix").id
    use = tool_use.of_edit({"file_path": "a.py", "old_string": "a", "new_string": "b"})
    request = store.permissions.ask(fix, "k", "d", use)
    assert request.detail == "--- a.py\n@@ -1 +1 @@\n-a\n+b"
    store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.ALWAYS)
    assert store.permissions.is_granted(fix, tool_use.of_edit({"file_path": "a.py", "content": "new"}))
    assert not store.permissions.is_granted(fix, tool_use.of_edit({"file_path": "b.py", "content": "new"}))


def test_left_to_its_window_it_takes_no_answer(store: Store) -> None:
    request = ask(store)
    assert store.permissions.leave_to_window(request.id, "you are looking at it")
    assert not store.permissions.leave_to_window(request.id, "again")
    (left,) = store.permissions.open()
    assert (left.answerable, left.note) == (False, "you are looking at it")
    assert store.permissions.is_closed(request.id)


def test_only_so_many_are_open_and_only_so_much_is_kept(store: Store) -> None:
    for number in range(MOST_OPEN):
        ask(store, key=f"k{number}")
    with pytest.raises(Refused, match="are open"):
        ask(store, key="more")
    ask(store, "other")
    for request in store.permissions.open():
        store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.ALLOW)
    long = tool_use.of_shell({"command": "x" * (KEPT_BYTES // 8)})
    for number in range(8):
        request = store.permissions.ask(store.sessions.get("fix").id, f"long{number}", "d", long)
        store.permissions.answer(request.id, AnsweredBy.RULE, Decision.ALLOW, rule="x*")
    kept = store.permissions.answers("fix")
    assert 4 < len([one for one in kept if one.rule]) < 8
    assert kept[-1].id == request.id
    assert len(store.permissions.answers("other")) == 1


@pytest.mark.parametrize(
    ("sign", "by"),
    [
        (Sign.TURN_ENDED, AnsweredBy.WINDOW),
        (Sign.TURN_STARTED, AnsweredBy.WINDOW),
        (Sign.LAUNCHED, AnsweredBy.ENDED),
        (Sign.EXITED, AnsweredBy.ENDED),
        (Sign.STOPPED, AnsweredBy.ENDED),
        (Sign.TOOL_USED, None),
        (Sign.PROMPTED, None),
        (Sign.ASKED, None),
    ],
)
def test_what_ends_a_turn_ends_its_requests(store: Store, sign: Sign, by: AnsweredBy | None) -> None:
    mine, others = ask(store), ask(store, "other")
    store.sessions.record_sign("fix", sign, "")
    found = store.permissions.get(mine.id)
    assert found is not None
    assert (found.answered_by, found.decision) == (by, None)
    assert others in store.permissions.open()
    assert store.sessions.get("fix").state in set(State)


def test_a_moment_too_late_is_taken_back_and_later_it_stands(store: Store, clock: Clock) -> None:
    early, late = ask(store), ask(store, key="k2")
    for request in (early, late):
        store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.DENY)
    store.permissions.take_back(early.id, AnsweredBy.WINDOW)
    clock.advance(60)
    store.permissions.take_back(late.id, AnsweredBy.WINDOW)
    assert [(one.id, one.answered_by, one.decision) for one in store.permissions.answers()] == [
        (early.id, AnsweredBy.WINDOW, None),
        (late.id, AnsweredBy.PERSON, Decision.DENY),
    ]


def test_what_the_person_decided_stays_on_record_however_often_the_agent_says_it_came_too_late(
    store: Store, clock: Clock
) -> None:
    request = ask(store)
    store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.DENY, reason="never")
    at = clock.time
    for by in (AnsweredBy.WINDOW, AnsweredBy.ENDED, AnsweredBy.WINDOW):
        clock.advance(1)
        store.permissions.take_back(request.id, by)
    (found,) = store.permissions.answers("fix")
    assert (found.answered_by, found.decision) == (AnsweredBy.WINDOW, None)
    assert (found.late_decision, found.late_by, found.late_at) == (Decision.DENY, AnsweredBy.PERSON, at)
    assert found.reason == "never"
    assert not store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.ALLOW)


def test_what_was_never_answered_has_no_late_answer(store: Store) -> None:
    request = ask(store)
    store.permissions.take_back(request.id, AnsweredBy.ENDED)
    (found,) = store.permissions.answers()
    assert (found.late_decision, found.late_by, found.late_at) == (None, None, None)


def test_an_always_that_came_too_late_holds_for_nothing(store: Store) -> None:
    request = ask(store)
    store.permissions.answer(request.id, AnsweredBy.PERSON, Decision.ALWAYS)
    assert store.permissions.is_granted(store.sessions.get("fix").id, MAKE)
    store.permissions.take_back(request.id, AnsweredBy.WINDOW)
    assert not store.permissions.is_granted(store.sessions.get("fix").id, MAKE)
