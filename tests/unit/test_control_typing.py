"""Plain typing that was meant for another window sets nothing off."""

from __future__ import annotations

import pytest

from orchestra.control import typing
from orchestra.control.keys import Key
from orchestra.control.reducer import press
from orchestra.control.state import Data, Effect, Invoke, Leave, Mode, View, with_data
from tests.support.scenes import designer, session

TEXTS = [
    "please fix the tests", "python says no, try again", "stop that", "My tests fail: yes", "Delete yesterday's file",
    "do it", "quick, yes", "new yaml parser", "merge it yourself", "the yak",
]  # fmt: skip


def scene() -> View:
    return with_data(View(selected="b"), Data(sessions=(designer(), session("a"), session("b"))))


def typed(text: str, gap: float) -> tuple[View, list[Effect]]:
    """Return what becomes of a text typed at a steady speed; what is held back and then followed by typing is off."""
    view, effects, now = scene(), list[Effect](), 100.0
    for character in text:
        view, more = press(view, Key("Enter" if character == "\n" else character), now)
        effects = [] if typing.is_typing(view, now) else effects
        effects += more
        now += gap
    return view, effects


@pytest.mark.parametrize("gap", [0.0, 0.06, 0.12, 0.2])
@pytest.mark.parametrize("text", TEXTS)
def test_a_sentence_sets_nothing_off_that_lasts(text: str, gap: float) -> None:
    _, effects = typed(f"{text}\n", gap)
    assert [one for one in effects if isinstance(one, Leave) or one.action != "review"] == []


def test_typing_is_told_with_where_to_type_instead() -> None:
    view, _ = typed("please", 0.1)
    assert view.mode is Mode.LIST
    assert "looks like text" in view.status.text
    assert "⏎" in view.status.hint


@pytest.mark.parametrize("keys", ["jjs", "ks", "JJKd", "  m", "s", "jt", "dj"])
def test_commands_given_quickly_are_obeyed(keys: str) -> None:
    view, effects = typed(keys, 0.05)
    assert not typing.is_typing(view, 100.0 + 0.05 * len(keys))
    assert len(effects) == (keys[-1] in "st")


def test_letters_are_commands_again_after_a_moment() -> None:
    view, _ = press(scene(), Key("x"), 1.0)
    assert typing.is_typing(view, 1.5)
    _, effects = press(view, Key("s"), 1.0 + typing.QUIET)
    assert [one.action for one in effects if isinstance(one, Invoke)] == ["edit_spec"]


def test_a_yes_counts_only_as_an_answer() -> None:
    asked, _ = press(scene(), Key("p"), 1.0)
    same, effects = press(asked, Key("y"), 1.1)
    assert (same.mode, effects) == (Mode.CONFIRM, ())
    _, (effect,) = press(asked, Key("y"), 1.0 + typing.RAPID)
    assert isinstance(effect, Invoke)
    assert effect.action == "pair"


def test_what_takes_the_keyboard_away_is_held_for_a_moment() -> None:
    for key in "st":
        _, (effect,) = press(scene(), Key(key), 1.0)
        assert isinstance(effect, Invoke)
        assert effect.held
