"""A review of two sessions: it reads as any other, and what is of one session alone answers with one line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestra.bindings import IN_REVIEW, REVIEW_BINDINGS, Keymap
from orchestra.model import Scope, Sides
from orchestra.review import reducer
from orchestra.review.document import Document
from orchestra.review.frame import Canvas
from orchestra.review.reducer import Leave, Open, Turn
from orchestra.review.state import View
from tests.support.reviews import FakeSource, press, scene, settle

TWO, THREE = Sides("mine", "other-1"), Sides("mine", "other-1", 1, 2)
OF_ONE = ["v", "1", "2", "3", "c", "C", "m", "S"]


def pair(width: int = 100, height: int = 20, sides: Sides = THREE) -> View:
    return scene(width, height, FakeSource(sides=sides))[0]


def screen(view: View) -> list[str]:
    return [line.plain.rstrip() for line in Canvas().draw(view)]


def test_the_header_says_whose_lines_are_which() -> None:
    assert screen(pair())[0].startswith(" − mine   + other-1  1 of 2 others  4 files")
    assert screen(pair(160))[0].startswith(" left − mine   right + other-1  1 of 2 others  4 files")
    assert screen(pair(sides=TWO))[0].startswith(" − mine   + other-1   4 files")


@pytest.mark.parametrize("key", OF_ONE)
def test_a_key_for_the_work_of_one_session_says_so_and_does_nothing(key: str) -> None:
    before = pair()
    view, effects = press(before, key)
    assert effects == []
    assert "of one session: orchestra review other-1" in screen(view)[-1]
    assert replace(view, message="") == before
    first = View("mine", sides=THREE)
    assert press(first, key) == (replace(first, message=view.message), [])


def test_a_comment_is_said_to_belong_elsewhere() -> None:
    assert press(pair(), "c")[0].message == "comments are on the work of one session: orchestra review other-1"


def test_no_key_writes_anything() -> None:
    for binding in REVIEW_BINDINGS:
        for key in binding.keys:
            _, effects = press(pair(), key.replace("Space", " "))
            assert [one for one in effects if not isinstance(one, Open | Turn | Leave)] == []


def test_a_click_on_a_line_selects_nothing() -> None:
    view = pair()
    assert reducer.click(view, 60, 3) == (view, ())
    assert reducer.click(view, 60, 1)[0].folded == {0}


def test_footer_and_help_name_the_keys_that_mean_something() -> None:
    footer = screen(pair(200, 20))[-1]
    assert footer.startswith("? keys  q leave  ) ( next, previous session")
    assert not [word for word in ("viewed", "comment", "last review") if word in footer]
    shown = "\n".join(screen(press(pair(100, 60), "?")[0]))
    assert "compare with the next session" in shown
    assert not [word for word in ("comment", "viewed", "last commit", "select", "draft") if word in shown]


def test_with_two_alone_nothing_speaks_of_a_next_session() -> None:
    view = pair(200, 60, TWO)
    assert "session" not in screen(view)[-1]
    assert not any("compare with" in row for row in screen(press(view, "?")[0]))
    assert press(view, ")") == (replace(view, message="only mine and other-1 are compared"), [])


def test_a_review_of_one_session_has_no_next_one() -> None:
    view, effects = press(scene(200, 60)[0], ")")
    assert effects == []
    assert view.message == "these are the changes of one session; to compare several: orchestra compare"
    assert not any("compare with" in row for row in screen(press(view, "?")[0]))


def test_own_keys_turn_to_the_next_session() -> None:
    own = Keymap({"next-session": ("o",), "previous-session": ()})
    view = replace(pair(200), keymap=own)
    assert press(view, "o")[1] == [Turn(1)]
    assert press(view, ")")[1] == []
    assert {one.where for one in own.bindings if one.keys == ("o",)} <= set(IN_REVIEW)


def test_the_next_session_is_an_effect_and_the_same_file_stays_in_sight() -> None:
    view, effects = press(pair(), "}", "}", ")")
    assert effects == [Turn(1)]
    assert press(pair(), "(")[1] == [Turn(-1)]
    source = FakeSource(sides=THREE)
    source.turn(1)
    again, _ = settle(*reducer.opened(view, Document.of(source.changes(Scope.BRANCH)), {}), source)
    assert (again.top, again.sides) == ((2, 0), Sides("mine", "other-2", 2, 2))
    assert screen(again)[0].startswith(" − mine   + other-2  2 of 2 others")


def test_leaving_says_nothing_of_what_was_seen() -> None:
    view, effects = press(pair(), "q")
    assert (view.message, effects) == ("", [Leave()])


def test_what_does_not_differ_is_said_of_both() -> None:
    view, _ = scene(100, 20, FakeSource(texts={}, sides=TWO))
    assert screen(view)[2] == "  mine and other-1 have the same files"


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (100, 30), (160, 50), (250, 60)])
def test_every_size_is_filled_and_nothing_overflows(size: tuple[int, int]) -> None:
    view = pair(*size)
    for keys in ((), ("t",), ("s",), ("c",), ("?",)):
        drawn = Canvas().draw(press(view, *keys)[0])
        assert len(drawn) == size[1]
        assert max(line.cell_len for line in drawn) <= size[0]
