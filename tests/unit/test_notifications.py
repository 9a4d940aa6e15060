"""What the person is notified of, and when not."""

from __future__ import annotations

from datetime import datetime

import pytest

from orchestra.events import Event
from orchestra.model import Sign, State
from orchestra.notifications import Notification, Occasion, Told, is_quiet, printable, still_true
from tests.support.stores import START


def event(kind: str, text: str = "", *, session: str = "one") -> Event:
    return Event(1, session, START, kind, text)


def occasions(*events: Event) -> list[Occasion]:
    told = Told()
    return [taken.occasion for one in events if (taken := told.take(one)) is not None]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Sign.PROMPTED, "asks for permission: runs ls", Occasion.ASKS),
        (Sign.ASKED, "which?", Occasion.ASKS),
        (Sign.COMPLETED, "all of it", Occasion.DONE),
        (Sign.TURN_FAILED, "no such model", Occasion.FAILED),
        (Sign.EXITED, "exited with code 1", Occasion.FAILED),
        ("budget", "one is stopped", Occasion.BUDGET),
        ("stuck", "rate-limited until 14:05", Occasion.LIMIT),
        ("stuck", "no sign of work since 14:05", None),
        (Sign.TOOL_USED, "runs ls", None),
        ("commit", "", None),
    ],
)
def test_not_every_event_is_one(kind: str, text: str, expected: Occasion | None) -> None:
    assert occasions(event(kind, text)) == ([expected] if expected else [])


def test_each_thing_is_told_once_until_its_session_has_gone_on() -> None:
    """Claude Code reports a dialog when it opens, and again in other words."""
    asks, again = event(Sign.PROMPTED, "asks for permission: runs ls"), event(Sign.PROMPTED, "Claude needs you")
    assert occasions(asks, again, event(Sign.PROMPTED, session="two")) == [Occasion.ASKS] * 2
    assert occasions(asks, event(Sign.TOOL_USED), again) == [Occasion.ASKS] * 2
    assert occasions(event("budget", "near"), event("budget", "near"), event("budget", "over")) == [Occasion.BUDGET] * 2


def test_what_was_done_before_a_restart_is_no_news() -> None:
    done = event(Sign.COMPLETED, "all of it")
    assert occasions(event(Sign.LAUNCHED), event(Sign.READY), done) == []
    assert occasions(event(Sign.LAUNCHED), event(Sign.READY), event(Sign.TURN_STARTED), done) == [Occasion.DONE]


def test_it_holds_only_while_its_session_is_in_that_state() -> None:
    assert still_true(Occasion.ASKS, State.WAITING)
    assert not still_true(Occasion.ASKS, State.WORKING)
    assert not still_true(Occasion.DONE, State.IDLE)
    assert still_true(Occasion.FAILED, State.FAILED)
    assert still_true(Occasion.BUDGET, State.STOPPED)


@pytest.mark.parametrize(
    ("hours", "clock", "expected"),
    [
        ("", "03:00", False),
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("22:00-07:00", "12:00", False),
        ("12:00-13:30", "13:29", True),
        ("12:00-13:30", "11:59", False),
    ],
)
def test_quiet_hours_may_pass_midnight(hours: str, clock: str, expected: bool) -> None:  # noqa: FBT001 -- given
    assert is_quiet(hours, datetime.fromisoformat(f"2026-03-04T{clock}")) is expected


def test_its_text_is_one_short_printable_line() -> None:
    evil = Notification("one", Occasion.ASKS, "\x1b]0;x\x07a\nb\x9b31m\u202e" + "x" * 500)
    assert evil.title == "one asks"
    assert evil.body.isprintable()
    assert len(evil.body) == 200
    assert Notification("one", Occasion.LIMIT, "").title == "one: limit"
    assert printable("") == ""
