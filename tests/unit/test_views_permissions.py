"""Permission requests and answers as a person sees them: whole, safe, and each line of a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from orchestra.views.permissions import answers_table, requests_view

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def row(**values: object) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "id": 7,
        "session": "login",
        "at": "2026-03-04T05:05:00.000Z",
        "tool": "Bash",
        "summary": "runs: make … and 1 more line",
        "detail": "make\nmake install",
        "answerable": True,
        "note": "",
        "decision": None,
        "answered_by": None,
        "answered_at": None,
        "rule": "",
        "reason": "",
        "late_decision": None,
        "late_by": None,
        "late_at": None,
    }
    return usual | values


def printed(view: object, width: int = 100) -> str:
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as seen:
        console.print(view)
    return seen.get()


@pytest.mark.parametrize("width", [40, 100])
def test_an_open_request_is_shown_with_every_line_and_what_to_type(width: int) -> None:
    text = printed(requests_view([row(), row(id=8, session="other")], NOW), width)
    assert "    make\n    make install" in "\n".join(line.rstrip() for line in text.splitlines())
    assert "orchestra answer 7" in text
    assert "orchestra answer 8" in text
    assert "login" in text
    assert "1m" in text


def test_one_that_only_its_window_answers_says_so() -> None:
    text = printed(requests_view([row(answerable=False, note="it is too long to be shown whole")], NOW), 120)
    assert "answer it in its window, because it is too long to be shown whole: orchestra switch login" in text
    assert "orchestra answer" not in text


def test_a_request_cannot_draw_on_the_terminal() -> None:
    text = printed(requests_view([row(detail="x\x1b[2J\x07\u202e", summary="\x1b]0;x", session="a\x1b")], NOW))
    assert not [character for character in text if not character.isprintable() and character != "\n"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"decision": "deny", "answered_by": "rule", "rule": "git push*", "reason": "no"}, "rule git push*"),
        ({"decision": "always", "answered_by": "person"}, "you"),
        ({"answered_by": "window"}, "in its window"),
        ({"answered_by": "ended"}, "nobody"),
        ({"decision": "deny", "answered_by": "timeout"}, "nobody in time"),
    ],
)
def test_each_answer_says_who_gave_it_and_to_what(values: dict[str, object], said: str) -> None:
    text = printed(answers_table([row(answered_at="2026-03-04T05:06:00.000Z", **values)]), 140)
    assert said in text
    assert "make install" in text
    assert "2026-03-04 05:06:00" in text


def test_an_answer_that_came_too_late_is_shown_beside_what_counted() -> None:
    late = {"late_decision": "deny", "late_by": "person", "late_at": "2026-03-04T05:06:01.000Z", "reason": "never"}
    text = printed(answers_table([row(answered_by="window", answered_at="2026-03-04T05:06:02.000Z", **late)]), 140)
    assert "in its window" in text
    assert "came too late, and did not count: deny by you at 05:06:01" in text
    assert "(never)" in text


def test_without_answers_it_says_so() -> None:
    assert printed(answers_table([])).strip() == "nothing has been answered yet"
