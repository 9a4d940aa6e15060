"""Plain typing that was meant for another window sets nothing off."""

from __future__ import annotations

import pytest

from orchestra.attention import Need, NeedKind
from orchestra.control import typing
from orchestra.control.cursor import with_data, with_painted
from orchestra.control.reducer import press
from orchestra.control.state import Data, Effect, Held, Invoke, Mode, Tab, View, Write
from orchestra.review.keys import Key
from tests.support.scenes import NOW, designer, session

TEXTS = [
    "please fix the tests", "python says no, try again", "stop that", "My tests fail: yes", "Delete yesterday's file",
    "do it", "quick, yes", "new yaml parser", "merge it yourself", "the yak",
]  # fmt: skip


def scene(tab: Tab = Tab.DIFF) -> View:
    need = Need(NeedKind.PERMISSION, "b", NOW, "wants: rm -rf build", "rm -rf build", 3, answerable=True)
    view = with_data(View(selected="b", tab=tab), Data((designer(), session("a"), session("b")), needs=(need,)))
    return with_painted(view, need.key, float("-inf"), whole=True)


def typed(text: str, gap: float, tab: Tab = Tab.DIFF) -> tuple[View, list[Effect]]:
    """Return what becomes of a text typed at a steady speed; what is held back and then followed by typing is off."""
    view, effects, now = scene(tab), list[Effect](), 100.0
    for character in text:
        view, more = press(view, Key("Enter" if character == "\n" else character), now)
        effects = [
            one
            for one in effects
            if not (isinstance(one, Held) and gap < typing.RAPID and typing.cancels(one, view, now))
        ]
        effects += more
        now += gap
    return view, effects


@pytest.mark.parametrize("tab", [Tab.DIFF, Tab.NEEDS])
@pytest.mark.parametrize("gap", [0.0, 0.06, 0.12, 0.2])
@pytest.mark.parametrize("text", TEXTS)
def test_a_sentence_sets_nothing_off_that_lasts(text: str, gap: float, tab: Tab) -> None:
    _, effects = typed(f"{text}\n", gap, tab)
    assert [
        one for one in effects if isinstance(one, Held) or (isinstance(one, Invoke) and one.action != "review")
    ] == []


@pytest.mark.parametrize("keys", ["an", "a ", "wa", "ja", "xj", "Aw"])
def test_an_answer_counts_only_alone(keys: str) -> None:
    """A letter before or after it within a moment shows a word, whatever that letter does by itself."""
    _, effects = typed(keys, 0.1, Tab.NEEDS)
    assert [one for one in effects if isinstance(one, Held)] == []
    view, (held,) = press(scene(Tab.NEEDS), Key("a"), 1.0)
    assert isinstance(held, Held)
    assert not typing.is_typing(view, 1.0)


def test_typing_is_told_with_where_to_type_instead() -> None:
    view, _ = typed("please", 0.1)
    assert view.mode is Mode.LIST
    assert "looks like text" in view.status.text
    assert view.status.hint.startswith("g goes to")


@pytest.mark.parametrize("keys", ["jjs", "ks", "JJKd", "  m", "s", "jt", "dj"])
def test_commands_given_quickly_are_obeyed(keys: str) -> None:
    view, effects = typed(keys, 0.05)
    assert not typing.is_typing(view, 100.0 + 0.05 * len(keys))
    assert len([one for one in effects if isinstance(one, Held)]) == (keys[-1] in "st")


def test_letters_are_commands_again_after_a_moment() -> None:
    view, _ = press(scene(), Key("x"), 1.0)
    assert typing.is_typing(view, 1.5)
    _, (held,) = press(view, Key("s"), 1.0 + typing.QUIET)
    assert isinstance(held, Held)
    assert isinstance(held.effect, Invoke)
    assert held.effect.action == "edit_spec"


def test_a_yes_counts_only_as_an_answer() -> None:
    asked, _ = press(scene(), Key("p"), 1.0)
    same, effects = press(asked, Key("y"), 1.1)
    assert (same.mode, effects) == (Mode.CONFIRM, ())
    _, (effect,) = press(asked, Key("y"), 1.0 + typing.RAPID)
    assert isinstance(effect, Invoke)
    assert effect.action == "pair"


def test_what_takes_the_keyboard_away_is_held_for_a_moment() -> None:
    for key in "strvq":
        _, (effect,) = press(scene(), Key(key), 1.0)
        assert isinstance(effect, Held)
    _, (effect,) = press(scene(Tab.NEEDS), Key("x"), 1.0)
    assert isinstance(effect, Held)
    assert isinstance(effect.effect, Write)
