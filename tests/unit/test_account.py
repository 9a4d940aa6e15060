"""The account of a session, from recorded facts alone."""

from __future__ import annotations

from datetime import timedelta

from orchestra.account import Account, Facts, account
from orchestra.events import Event, Outcome, ToolCall
from orchestra.ledger import Ledger
from orchestra.model import Intent, PermissionRequest, Session, State
from orchestra.protocol import plain
from tests.support.scenes import NOW, message, session

SPEC = "# Add limits\n\n- [x] read\n- [ ] write\n  * [ ] test it\n\n```\n- [ ] an example\n```\n- no item\n"


def told(of: Session | None = None, *events: Event, **facts: object) -> Account:
    ledger = Ledger()
    ledger.take(events)
    return account(Facts(of or session("a"), NOW, **facts), ledger)  # type: ignore[arg-type]  # a test's own facts


def call(number: int, outcome: Outcome, subject: str, tool: str = "Bash", code: int | None = None) -> Event:
    at = NOW - timedelta(seconds=100 - number)
    return Event(number, "a", at, "tool-used", "", State.WORKING, ToolCall(tool, outcome, subject, code=code))


def test_now_tells_the_command_under_way_what_is_asked_and_that_it_is_stuck() -> None:
    request = PermissionRequest(1, "a", NOW, "Bash", "runs: rm -rf build", "rm -rf build", answerable=True)
    busy = session("a", summary="runs make", stuck="no sign of work since 13:20")
    now = told(busy, call(1, Outcome.BEGUN, "make"), requests=[request]).now
    assert (now.state, now.since, now.doing) == (State.WORKING, busy.state_since, "runs make")
    assert now.running is not None
    assert now.running.command == "make"
    assert (now.asks, now.stuck) == ("wants: rm -rf build", busy.stuck)
    assert told(session("a", State.IDLE), call(1, Outcome.BEGUN, "make")).now.running is None
    assert told(question=message("QUESTION: which?\nThis?")).now.asks == "asks main: which?\nThis?"


def test_so_far_tells_the_newest_first_and_files_as_the_worktree_has_them() -> None:
    events = [call(number, Outcome.OK, f"c{number}", code=0) for number in range(1, 20)]
    edits = [call(20, Outcome.OK, "/w/a/src/app.py", "Edit"), call(21, Outcome.OK, "/elsewhere/b.py", "Edit")]
    so_far = told(None, *events, *edits, sent=3, received=5).so_far
    assert [one.command for one in so_far.commands] == [f"c{number}" for number in range(19, 11, -1)]
    assert so_far.counts.ok == 19
    assert [one.text for one in so_far.files] == ["/elsewhere/b.py", "src/app.py"]
    assert (so_far.sent, so_far.received, so_far.all_commits, so_far.diff.files) == (3, 5, 2, 3)
    assert so_far.times == {State.WORKING: 99.0}
    assert so_far.since == events[0].at


def test_next_tells_the_items_of_the_spec_the_open_ones_first() -> None:
    coming = told(spec=SPEC).next
    assert [(one.text, one.state.value) for one in coming.items] == [
        ("write", "open"),
        ("test it", "open"),
        ("read", "claimed"),
    ]
    assert (coming.tally.open, coming.tally.claimed) == (2, 1)
    many = told(spec="- [ ] x\n" * 500).next
    assert (len(many.items), many.tally.open) == (20, 500)


def test_next_tells_what_the_session_waits_for() -> None:
    request = PermissionRequest(1, "a", NOW, "Bash", "runs: x", "x", answerable=True)
    limited = session("a", State.FAILED, limited_until=NOW + timedelta(minutes=5))
    known = [
        (told(), ""),
        (told(requests=[request]), "your answer to its request"),
        (told(question=message("?", recipient="user")), "your answer"),
        (told(question=message("?")), "an answer from main"),
        (told(limited), "the end of its rate limit"),
        (told(session("a", intent=Intent.STOP)), "being resumed"),
        (told(session("a", State.IDLE)), "its next message"),
        (told(session("a", State.IDLE), unread=2), "2 messages to reach it"),
        (told(session("a", State.DONE)), "your review"),
    ]
    assert [made.next.waits_for for made, _ in known] == [words for _, words in known]


def test_it_is_plain_data_for_scripts() -> None:
    data = plain(told(None, call(1, Outcome.FAILED, "pytest", code=1), spec=SPEC))
    assert data["so_far"]["tests"][0]["tests_passed"] is False
    assert data["so_far"]["commands"][0]["outcome"] == "failed"
    assert data["so_far"]["times"] == {"working": 99.0}
    assert [item["text"] for item in data["next"]["items"]] == ["write", "test it", "read"]
    assert data["next"]["tally"] == {"proved": 0, "claimed": 1, "open": 2}
