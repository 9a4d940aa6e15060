"""Every screen of the control pane and of the review, by keys, in terminals of every size."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.person import OWN, Person, eventually, without_clocks
from tests.support.screens import (
    MIDDLE,
    SIZES,
    SMALL,
    Screen,
    begins,
    chooses,
    is_filled,
    names,
    pane_width,
    reads_on,
    sees_selected,
    selected,
    sessions_of_every_kind,
    takes,
)


@pytest.fixture(scope="module")
def zoe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with sessions_of_every_kind(tmp_path_factory.mktemp("zoe") / "p") as someone:
        yield someone


@pytest.fixture(scope="module", params=[*SIZES.values()], ids=[*SIZES])
def screen(request: pytest.FixtureRequest, zoe: Person) -> Screen:
    """A size, which the terminal has now."""
    wanted: Screen = request.param
    takes(zoe, wanted)
    return wanted


@pytest.fixture
def person(zoe: Person, screen: Screen) -> Person:
    """The same person, looking at the whole list and the diff of the designer."""
    assert screen
    begins(zoe)
    return zoe


def is_in_order(listed: list[str]) -> bool:
    """Return whether those who need the person come first."""
    needed, others = ("main", {"ask-you", "may-i"}, "fall-over"), {"work-on", "ask-main", "add-kelvin"}
    return (*listed[:1], set(listed[1:3]), *listed[3:4]) == needed and set(listed[-2:]) <= others


def test_the_list_has_who_needs_the_person_first_and_keys_find_them(person: Person, screen: Screen) -> None:
    asking = {"ask-you", "may-i"}
    person.sees("7 sessions", "1 working")
    if screen is not SMALL:
        eventually(lambda: is_in_order(names(person)), what=f"the order:\n{person.screen()}")
        unread = re.compile(r"✗ fall-over.* 1 .*HOST")
        eventually(lambda: unread.search(person.screen()), what="the number of messages that it has not read")
    person.press("n")
    eventually(lambda: selected(person) in asking)
    first = selected(person)
    person.press("n")
    eventually(lambda: {first, selected(person)} == asking)
    person.press("n")
    sees_selected(person, "fall-over")
    person.sees("✗ fall-over")
    person.press("1")
    sees_selected(person, "main")
    person.press("4")
    sees_selected(person, "fall-over")
    person.press("/")
    person.sees("show only sessions with", "⏎ done")
    person.types("asker")
    person.sees("/asker 1 of 7", "◆ may-i")
    eventually(lambda: "fall-over" not in names(person))
    person.press("Escape")
    person.sees_no_more("/asker")
    person.press("1")
    sees_selected(person, "main")
    person.press("z")
    person.sees("main +6")
    eventually(lambda: names(person) == ["main"])
    person.press("z")
    eventually(lambda: "ask-you" in names(person))
    person.sees_no_more("main +6")


def test_a_question_is_read_whole_and_answered_in_its_place(person: Person) -> None:
    chooses(person, "ask-you")
    person.press("w")
    person.sees("▌◆ ask-you asks: Which")
    number = re.search(r"the (\d) names, the short one or the long one\?", reads_on(person, "r answer"))
    assert number
    person.press("r")
    person.sees("answer to ask-you", "^s send")
    person.types("The short one,")
    person.press("Enter")
    person.types("please")
    person.press("Escape")
    person.sees("nothing was sent")
    person.press("r")
    person.sees("answer to ask-you", " please")
    person.press("C-s")
    person.sees("ask-you gets your answer")
    assert person.told("ask-you", "The short one,\nplease")["sender"] == "user"
    eventually(lambda: f"Which of the {int(number[1]) + 1} names" in person.orchestra("needs").stdout)


@pytest.mark.parametrize(("key", "answer"), [("a", '"allow"'), ("x", '"deny", "message": "not that"')])
def test_a_permission_request_is_read_exactly_and_answered(person: Person, key: str, answer: str) -> None:
    chooses(person, "may-i")
    person.press("w")
    person.sees("▌◆ may-i wants: rm -rf")
    request = reads_on(person, "x deny")
    number = re.search(r"rm -rf build(\d+) && touch done", request)
    assert number, request
    person.sees("a allow", "A always", "x deny")
    person.says(key)
    if key == "x":
        person.sees("why may-i may not", "⏎ deny")
        person.types("not that")
        person.press("Enter")
    person.sees("may-i was refused" if key == "x" else "may-i may go on")
    window = ("capture-pane", "-p", "-J", "-S", "-", "-t", ":=may-i")
    said = re.compile(rf"{re.escape(answer)}.* is the answer to {number[1]}\b")
    eventually(lambda: said.search(person.tmux(*window, server=OWN)), what=f"{answer} in the agent's window")
    # The next test reads a request again, and is not to read this one.
    eventually(lambda: f"build{int(number[1]) + 1}" in person.orchestra("needs").stdout, what="the next request")


@pytest.mark.parametrize("screen", [MIDDLE], ids=["100x30"], indirect=True)
def test_every_tab_is_read_to_its_end_and_a_message_is_written(person: Person, screen: Screen) -> None:
    chooses(person, "add-kelvin")
    person.press("d")
    person.sees("5 files  +103 −6", "CLAUDE.md")
    person.press("End")
    person.sees("celsius + ZERO")
    person.press("m")
    person.sees("done for")
    account = reads_on(person)
    for words in ("changed +103 −6 in 5 files", "commits", "Add Kelvin", "waits for your review", "half way there"):
        assert words in account or (words.startswith("waits") and screen is not SMALL)
    person.press("Tab")
    person.sees("half way", "message")
    person.press("r")
    person.sees("to add-kelvin", "^s send")
    person.types(f"First {screen.width}")
    person.press("Enter")
    person.pastes("pasted one\nq\nM y\n")
    person.sees("M y" if screen is not SMALL else "to add-kelvin")
    person.press("C-s")
    person.sees("add-kelvin gets your message")
    assert person.told("add-kelvin", f"First {screen.width}\npasted one\nq\nM y")["sender"] == "user"
    thread = eventually(lambda: has(reads_on(person), f"First {screen.width} pasted one q M y"), what="the thread")
    assert "half way there" in thread


def has(text: str, words: str) -> str:
    """Return a text that has some words in it, and nothing of any other."""
    return text if words in text else ""


def test_help_names_every_key_and_any_other_key_leads_back(person: Person) -> None:
    person.press("?")
    person.sees("prefix, then O", "any key back")
    person.press("End")
    person.sees("put the text away")
    person.press("q")
    person.sees("Monitor", "? help")
    assert person.focus() == "control"


def test_a_review_fills_the_window_and_every_key_of_it_works(person: Person, screen: Screen) -> None:
    chooses(person, "add-kelvin")
    person.sees("5 files")
    person.press("Enter")
    person.sees("whole branch", "? keys")
    eventually(lambda: pane_width(person) == screen.width)
    if screen is SMALL:
        person.press("t")
    person.sees("look at these first", "A⚠ CLAUDE.md")
    person.press("Enter" if screen is SMALL else "0")
    person.sees("▾ CLAUDE.md", "Do as you are told")
    person.press("}")
    person.sees("▾ guide.md", "line 5 of the guide", "2/5")
    person.press("f")
    person.sees("▸ guide.md")
    person.sees_no_more("line 5 of the guide")
    person.press("}", "}", "]")
    person.sees("convert.py" if screen is not SMALL else "number", "4/5")
    person.press("F")
    person.sees("▸ tempo/kelvin.py")
    person.press("F", "g", "/")
    person.types("finish")
    person.sees("/finish")
    person.press("Enter")
    person.sees("5/5")
    person.press("$")
    person.sees("finish", "column")
    person.press("n")
    person.sees("nothing more is found" if screen is not SMALL else "nothing more")
    person.press("0", "g", "v")
    person.sees("2/5")
    person.press("{")
    person.sees("▸ ✓ CLAUDE.md")
    person.press("v", "2")
    person.sees("last commit")
    person.press("1")
    person.sees("whole branch")
    if screen is not SMALL:
        before = without_clocks(person.screen())
        person.press("s")
        eventually(lambda: without_clocks(person.screen()) != before, what="the sides are shown the other way")
        person.press("s")
    person.resizes(screen.width + 30, screen.height + 5)
    eventually(lambda: pane_width(person) == screen.width + 30)
    person.sees("whole branch", "? keys")
    person.resizes(screen.width, screen.height)
    eventually(lambda: pane_width(person) == screen.width)
    person.press("q")
    person.sees("Monitor", "? help")
    eventually(lambda: pane_width(person) == screen.control, what="the pane has its part of the window again")


@pytest.mark.parametrize("screen", [MIDDLE], ids=["100x30"], indirect=True)
def test_every_size_is_filled_and_nothing_stays_of_the_one_before(person: Person, screen: Screen) -> None:
    sizes = [(20, 7), (60, 12), (180, 30)] if screen.layout == "window" else [(80, 24), (50, 12), (180, 30)]
    for width, height in (*sizes, (screen.width, screen.height)):
        person.resizes(width, height)
        person.sees("? help")
        eventually(lambda: is_filled(person), what="the keys in the last line")
    eventually(lambda: pane_width(person) == screen.control)
    person.resizes(18, 5)
    person.sees("needs more" if screen.layout == "window" else "")
    person.resizes(screen.width, screen.height)
    person.sees("7 sessions", "? help")
