"""What keys do, and what data changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.bindings import BINDINGS
from orchestra.control.keys import Key
from orchestra.control.reducer import press
from orchestra.control.state import (
    Data,
    Effect,
    Invoke,
    Leave,
    Mode,
    Status,
    Tab,
    View,
    ask_merge,
    begin,
    measured,
    with_data,
    with_diff,
    with_outcome,
)
from orchestra.views.diff import DiffView
from orchestra.views.questions import merge_question
from tests.support.scenes import designer, session

KEYS = [binding.key for binding in BINDINGS]
KEYS += ["Escape", "Home", "End", "Left", "Right", "BackTab", "C-c", "y", "n", "x", "é", "Backspace", "C-w", "C-u"]


def scene(selected: str = "b") -> View:
    data = Data(sessions=(designer(), session("a"), session("b"), session("c")))
    return with_data(View(selected=selected), data)


def pressed(view: View, *keys: str | Key) -> tuple[View, list[Effect]]:
    effects: list[Effect] = []
    for key in keys:
        view, more = press(view, key if isinstance(key, Key) else Key(key))
        effects += more
    return view, effects


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


@pytest.mark.parametrize(
    ("key", "action", "arguments"),
    [
        ("Enter", "switch", {"name": "b"}),
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
    "branch": "orchestra/b",
    "target": "main",
    "commits": [{}, {}],
    "diff": {"files": 1, "insertions": 3, "deletions": 2},
    "uncommitted": ["draft\x1b[2J.txt"],
    "conflicts": ["app.txt"],
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
    assert [one.action for one in pressed(view, "y")[1] if isinstance(one, Invoke)] == [action]


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


def test_a_pasted_y_is_not_a_yes() -> None:
    view, effects = pressed(scene(), "D", Key("Paste", "y"))
    assert (view.mode, effects) == (Mode.CONFIRM, [])


@pytest.mark.parametrize("key", ["D", "M", "p"])
def test_the_designer_is_not_deleted_merged_or_paired(key: str) -> None:
    view, effects = pressed(scene("main"), key)
    assert effects == []
    assert view.status.bad
    assert view.status.hint


def test_a_new_session_is_asked_for_title_then_task() -> None:
    view, effects = pressed(scene(), "N", *"Fix é", "Enter", *"jqD?", "Enter")
    (effect,) = effects
    assert isinstance(effect, Invoke)
    assert effect.action == "spawn"
    assert effect.arguments == {"title": "Fix é", "task": "jqD?", "parent": "main"}
    assert view.mode is Mode.LIST


def test_the_title_is_the_task_where_no_task_is_typed() -> None:
    (effect,) = pressed(scene(), "N", *"Fix it", "Enter", "Enter")[1]
    assert isinstance(effect, Invoke)
    assert effect.arguments["task"] == "Fix it"


def test_a_session_needs_a_title() -> None:
    view, effects = pressed(scene(), "N", " ", "Enter")
    assert (view.mode, effects, view.status.bad) == (Mode.INPUT, [], True)


def test_typing_can_be_corrected_pasted_and_cancelled() -> None:
    view, _ = pressed(scene(), "N", *"ab cd", "Backspace", "C-w", Key("Paste", "e\x1b[31m\nf"))
    assert view.input is not None
    assert view.input.text == "abe\\x1b[31m f"
    assert pressed(view, "C-u")[0].input == replace(view.input, text="")
    closed, effects = pressed(view, "Escape")
    assert (closed.mode, closed.input, effects) == (Mode.LIST, None, [])


def test_a_pasted_task_keeps_its_lines() -> None:
    view, _ = pressed(scene(), "N", "a", "Enter", Key("Paste", "one\r  two\r\nthree\x1b[2J"))
    _, effects = pressed(view, "Enter")
    assert isinstance(effects[0], Invoke)
    assert effects[0].arguments["task"] == "one\n  two\nthree\\x1b[2J"


def test_tabs_turn_in_both_directions() -> None:
    assert pressed(scene(), "Tab")[0].tab is Tab.MONITOR
    assert pressed(scene(), "Left")[0].tab is Tab.MESSAGES
    assert pressed(scene(), "m")[0].tab is Tab.MONITOR
    assert pressed(scene(), "m", "d")[0].tab is Tab.DIFF


def test_scrolling_stays_within_what_there_is() -> None:
    view = measured(scene(), page=10, last=25)
    assert pressed(view, "K")[0].scroll == 0
    assert pressed(view, "J", "J")[0].scroll == 2
    assert pressed(view, "PgDn")[0].scroll == 9
    assert pressed(view, "PgDn", "PgDn", "PgDn")[0].scroll == 25
    assert pressed(view, "End")[0].scroll == 25
    assert pressed(view, "End", "j")[0].scroll == 0


def test_help_opens_scrolls_and_any_other_key_closes_it() -> None:
    view = measured(pressed(scene(), "?")[0], page=5, last=9)
    assert pressed(view, "j")[0].scroll == 1
    closed, effects = pressed(view, "D")
    assert (closed.mode, effects) == (Mode.LIST, [])


def test_q_leaves() -> None:
    assert pressed(scene(), "q")[1] == [Leave()]


def test_when_the_selected_session_goes_its_neighbour_is_selected() -> None:
    view = with_data(scene("b"), Data(sessions=(designer(), session("a"), session("c"))))
    assert view.selected == "c"
    view = with_data(view, Data(sessions=(designer(), session("a"))))
    assert view.selected == "a"
    assert with_data(view, Data()).selected == ""


def test_a_diff_that_comes_late_is_not_shown_for_another_session() -> None:
    diff = DiffView("")
    assert with_diff(scene("b"), "a", diff).diff is None
    view = with_diff(scene("b"), "b", diff)
    assert view.diff is diff
    assert with_diff(view, "b", None, "no engine").diff is diff
    assert with_diff(view, "b", None, "no engine").diff_error == "no engine"


def test_what_is_under_way_is_shown_until_it_ends() -> None:
    one, two = Invoke("merge", doing="merging a"), Invoke("merge", doing="merging b")
    view = begin(begin(scene(), one), two)
    assert view.busy == ("merging a", "merging b")
    view = with_outcome(view, one, Status("done"))
    assert (view.busy, view.status) == (("merging b",), Status("done"))


@given(st.lists(st.sampled_from(KEYS), max_size=40))
def test_no_keys_lead_anywhere_strange(keys: list[str]) -> None:
    view = measured(scene(), page=7, last=20)
    for key in keys:
        view, effects = press(view, Key(key))
        assert view.selected in view.names
        assert 0 <= view.scroll <= 20
        assert (view.mode is Mode.CONFIRM) == (view.question is not None)
        assert (view.mode is Mode.INPUT) == (view.input is not None)
        destructive = [one for one in effects if isinstance(one, Invoke) and one.action in {"delete", "merge"}]
        assert not destructive or key == "y"
