"""What keys do, and what data changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.attention import NeedKind
from orchestra.bindings import BINDINGS
from orchestra.control.cursor import UNREAD, with_data
from orchestra.control.merging import ask_merge
from orchestra.control.reducer import press, put_away, submit
from orchestra.control.state import (
    Data,
    Draft,
    Effect,
    Held,
    Invoke,
    Leave,
    Mode,
    Purpose,
    Review,
    Scroll,
    Status,
    Tab,
    View,
    Write,
    begin,
    with_filter,
    with_outcome,
    writing,
)
from orchestra.model import State
from orchestra.review.keys import Key
from orchestra.views.questions import merge_question
from tests.support.control_views import asked, painted, pressed, scene, waiting
from tests.support.scenes import designer, session

KEYS = [key.replace("Space", " ") for binding in BINDINGS for key in binding.keys] + ["é", "BSpace", "F5"]


@pytest.mark.parametrize(
    ("keys", "selected"),
    [("j", "c"), ("k", "a"), ("jj", "c"), ("kk", "main"), ("kkkk", "main"), (("Down",), "c"), (("Up", "Up"), "main")],
)
def test_moving_selects_and_stops_at_the_ends(keys: str, selected: str) -> None:
    assert pressed(scene(), *keys)[0].selected == selected


def test_the_order_is_that_of_the_list() -> None:
    view = with_data(
        scene("main"), Data(sessions=(designer(), session("a"), session("z"), session("deep", parent="a")))
    )
    assert [pressed(view, *("j" * times))[0].selected for times in range(4)] == ["main", "a", "deep", "z"]


def test_who_needs_the_person_comes_first_then_who_works() -> None:
    sessions = (designer(), session("rests", State.IDLE), session("works"), session("failed", State.FAILED))
    needs = (waiting(1, NeedKind.FAILED, "failed"), waiting(2, name="works"))
    assert with_data(View(), Data(sessions, needs=needs)).names == ["main", "works", "failed", "rests"]


@pytest.mark.parametrize(
    ("key", "action", "arguments"),
    [
        ("Enter", "switch", {"name": "b"}),
        ("g", "switch", {"name": "b"}),
        ("s", "edit_spec", {"name": "b"}),
        ("t", "terminal", {"name": "b"}),
        ("M", "review", {"name": "b"}),
    ],
)
def test_keys_have_actions_done(key: str, action: str, arguments: dict[str, object]) -> None:
    view, effects = pressed(scene(), key)
    assert [(one.action, one.arguments) for one in effects if isinstance(one, Invoke)] == [(action, arguments)]
    assert view.mode is Mode.LIST


REVIEW = {
    "name": "b",
    "head": "b1",
    "branch": "orchestra/b",
    "target": "main",
    "commits": [{}, {}],
    "diff": {"files": 1, "insertions": 3, "deletions": 2},
    "uncommitted": ["draft\x1b[2J.txt"],
    "conflicts": ["app.txt"],
    "proof": {"items": 4, "proved": 1, "claimed": 0, "open": 3},
    "sensitive": [f".vscode/{number}.json" for number in range(7)],
}


def questioned(key: str) -> tuple[View, list[Effect]]:
    view, effects = pressed(scene(), key)
    return (ask_merge(view, REVIEW), []) if key == "M" else (view, effects)


@pytest.mark.parametrize(("key", "action"), [("D", "delete"), ("M", "merge"), ("p", "pair")])
def test_what_cannot_be_undone_or_opens_the_checkout_asks_first_and_says_what_is_meant(key: str, action: str) -> None:
    view, effects = questioned(key)
    assert view.mode is Mode.CONFIRM
    assert effects == []
    assert view.question is not None
    assert "b" in view.question.text
    for other in ("x", "j", "Tab"):
        assert pressed(view, other) == (view, [])
    done = [one for one in pressed(view, "y")[1] if isinstance(one, Invoke)]
    assert [one.action for one in done] == [action]
    assert done[0].arguments.get("head") == (REVIEW["head"] if action == "merge" else None)


def test_the_question_before_a_merge_is_the_same_everywhere_and_names_what_is_sensitive() -> None:
    asked = merge_question(REVIEW)
    question = questioned("M")[0].question
    assert question is not None
    assert (question.text, question.keeps) == asked
    assert asked.text == "Merge b into main?"
    assert "2 commits, 1 file, +3 −2." in asked.detail
    assert ".vscode/0.json" in asked.detail
    assert "and 2 more" in asked.detail
    assert "It conflicts with main: app.txt." in asked.detail
    assert "Items of its spec: 1 proved, 3 open." in asked.detail
    assert "\x1b" not in asked.detail


def test_who_went_on_meanwhile_is_not_asked_about_a_merge() -> None:
    for keys in (["j"], ["N"], ["D"], ["?"]):
        view = ask_merge(pressed(scene(), "M", *keys)[0], REVIEW)
        assert view.question is None or "Delete" in view.question.text
        assert "press M again" in view.status.hint


def test_pairing_ends_without_a_question() -> None:
    data = Data(sessions=(designer(), session("b", paired=True)))
    view, (effect,) = pressed(with_data(View(selected="b"), data), "p")
    assert view.mode is Mode.LIST
    assert isinstance(effect, Invoke)
    assert effect.arguments == {"name": "b", "toggle": True}


def test_the_key_tries_a_session_and_puts_back_the_one_that_is_tried() -> None:
    for tried, wanted in (
        ("", ("try", {"name": "b"})),
        ("live", ("try_off", {})),
        ("you have changed a", ("try_off", {})),
    ):
        data = Data(sessions=(designer(), session("b", tried=tried)))
        _, (effect,) = pressed(with_data(View(selected="b"), data), "u")
        assert isinstance(effect, Invoke)
        assert (effect.action, effect.arguments) == wanted


def test_what_is_asked_stays_what_it_was_about() -> None:
    """The session the question names is the one deleted, even when the list changes meanwhile."""
    view, _ = pressed(scene(), "D")
    view = with_data(view, Data(sessions=(designer(), session("a"), session("c"))))
    (effect,) = pressed(view, "y")[1]
    assert isinstance(effect, Invoke)
    assert effect.arguments == {"name": "b"}


@pytest.mark.parametrize("no", ["n", "Escape", "Enter", "q", "C-c", "N"])
def test_everything_but_yes_does_nothing(no: str) -> None:
    view, effects = pressed(scene(), "D", no)
    assert (view.mode, effects) == (Mode.LIST, [])


@pytest.mark.parametrize("key", ["D", "M", "p", "u"])
def test_the_designer_is_not_deleted_merged_paired_or_tried(key: str) -> None:
    view, effects = pressed(scene("main"), key)
    assert effects == []
    assert view.status.bad
    assert view.status.hint


def test_a_new_session_is_asked_for_title_then_task() -> None:
    view, effects = pressed(scene(), "N")
    assert (view.mode, view.draft, effects) == (Mode.WRITE, Draft(Purpose.TITLE), [])
    view, sent = submit(view, " Fix é ")
    assert (view.draft, sent) == (Draft(Purpose.TASK, title="Fix é"), ())
    view, (effect,) = submit(view, "one\n  two\n")
    assert isinstance(effect, Invoke)
    assert (effect.action, effect.arguments) == ("spawn", {"title": "Fix é", "task": "one\n  two", "parent": "main"})
    assert view.mode is Mode.LIST


def test_the_title_is_the_task_where_no_task_is_written() -> None:
    _, (effect,) = submit(writing(scene(), Draft(Purpose.TASK, title="Fix it")), "")
    assert isinstance(effect, Invoke)
    assert effect.arguments["task"] == "Fix it"


def test_a_session_needs_a_title_and_a_message_a_text() -> None:
    for draft in (Draft(Purpose.TITLE), Draft(Purpose.MESSAGE, "b"), Draft(Purpose.ANSWER, "b", 3)):
        view, effects = submit(writing(scene(), draft), " ")
        assert (view.mode, view.draft, effects, view.status.bad) == (Mode.WRITE, draft, (), True)


def test_what_is_put_away_does_nothing() -> None:
    for purpose in Purpose:
        view = put_away(writing(scene(), Draft(purpose, "b")))
        assert (view.mode, view.draft) == (Mode.LIST, None)
    assert pressed(writing(scene(), Draft(Purpose.MESSAGE, "b")), "D", "q", "y")[1] == []


def test_a_message_goes_to_the_selected_session() -> None:
    view, (write,) = pressed(scene(), "r")
    assert write == Write(Draft(Purpose.MESSAGE, "b"))
    _, (effect,) = submit(writing(view, Draft(Purpose.MESSAGE, "b")), "go on")
    assert isinstance(effect, Invoke)
    assert effect.arguments == {"sender": "user", "recipient": "b", "text": "go on", "kind": "message"}


def test_a_digit_jumps() -> None:
    assert pressed(scene(), "4")[0].selected == "c"
    assert pressed(scene(), "9")[0].selected == "b"


def test_the_filter_finds_by_name_state_and_agent() -> None:
    view = with_data(View(selected="b"), Data((designer(), session("b", State.FAILED), session("c", agent="codex"))))
    assert with_filter(view, "FAIL").names == ["b"]
    assert with_filter(view, "codex work").names == ["c"]
    assert with_filter(view, "codex").selected == "c"
    assert with_filter(view, "nobody").names == []
    assert pressed(with_filter(view, "codex"), "Escape")[0].names == view.names
    assert put_away(writing(with_filter(view, "codex"), Draft(Purpose.FILTER))).names == view.names
    assert submit(writing(with_filter(view, "codex"), Draft(Purpose.FILTER)), "codex")[0].names == ["c"]


def test_a_designers_sessions_are_folded_and_unfolded() -> None:
    view, _ = pressed(scene("main"), "z")
    assert (view.names, view.rows[0].folded) == (["main"], 3)
    assert pressed(view, "z")[0].names == ["main", "a", "b", "c"]


def test_a_result_counts_as_seen_once_the_person_looks_at_it() -> None:
    done = waiting(0, NeedKind.DONE)
    view = replace(asked(done), tab=Tab.MONITOR)
    seen = [Invoke("mark_reviewed", {"name": "b"})]
    assert pressed(view, "d")[1] == seen
    assert pressed(replace(view, tab=Tab.DIFF), "J")[1] == [Scroll(1), *seen]
    assert pressed(view, "J", "i", "w", "j")[1] == [Scroll(1)]
    assert pressed(scene(), "d")[1] == []


def test_the_review_is_opened_for_the_selected_session() -> None:
    assert pressed(scene(), "v")[1] == [Review("b")]


def test_tabs_turn_in_both_directions() -> None:
    assert pressed(scene(), "Tab")[0].tab is Tab.MONITOR
    assert pressed(scene(), "BTab")[0].tab is Tab.NEEDS
    assert pressed(scene(), "Left", "Left")[0].tab is Tab.MESSAGES
    assert pressed(scene(), "m")[0].tab is Tab.MONITOR
    assert pressed(scene(), "m", "d")[0].tab is Tab.DIFF


def test_keys_scroll() -> None:
    keys = ("J", "K", "PgDn", " ", "PgUp", "C-u")
    assert pressed(scene(), *keys)[1] == [
        Scroll(1), Scroll(-1), Scroll(pages=1), Scroll(pages=1), Scroll(pages=-1), Scroll(pages=-1)
    ]  # fmt: skip


def test_help_opens_scrolls_and_any_other_key_closes_it() -> None:
    view, _ = pressed(scene(), "?")
    assert pressed(view, "j") == (view, [Scroll(1)])
    closed, effects = pressed(view, "D")
    assert (closed.mode, effects) == (Mode.LIST, [])


def test_a_failed_check_and_too_high_a_cost_are_marked() -> None:
    one, other = session("a", cost=4.0, id=1), session("b", cost=6.0, allowance=2.0, id=2)
    data = Data((one, other), failed_checks=frozenset({2}), budget=4.0)
    rows = with_data(View(), data).rows
    assert [(row.over_budget, row.red_check) for row in rows] == [(True, False), (True, True)]
    rows = with_data(View(), replace(data, budget=4.5)).rows
    assert [row.over_budget for row in rows] == [False, False]


def test_q_leaves() -> None:
    assert pressed(scene(), "q")[1] == [Leave()]


def test_when_the_selected_session_goes_its_neighbour_is_selected() -> None:
    view = with_data(scene("b"), Data(sessions=(designer(), session("a"), session("c"))))
    assert view.selected == "c"
    view = with_data(view, Data(sessions=(designer(), session("a"))))
    assert view.selected == "a"
    assert with_data(view, Data()).selected == ""


def test_what_is_under_way_is_shown_until_it_ends() -> None:
    one, two = Invoke("merge", doing="merging a"), Invoke("merge", doing="merging b")
    view = begin(begin(scene(), one), two)
    assert view.busy == ("merging a", "merging b")
    view = with_outcome(view, one, Status("done"))
    assert (view.busy, view.status) == (("merging b",), Status("done"))


@given(st.lists(st.sampled_from(KEYS), max_size=40))
def test_no_keys_lead_anywhere_strange(keys: list[str]) -> None:
    view = replace(asked(waiting(1), waiting(2, NeedKind.DONE, "a")), tab=Tab.DIFF)
    for key in keys:
        view, effects = press(view, Key(key))
        assert view.selected in {"main", "a", "b", "c"}
        assert (view.mode is Mode.CONFIRM) == (view.question is not None)
        assert (view.mode is Mode.WRITE) == (view.draft is not None)
        destructive = [one for one in effects if isinstance(one, Invoke) and one.action in {"delete", "merge"}]
        assert not destructive or key in "yY"
        answers = [one for one in effects if isinstance(one, Held) and getattr(one.effect, "action", "") == "answer"]
        assert not answers or view.tab is Tab.NEEDS


def test_a_message_to_the_person_is_read_once_they_look_at_the_messages_or_put_it_away() -> None:
    view = replace(asked(waiting(7, NeedKind.MESSAGE)), tab=Tab.DIFF)
    seen = [Invoke("mark_seen", {"name": "b"})]
    assert pressed(view, "i")[1] == seen
    assert pressed(view, "m")[1] == []
    assert pressed(replace(view, tab=Tab.NEEDS), "e")[1] == seen
    assert pressed(replace(asked(waiting(3, NeedKind.PERMISSION)), tab=Tab.NEEDS), "e")[1] == []


def test_a_message_that_has_just_come_up_is_not_put_away_unread() -> None:
    view = painted(asked(waiting(7, NeedKind.MESSAGE)), 5.0)
    after, effects = press(view, Key("e"), 5.0 + UNREAD / 2)
    assert effects == ()
    assert "read it first" in after.status.text
