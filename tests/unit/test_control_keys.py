"""Keys by their names in tmux, which are those of the settings."""

from __future__ import annotations

import pytest

from orchestra.bindings import BINDINGS, REVIEW_BINDINGS, Keymap, Where, actions, doubled
from orchestra.review.keys import Key, key


@pytest.mark.parametrize(
    ("name", "character", "wanted"),
    [
        ("a", "a", "a"), ("A", "A", "A"), ("question_mark", "?", "?"), ("é", "é", "é"), ("space", " ", " "),
        ("enter", "\r", "Enter"), ("escape", "\x1b", "Escape"), ("tab", "\t", "Tab"), ("shift+tab", None, "BTab"),
        ("up", None, "Up"), ("pagedown", None, "PgDn"), ("ctrl+n", "\x0e", "C-n"), ("alt+enter", None, "M-Enter"),
        ("ctrl+enter", None, "C-Enter"), ("f5", None, "F5"), ("backspace", "\x7f", "BSpace"),
    ],
)  # fmt: skip
def test_a_key_has_the_name_that_tmux_gives_it(name: str, character: str | None, wanted: str) -> None:
    assert key(name, character) == Key(wanted)


def test_a_letter_with_alt_is_no_letter() -> None:
    assert not key("alt+d", None).is_text


def test_no_key_means_two_things_in_one_place() -> None:
    assert doubled({}) is None


def test_the_keys_of_the_list_work_in_the_tab_of_needs_too() -> None:
    keymap = Keymap()
    assert keymap.does("j", Where.NEEDS) == "next"
    assert keymap.does("a", Where.NEEDS) == "allow"
    assert keymap.does("a", Where.LIST) == ""
    assert keymap.does("j", Where.QUESTION) == ""
    assert keymap.does(" ") == "page-down"


def test_own_keys_replace_those_of_an_action() -> None:
    keymap = Keymap({"merge": ("X", "F5"), "next": ("n",), "next-need": ()})
    assert [keymap.does(one) for one in ("X", "F5", "M", "n", "j")] == ["merge", "merge", "", "next", ""]
    assert (keymap.key("merge"), keymap.key("next-need")) == ("X", "")


def test_own_keys_reach_a_review() -> None:
    keymap = Keymap({"review-down": ("C-e",), "down": ("X",)})
    assert [keymap.does(key, Where.REVIEW) for key in ("C-e", "j", "X", " ")] == [
        "review-down",
        "",
        "",
        "review-page-down",
    ]
    assert keymap.does("C-e") == ""
    assert doubled({"next-file": ("]",)}) == ("]", "next-hunk", "next-file")


def test_a_key_for_two_actions_is_found_wherever_both_count() -> None:
    assert doubled({"merge": ("D",)}) == ("D", "delete", "merge")
    assert doubled({"merge": ("a",)}) == ("a", "merge", "allow")
    assert doubled({"merge": ("y",)}) is None


def test_every_action_has_a_name_of_its_own_and_says_what_it_does() -> None:
    every = (*BINDINGS, *REVIEW_BINDINGS)
    assert len({one.action for one in every}) == len(every) == len(actions())
    assert [one.action for one in every if not one.help or not one.keys] == []
