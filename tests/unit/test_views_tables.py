"""Tables of commands, as a terminal shows them."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

from rich.console import Console

from orchestra.attention import Need, NeedKind
from orchestra.protocol import plain
from orchestra.views.tables import items_table, needs_table
from tests.support.scenes import HOSTILE, NOW


def needs(*found: Need) -> str:
    console = Console(file=StringIO(), width=70, color_system=None)
    with console.capture() as captured:
        console.print(needs_table(plain(found), NOW))
    return captured.get()


def test_each_need_has_its_reason_its_age_and_what_to_type() -> None:
    since = NOW - timedelta(minutes=4)
    shown = needs(
        Need(NeedKind.PERMISSION, "one", since, "wants: rm -rf build", "rm -rf build", 7, True),
        Need(NeedKind.DONE, "two", since, "done: all tests pass"),
        Need(NeedKind.TROUBLE, "three", since, "its branch is gone → orchestra up"),
    )
    assert [" ".join(row.split()) for row in shown.splitlines()] == [
        "one wants: rm -rf build 4m",
        "→ orchestra answer 7 allow, always or deny",
        "two done: all tests pass 4m",
        "→ orchestra review two",
        "three its branch is gone → orchestra up 4m",
    ]


def test_what_an_agent_wrote_does_nothing_to_the_terminal() -> None:
    shown = needs(Need(NeedKind.FAILED, "one", NOW, f"failed: {HOSTILE[:20]}"))
    assert "\x1b" not in shown
    assert r"\x1b[2J" in shown


def test_without_needs_it_says_so() -> None:
    assert needs().strip() == "nothing waits for you"


def items(*rows: dict[str, object], open_: int = 1) -> str:
    output = StringIO()
    seen = {"items": rows, "proof": {"proved": 1, "claimed": 0, "open": open_}}
    Console(file=output, width=100, force_terminal=True).print(items_table(seen))
    return output.getvalue()


def test_items_are_listed_with_what_shows_them_and_how_that_ended() -> None:
    run = {"code": 0, "tree": "t" * 40, "seconds": 1.25}
    text = items(
        {"item": "it greets", "depth": 0, "state": "proved", "command": "make greet", "run": run},
        {"item": "it is quick", "depth": 1, "state": "open", "command": "make bench", "run": {**run, "code": None}},
        open_=5,
    )
    wanted = ("proved", "it greets", "make greet", "exit code 0", "tttttttttttt, 1.2 s", "no end in time", "4 more")
    assert [words for words in wanted if words not in text] == []


def test_an_item_and_its_command_do_nothing_to_the_terminal() -> None:
    text = items({"item": HOSTILE * 3, "depth": 0, "state": "open", "command": HOSTILE, "run": None})
    assert "\\x1b[2J" in text
    assert [one for one in ("\x1b[2J", "\x1b]", "\x9b", "\u202e", "\x07", "\x00") if one in text] == []
