"""Searching in the control pane."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestra.control import found
from orchestra.control.cursor import with_data
from orchestra.control.reducer import press, put_away, submit
from orchestra.control.state import Data, Draft, Held, Invoke, Mode, Purpose, Tab, View, Write, writing
from orchestra.errors import StoreError
from orchestra.review.keys import Key
from orchestra.store import Store
from orchestra.views.search import hit_lines
from tests.support.pane import Answers, run, showing
from tests.support.scenes import HOSTILE, designer, session
from tests.support.stores import add


def hit(kind: str, name: str, text: str = "the login page", **values: object) -> dict[str, Any]:
    at = text.find("login")
    marks = [[at, at + 5]] if at >= 0 else []
    usual = {"in": kind, "session": name, "deleted": False, "at": "2026-03-04T05:06:07+00:00", "where": f"{kind} 3"}
    return {**usual, "line": text, "found": marks, **values}


HITS = [hit("messages", "a"), hit("specs", "b"), hit("events", "b"), hit("commits", "c"), hit("conversations", "gone")]


def scene() -> View:
    sessions = (designer(), session("a"), session("b", parent="a"), session("c"))
    return with_data(View(selected="main", tab=Tab.NEEDS), Data(sessions))


def shown(view: View | None = None) -> View:
    return found.with_found(view or scene(), "login", {"hits": HITS, "unread": ["a"]})


def pressed(view: View, *keys: str) -> View:
    for key in keys:
        view, effects = press(view, Key(key))
        assert effects == ()
    return view


def test_the_field_opens_after_a_moment_and_searches_with_the_action() -> None:
    assert press(scene(), Key("f"))[1] == (Held(Write(Draft(Purpose.SEARCH))),)
    view = writing(scene(), Draft(Purpose.SEARCH))
    assert submit(view, "login page ")[1] == (Invoke("search", {"text": "login page"}, "searching for login page"),)
    assert submit(view, " ")[1] == ()
    assert put_away(view).mode is Mode.LIST


@pytest.mark.parametrize(
    ("down", "name", "tab"),
    [(0, "a", Tab.MESSAGES), (1, "b", Tab.MONITOR), (2, "b", Tab.MONITOR), (3, "c", Tab.DIFF)],
)
def test_enter_goes_to_the_session_with_the_tab_that_shows_it(down: int, name: str, tab: Tab) -> None:
    view = pressed(shown(replace(scene(), folded=frozenset({"a"}))), *["j"] * down, "Enter")
    assert (view.mode, view.selected, view.tab) == (Mode.LIST, name, tab)
    assert name in view.names


def test_a_session_that_is_gone_is_only_named() -> None:
    view = pressed(shown(), "End", "Enter")
    assert view.mode is Mode.FOUND
    assert "gone is not there any more" in view.status.text
    deleted = found.with_found(scene(), "login", {"hits": [hit("events", "a", deleted=True)], "unread": []})
    assert pressed(deleted, "Enter").status.hint.endswith("orchestra restore a")


def test_keys_move_and_close_and_the_same_search_keeps_the_place() -> None:
    view = pressed(shown(), "j", "PgDn", "k", "Home", "Down", "j")
    assert view.found is not None
    assert view.found.at == 2
    closed = pressed(view, "Escape")
    assert closed.mode is Mode.LIST
    again = shown(closed)
    assert again.found is not None
    assert (again.mode, again.found.at) == (Mode.FOUND, 2)


def test_a_click_selects_a_hit_and_a_second_one_on_it_goes_there() -> None:
    view = found.clicked(shown(), 3, again=False)
    assert view.found is not None
    assert (view.mode, view.found.at) == (Mode.FOUND, 3)
    assert found.clicked(view, 2, again=True).mode is Mode.FOUND
    assert found.clicked(view, None, again=True) is view
    assert found.clicked(view, 3, again=True).selected == "c"


def test_what_was_found_waits_while_the_person_does_something_else() -> None:
    view = shown(writing(scene(), Draft(Purpose.MESSAGE, "a")))
    assert view.mode is Mode.WRITE
    assert view.found is not None


def test_nothing_found_is_said() -> None:
    view = found.with_found(scene(), "login", {"hits": [], "unread": ["a"]})
    assert view.mode is Mode.LIST
    assert "nothing was found" in view.status.text
    assert "of a" in view.status.hint


@pytest.mark.parametrize("width", [20, 40, 100, 200])
def test_hits_fit_any_width_with_their_words_marked(width: int) -> None:
    long = hit("messages", HOSTILE, f"{HOSTILE} the login {'long ' * 90}", where=HOSTILE)
    lines, places = hit_lines([*HITS, long], selected=1, width=width)
    assert max(line.cell_len for line in lines) <= width
    assert [line.plain for line in lines if not line.plain.isprintable()] == []
    assert lines[places[1].start].plain.startswith("▌b")
    marked = next(line for line in lines if "login" in line.plain)
    assert any(marked.plain[span.start : span.end] == "login" for span in marked.spans)


@pytest.fixture
def filled(store: Store) -> Store:
    add(store, "main", parent=None)
    add(store, "a")
    return store


@pytest.mark.parametrize("size", [(40, 24), (100, 30), (200, 30)])
def test_a_search_on_the_screen(filled: Store, size: tuple[int, int]) -> None:
    source = Answers(results={"search": {"hits": [hit("messages", "a")], "unread": []}})

    async def story() -> None:
        async with showing(filled, source, size=size) as on:
            await on.press("f")
            await on.sees("search everything for")
            await on.press(*"login", "enter")
            await on.sees("1 hit for login", "─ messages ─", "the login page")
            assert source.done == [("search", {"text": "login"})]
            await on.press("enter")
            await on.sees("messages: messages 3", "no messages yet")
            await on.press("f")
            await on.sees("search everything for", " login")
            await on.press("x", "enter")
            await on.until(lambda: ("search", {"text": "x"}) in source.done, str(source.done))

    run(story())


def test_a_python_that_cannot_search_is_told_calmly(filled: Store) -> None:
    cannot = StoreError("this Python's SQLite cannot search in texts", hint="install Orchestra with another Python")

    async def story() -> None:
        async with showing(filled, Answers(results={"search": cannot}), size=(60, 24)) as on:
            await on.press("f")
            await on.sees("search everything for")
            await on.press(*"login", "enter")
            await on.sees("✗ this Python's SQLite cannot search", "→ install Orchestra", "Monitor")

    run(story())
