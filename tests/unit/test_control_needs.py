"""What needs the person: it is found, and answered by exactly the key that is meant for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestra.attention import Need, NeedKind
from orchestra.control.cursor import UNREAD, followed, with_data
from orchestra.control.reducer import press, submit
from orchestra.control.state import (
    Draft,
    Held,
    Invoke,
    Purpose,
    Status,
    Tab,
    View,
    Write,
    begin,
    writing,
)
from orchestra.model import AnsweredBy, PermissionRequest
from orchestra.review.keys import Key
from tests.support.control_views import asked, painted, pressed, scene, waiting
from tests.support.scenes import NOW, designer, session


def test_a_question_is_answered_by_its_number() -> None:
    view = asked(waiting(7, NeedKind.QUESTION))
    assert pressed(view, "r")[1] == [Write(Draft(Purpose.ANSWER, "b", 7))]
    _, (effect,) = submit(writing(view, Draft(Purpose.ANSWER, "b", 7)), "yes")
    assert isinstance(effect, Invoke)
    assert effect.arguments["answers"] == 7


@pytest.mark.parametrize(("key", "decision"), [("a", "allow"), ("A", "always")])
def test_a_permission_request_is_answered_by_its_number(key: str, decision: str) -> None:
    view = asked(waiting(3), waiting(4, name="a"))
    (effect,) = pressed(view, "j", key)[1]
    assert isinstance(effect, Invoke)
    assert (effect.action, effect.arguments) == ("answer", {"id": 4, "decision": decision, "reason": ""})


def test_a_denial_asks_for_a_reason_that_may_be_empty() -> None:
    view = asked(waiting(3))
    draft = Draft(Purpose.REASON, "b", 3)
    assert pressed(view, "x")[1] == [Write(draft)]
    for reason in ("not that", ""):
        _, (effect,) = submit(writing(view, draft), reason)
        assert isinstance(effect, Invoke)
        assert effect.arguments == {"id": 3, "decision": "deny", "reason": reason}


def ended(*numbers: int, by: AnsweredBy = AnsweredBy.WINDOW) -> dict[int, PermissionRequest]:
    """Return requests that have ended, by number."""
    words = ("Bash", "runs: rm -rf build", "rm -rf build")
    return {number: PermissionRequest(number, "b", NOW, *words, answerable=False, answered_by=by) for number in numbers}


def becomes(view: View, *needs: Need, **data: object) -> View:
    """Return the view with other needs."""
    return with_data(view, replace(view.data, needs=needs, **data))  # type: ignore[arg-type]  # the fields' own types


def test_a_key_counts_for_what_has_been_on_the_terminal_for_a_moment() -> None:
    """Not for what came up behind it, nor for what is still to be painted, however long that takes."""
    view = asked(waiting(3), waiting(4))
    assert press(view, Key("a"), 100.0)[1] == ()
    view = painted(view, 100.0)
    for since, count in ((-1.0, 0), (UNREAD / 2, 0), (UNREAD, 1)):
        after, effects = press(view, Key("a"), 100.0 + since)
        assert (len(effects), after.status.bad) == (count, not count)
    moved, _ = press(view, Key("j"), 101.0)
    assert press(moved, Key("a"), 109.0)[1] == ()
    (held,) = press(painted(moved, 109.0), Key("a"), 109.0 + UNREAD)[1]
    assert isinstance(held, Held)
    assert isinstance(held.effect, Invoke)
    assert held.effect.arguments["id"] == 4


@pytest.mark.parametrize("by", [AnsweredBy.WINDOW, AnsweredBy.ENDED, AnsweredBy.TIMEOUT, AnsweredBy.PERSON])
def test_a_request_that_ends_under_the_cursor_stays_there_and_no_key_answers_another(by: AnsweredBy) -> None:
    view = becomes(asked(waiting(3), waiting(4)), waiting(4), ended=ended(3, by=by))
    assert [need.number for need in view.needs] == [3, 4]
    for key in "aAx":
        after, effects = pressed(view, key)
        assert (effects, after.status.bad) == ([], True)
        assert after.status.text.startswith("nothing was answered: request 3 of b ")
    view = becomes(view, waiting(4), waiting(5))
    assert view.need is not None
    assert view.need.number == 3
    for keys, number in (("j", 4), ("w", 4), (("Escape",), 4), ("mw", 4)):
        gone, _ = pressed(view, *keys)
        assert gone.need is not None
        assert gone.need.number == number
        assert pressed(gone, "a")[1][0].arguments["id"] == number  # type: ignore[union-attr]  # it is an Invoke


def test_after_an_answer_the_cursor_goes_on_to_what_was_next() -> None:
    view = asked(waiting(3), waiting(4), waiting(5))
    assert followed(view) == (3,)
    view, (effect,) = pressed(view, "a")
    assert isinstance(effect, Invoke)
    view = begin(view, effect)
    view = becomes(view, waiting(5), waiting(6), ended=ended(3, by=AnsweredBy.PERSON))
    assert view.need is not None
    assert view.need.number == 5
    assert followed(view) == (5, 3)
    view = becomes(view, waiting(5), waiting(6), ended=ended(3))
    assert view.status == Status(
        "too late: request 3 of b was already answered in its window", "your answer did not count", bad=True
    )
    assert followed(view) == (5,)


def test_a_session_that_is_gone_takes_the_cursor_to_no_other_need() -> None:
    view = replace(asked(waiting(3, name="a"), waiting(4, name="c")), selected="b")
    view = with_data(view, replace(view.data, sessions=(designer(), session("a"), session("c"))))
    assert view.selected == "c"
    assert view.need is not None
    assert view.need.number == 3


def test_a_long_request_is_allowed_once_its_end_was_in_sight_and_denied_at_any_time() -> None:
    view = painted(asked(waiting(3)), 100.0, whole=False)
    for key in "aA":
        after, effects = press(view, Key(key), 200.0)
        assert (effects, "goes on below" in after.status.text) == ((), True)
    assert len(press(view, Key("x"), 200.0)[1]) == 1
    seen = painted(painted(view, 150.0), 160.0, whole=False)
    assert len(press(seen, Key("a"), 200.0)[1]) == 1


def test_a_request_is_answered_only_where_it_is_in_sight() -> None:
    view = replace(asked(waiting(3)), tab=Tab.DIFF)
    assert pressed(view, "a", "A", "x")[1] == []


def test_what_cannot_be_answered_from_here_says_where() -> None:
    for need in (waiting(3, answerable=False), waiting(3, NeedKind.PROMPT), waiting(3, NeedKind.QUESTION)):
        for key in "aAx":
            view, effects = pressed(asked(need), key)
            assert (effects, view.status.bad) == ([], True)
            assert view.status.hint.startswith("press ")


def test_moving_in_the_tab_of_needs_selects_their_sessions() -> None:
    view = asked(waiting(1, name="c"), waiting(2, name="a"))
    assert pressed(view, "j")[0].selected == "a"
    assert pressed(view, "j", "k")[0].selected == "c"
    assert pressed(replace(view, tab=Tab.DIFF), "k", "k", "w")[0].item == view.data.needs[1].key


def test_where_needs_are_shown_the_keys_are_for_the_session_of_the_selected_one() -> None:
    first, second = waiting(1, NeedKind.DONE, name="c"), waiting(2, NeedKind.DONE, name="a")
    view = replace(scene(), data=replace(scene().data, needs=(first, second)))
    shown = pressed(view, "w")[0]
    assert (shown.selected, shown.item) == ("c", first.key)
    answered = with_data(shown, replace(shown.data, needs=(second,)))
    assert (answered.selected, answered.item) == ("a", second.key)
    elsewhere = with_data(replace(shown, tab=Tab.DIFF), replace(shown.data, needs=(second,)))
    assert (elsewhere.selected, elsewhere.item) == ("c", second.key)


def test_where_needs_are_shown_none_is_selected_with_a_session_that_needs_nothing() -> None:
    view = pressed(asked(waiting(1, name="c"), waiting(2, name="a")), "1")[0]
    assert (view.selected, view.need) == ("main", None)
    view = with_data(view, replace(view.data, needs=(*view.data.needs, waiting(3, name="b"))))
    assert (view.selected, view.need) == ("main", None)
    assert pressed(view, "j")[0].need == view.data.needs[0]


def test_the_next_who_needs_the_person_is_one_key_away() -> None:
    view = replace(asked(waiting(1, name="c"), waiting(2, name="a")), tab=Tab.DIFF, selected="b")
    assert view.names == ["main", "a", "c", "b"]
    assert [pressed(view, *("n" * times))[0].selected for times in range(4)] == ["b", "a", "c", "a"]
    assert "nothing waits" in pressed(scene(), "n")[0].status.text
