"""Every screen of the control pane and of the review, by mouse, in terminals of every size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mouse import clicks, clicks_at, drags_until, find, place, wheels, wheels_until
from tests.support.person import OWN, Person, eventually
from tests.support.screens import (
    SIZES,
    SMALL,
    TABS,
    WIDE,
    Screen,
    begins,
    body,
    chooses,
    names,
    pane,
    pane_width,
    position,
    sees_selected,
    sees_tab,
    sessions_of_every_kind,
    tab,
    takes,
)

NAMES = ("main", "ask-you", "may-i", "fall-over", "add-kelvin", "work-on", "ask-main")


@pytest.fixture(scope="module")
def ida(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with sessions_of_every_kind(tmp_path_factory.mktemp("ida") / "p") as someone:
        yield someone


@pytest.fixture(scope="module", params=[*SIZES.values()], ids=[*SIZES])
def screen(request: pytest.FixtureRequest, ida: Person) -> Screen:
    """A size, which the terminal has now."""
    wanted: Screen = request.param
    takes(ida, wanted)
    return wanted


@pytest.fixture
def person(ida: Person, screen: Screen) -> Person:
    """The same person, looking at the whole list and the diff of the designer."""
    assert screen
    begins(ida)
    return ida


def row_of(name: str) -> str:
    """Return a pattern for a session's name in the list."""
    return rf"^[▌ ][│├└ ]*[◌●◆○✓✗■?] ({name}) "


def clicks_session(person: Person, name: str) -> None:
    """Turn the wheel over the list until a session is in sight, and click it."""
    column, row = place(person, row_of("[a-z-]+"))

    def is_seen() -> bool:
        return name in names(person)

    def is_at_the_end() -> bool:
        return is_seen() or "└" in "".join(line[:2] for line in pane(person))

    wheels_until(person, (column, row), lambda: is_seen() or is_at_the_end())
    wheels_until(person, (column, row), is_seen, -1)
    clicks(person, row_of(name))
    sees_selected(person, name)


def clicks_tab(person: Person, word: str) -> None:
    """Click a tab, and wait until it is the one that is shown."""
    clicks(person, tab(word))
    sees_tab(person, word)


def in_body(person: Person) -> tuple[int, int]:
    """Return a place in the first line of the body."""
    column, row = place(person, TABS)
    return column + 4, row + 1


def test_a_click_selects_what_is_clicked_wherever_the_wheel_has_been(person: Person) -> None:
    for name in (*NAMES, *NAMES[::2]):
        clicks_session(person, name)
    assert person.focus() == "control"


def test_a_second_click_goes_to_the_window(person: Person, screen: Screen) -> None:
    clicks(person, row_of("may-i"), times=2)
    eventually(lambda: person.focus() == "agent", what=f"a window, at {screen}")
    look = ("display-message", "-p", "#{window_name}")
    eventually(lambda: "may-i" in person.tmux(*look, server=OWN), what=f"the window of may-i, at {screen}")


def test_every_tab_is_shown_by_a_click_and_scrolled_by_the_wheel(person: Person) -> None:
    clicks_session(person, "add-kelvin")
    for word, text in {
        "Diff": "5 files",
        "Monitor": "done for",
        "Messages": "half way",
        "Needs": "▌[◆✗]",
    }.items():
        clicks_tab(person, word)
        assert place(person, text)
    clicks_session(person, "add-kelvin")
    clicks_tab(person, "Diff")
    person.sees("CLAUDE.md")
    eventually(lambda: position(person) == "0%", what="the beginning")
    wheels_until(person, in_body(person), lambda: position(person) != "0%")
    wheels_until(person, in_body(person), lambda: position(person) == "0%", -1)
    clicks_tab(person, "Monitor")
    person.sees("done for")
    if position(person):
        wheels_until(person, in_body(person), lambda: position(person) == "100%")
        wheels_until(person, in_body(person), lambda: position(person) == "0%", -1)


def test_a_request_is_chosen_and_answered_by_clicks(person: Person) -> None:
    number = chooses_request(person)
    wheels_over_needs(person, "▌ a allow")
    person.counts("a")
    clicks(person, "▌ (a allow)", left=left_of_body(person))
    person.sees("may-i may go on")
    is_asked_next(person, number)
    number = eventually(lambda: other_than(number, chooses_request(person)), what="the next request in the pane")
    person.counts("x")
    clicks(person, "x (deny)")
    person.sees("why may-i may not", "⏎ deny")
    person.types("not that")
    clicks(person, "⏎ (deny)")
    person.sees("may-i was refused")
    # Until it asks again it is at another place in the list, in which the next test looks for somebody.
    is_asked_next(person, number)


def is_asked_next(person: Person, number: str) -> None:
    """Wait until may-i has asked for what comes after a request."""
    eventually(lambda: f"build{int(number) + 1}" in person.orchestra("needs").stdout, what="the next request")
    person.sees("◆ may-i")


def other_than(before: str, number: str) -> str:
    return "" if number == before else number


def chooses_request(person: Person) -> str:
    """Click the request of may-i among what needs the person; return its number."""
    clicks_tab(person, "Needs")
    wheels_over_needs(person, "◆ may-i wants")
    clicks(person, "[▌ ](◆ may-i wants)", left=left_of_body(person))
    shown = person.sees("▌◆ may-i wants: rm -rf build")
    return shown.partition("▌◆ may-i wants: rm -rf build")[2][0]


def left_of_body(person: Person) -> int:
    return max(0, place(person, "Needs")[0] - 3)


def wheels_over_needs(person: Person, text: str) -> None:
    def is_seen() -> bool:
        return any(text in line for line in body(person))

    wheels_until(person, in_body(person), lambda: is_seen() or position(person) in {"", "100%"})
    wheels_until(person, in_body(person), is_seen, -1)


def test_a_question_is_answered_by_clicks_and_the_keyboard(person: Person) -> None:
    clicks_session(person, "ask-you")
    clicks_tab(person, "Needs")
    person.sees("▌◆ ask-you asks: Which")
    wheels_over_needs(person, "▌ r answer")
    clicks(person, "▌ (r answer)", left=left_of_body(person))
    person.sees("answer to ask-you", "^s send")
    person.types("The long one")
    clicks(person, "Esc (cancel)")
    person.sees("nothing was sent")
    clicks(person, "▌ (r answer)", left=left_of_body(person))
    person.sees("answer to ask-you", "The long one")
    clicks(person, r"\^s (send)")
    person.sees("ask-you gets your answer")
    assert person.told("ask-you", "The long one")["sender"] == "user"


def test_the_keys_of_the_last_line_are_pressed_by_clicks(person: Person) -> None:
    clicks(person, r"\? (help)")
    person.sees("any key back", "prefix, then O")
    wheels_until(person, (5, 5), lambda: "prefix, then O" not in person.screen())
    clicks(person, "any (key)")
    person.sees("Monitor", "? help")
    clicks(person, "w (needs you)")
    person.sees("▌")
    eventually(lambda: any(line.startswith("▌") for line in body(person)), what="needs are shown")


def test_what_was_found_is_chosen_and_opened_by_clicks(person: Person, screen: Screen) -> None:
    person.press("f")
    person.sees("search everything for")
    person.types("kelvin")
    clicks(person, "⏎ (search)")
    person.sees("hits for kelvin", "⏎ go there")
    first = place(person, "^▌")
    other = eventually(lambda: find(person, r"^ (add-kelvin)"), what="another hit") or first
    clicks_at(person, other)
    eventually(lambda: place(person, "^▌") != first, what="another hit is selected")
    if screen is SMALL:
        wheels_until(person, (5, 5), lambda: find(person, "^▌") is None)
    clicks(person, "⏎ (go there)")
    person.sees("Monitor")
    sees_selected(person, "add-kelvin")
    person.press("Escape")
    person.sees_no_more("go back to what was")


def test_the_border_is_dragged(person: Person, screen: Screen) -> None:
    column, row = place(person, TABS)
    if screen is WIDE:
        ends = (column - 1, row + 4), (column + 39, row + 4)
        drags_until(person, *ends, lambda: place(person, TABS)[0] == column + 40)
        return
    by = -1 if screen is SMALL else 5
    drags_until(person, (column + 10, row), (column + 10, row + by), lambda: place(person, TABS)[1] == row + by)
    eventually(lambda: position(person) == "", what="nothing of the body is out of sight")


def line_with(person: Person, *texts: str) -> str:
    """Return the first line of the screen that has all texts in it."""
    lines = person.screen().splitlines()
    return next((line for line in lines if all(text in line for text in texts)), "")


def test_a_review_is_driven_by_the_mouse(person: Person, screen: Screen) -> None:
    chooses(person, "add-kelvin")
    clicks_tab(person, "Diff")
    person.sees("5 files")
    clicks(person, "⏎ (review)")
    person.sees("whole branch", "? keys")
    eventually(lambda: pane_width(person) == screen.width)
    if screen is SMALL:
        person.press("t")
    clicks(person, "A  ?(kelvin.py)|kelvin.py")
    top = eventually(lambda: find(person, "▾ tempo/kelvin.py"), what="the file is shown")
    assert top is not None
    tree = top[0] - 1
    clicks(person, r"(ZERO) = 273", left=tree)
    chosen = "c comment" if screen is SMALL else "more lines"
    person.sees(chosen)
    person.press("Escape")
    person.sees_no_more(chosen)
    person.sees("? keys")
    wheels_until(person, (screen.width - 5, 5), lambda: find(person, "▾ tempo/convert.py") is not None, -1)
    clicks(person, "▾ tempo/convert.py")
    clicks(person, "▸ tempo/convert.py")
    person.sees("▾ tempo/convert.py")
    if screen is WIDE:
        clicks(person, r"M (convert\.py)")
        changed = eventually(lambda: line_with(person, "degrees", "number"), what="a changed line")
        assert changed.index("degrees") < changed.index("number"), "both sides of the line stand beside each other"
    person.press("q")
    person.sees("Monitor", "? help")
    eventually(lambda: pane_width(person) == screen.control)
    wheels(person, in_body(person))
