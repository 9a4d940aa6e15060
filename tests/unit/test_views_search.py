"""What a search found, as it is shown."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from orchestra.views.search import hit_line, hits_table


def hit(line: str, *found: list[int], **values: object) -> dict[str, Any]:
    usual = {
        "in": "messages",
        "session": "one",
        "deleted": False,
        "at": "2026-03-04T05:06:07.000Z",
        "where": "message 7",
    }
    return {**usual, "line": line, "found": list(found), **values}


def shown(*hits: dict[str, Any], width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=True)
    with console.capture() as capture:
        console.print(hits_table(hits))
    return capture.get()


def test_each_kind_has_its_heading_and_what_was_found_is_marked() -> None:
    text = shown(hit("the needle here", [4, 10]), hit("a spec", **{"in": "specs", "deleted": True}))
    assert text.index("messages") < text.index("2026-03-04 05:06") < text.index("specs") < text.index("one (deleted)")
    assert hit_line(hit("the needle here", [4, 10])).plain == "the needle here"
    assert [span.style for span in hit_line(hit("the needle here", [4, 10])).spans]


def test_no_control_character_reaches_the_terminal() -> None:
    evil = "\x1b]52;c;eA==\x07\x1b[31mneedle\x9b2J\u202e"
    text = shown(hit(evil, [14, 20], session="\x1b[2J", where="\x1b]0;x\x07", **{"in": "\x1b[1m"}), width=200)
    for attack in ("\x1b]52", "\x07", "\x1b[31mneedle", "\x9b", "\u202e", "\x1b[2J", "\x1b]0"):
        assert attack not in text


def test_nothing_is_said_in_words() -> None:
    assert "nothing was found" in shown()
