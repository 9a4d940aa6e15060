"""Comparing the sessions of a group in the control pane, and taking one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestra.bindings import Keymap
from orchestra.control import compared
from orchestra.control.body import compared_lines
from orchestra.control.cursor import with_data
from orchestra.control.frame import reminder
from orchestra.control.merging import ask_merge, with_landed
from orchestra.control.reducer import press
from orchestra.control.state import Data, Effect, Invoke, Mode, Review, Status, Tab, View
from orchestra.model import Entry, EntryState
from orchestra.review.keys import Key
from tests.support.scenes import NOW, designer, session
from tests.unit.test_views_compare import row

NAMES = ("a", "b", "c")
RESULT: dict[str, Any] = {
    "group": "fix", "sessions": [row(name) for name in NAMES], "files": [], "alike": [], "bases": 1,
}  # fmt: skip
SEEN = {
    "name": "b", "head": "b1", "target": "main", "commits": [1], "diff": {"files": 1, "insertions": 2, "deletions": 0},
    "sensitive": [], "uncommitted": [], "conflicts": [], "others": ["a", "c"],
}  # fmt: skip


def scene() -> View:
    group = [session(name, group_name="fix") for name in NAMES]
    return with_data(View(selected="b", tab=Tab.MONITOR), Data((designer(), *group, session("alone"))))


def shown() -> View:
    return compared.with_compared(scene(), RESULT)


def pressed(view: View, *keys: str) -> tuple[View, tuple[Effect, ...]]:
    effects: tuple[Effect, ...] = ()
    for key in keys:
        view, effects = press(view, Key(key))
    return view, effects


def test_the_key_compares_the_group_without_running_anything() -> None:
    assert pressed(scene(), "C")[1] == (Invoke("compare", {"names": ["b"], "checks": False}, "comparing"),)
    view, effects = pressed(replace(scene(), selected="alone"), "C")
    assert (effects, view.status.text) == ((), "alone is in no group")


def test_the_selected_session_is_marked_and_keys_go_from_one_to_the_next() -> None:
    view = shown()
    assert view.mode is Mode.COMPARED
    assert view.compared is not None
    assert view.compared.name == "b"
    names = [found.compared.name for keys in ("j", "jj", "k") if (found := pressed(view, *keys)[0]).compared]
    assert names == ["c", "a", "a"]
    assert pressed(view, "Escape")[0].mode is Mode.LIST
    text = "\n".join(line.plain for line in compared_lines(view, 80).window(0, 50))
    assert "clean, into main" in text


def test_there_the_same_key_runs_the_checks_and_the_selection_stays() -> None:
    view, effects = pressed(shown(), "j", "C")
    assert [(one.action, one.arguments["checks"]) for one in effects if isinstance(one, Invoke)] == [("compare", True)]
    again = compared.with_compared(view, RESULT)
    assert again.compared is not None
    assert again.compared.name == "c"


def test_one_key_takes_the_marked_one_after_a_question_that_says_what_happens() -> None:
    view, effects = pressed(shown(), "T")
    assert effects == (Invoke("review", {"name": "b"}, "looking at b", taking=True),)
    asked = ask_merge(view, SEEN, taking=True)
    assert asked.mode is Mode.CONFIRM
    assert asked.question is not None
    assert asked.question.text == "Take b, and merge it into main?"
    assert "Once it has landed, a and c are deleted" in asked.question.keeps
    assert "If it is sent back, nothing is deleted." in asked.question.keeps
    then = pressed(asked, "y")[1]
    assert then == (Invoke("take", {"name": "b", "head": "b1"}, "taking b", "b is merged into main; deleted: a, c"),)
    assert pressed(asked, "n")[1] == ()


def test_one_without_others_is_not_taken() -> None:
    view = ask_merge(scene(), {**SEEN, "others": []}, taking=True)
    assert (view.mode, view.status.bad) == (Mode.LIST, True)


def test_one_key_reviews_the_marked_one_against_the_next_and_then_the_others() -> None:
    for keys, wanted in (("v", ("b", "c", "a")), ("jv", ("c", "a", "b")), ("jjv", ("a", "b", "c"))):
        view, effects = pressed(shown(), *keys)
        assert effects == (Review(wanted[0], others=wanted[1:]),)
        assert view.mode is Mode.COMPARED
    own = replace(shown(), keymap=Keymap({"review": ("X",)}))
    assert pressed(own, "X")[1] == (Review("b", others=("c", "a")),)
    assert pressed(own, "v")[1] == ()


def test_enter_goes_to_the_marked_one_even_where_the_list_hides_it() -> None:
    view, effects = pressed(replace(shown(), filter="alone"), "j", "Enter")
    assert (effects, view.mode, view.selected) == ((), Mode.LIST, "c")


def test_a_comparison_waits_while_the_person_does_something_else() -> None:
    view = compared.with_compared(replace(scene(), mode=Mode.WRITE), RESULT)
    assert view.mode is Mode.WRITE


def test_the_last_line_names_the_keys_where_they_mean_something() -> None:
    assert "take" in reminder(scene(), 200)[0].plain
    assert "take" not in reminder(replace(scene(), selected="alone"), 200)[0].plain
    assert "run checks" in reminder(shown(), 80)[0].plain
    assert "v diffs" in reminder(shown(), 44)[0].plain
    assert "F2 diffs" in reminder(replace(shown(), keymap=Keymap({"review": ("F2",)})), 44)[0].plain


def landing(name: str, state: EntryState = EntryState.LANDED) -> Entry:
    return Entry(1, 1, name, "main", "merge", None, state, "user", NOW, NOW, 1.0)


def test_what_lands_later_is_told_and_takes_the_place_of_why_it_came_back() -> None:
    view = with_landed(scene(), [landing("b")])
    assert view.status == Status("b is merged into main")
    back = replace(scene(), status=Status("b and its target change the same lines", "b has been told", bad=True))
    assert with_landed(back, [landing("b")]).status == Status("b is merged into main")
    assert with_landed(back, [landing("b", EntryState.WITHDRAWN)]) == back
    assert with_landed(back, []) == back


def test_what_lands_is_not_told_over_something_else() -> None:
    for view in (
        replace(scene(), status=Status("c cannot be deleted", bad=True)),
        replace(scene(), status=Status("b is merged into main; deleted: a, c")),
        replace(scene(), busy=("merging b",)),
    ):
        assert with_landed(view, [landing("b")]) == view
