"""What the events of a session add up to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from orchestra.events import Event, Outcome, ToolCall
from orchestra.ledger import Counts, Ledger, last_tests
from orchestra.model import Sign, State
from tests.support.scenes import NOW


class Tale:
    """Events of one session, a second apart."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: str, text: str = "", state: State | None = None, call: ToolCall | None = None) -> None:
        number = len(self.events) + 1
        self.events.append(Event(number, "a", NOW + timedelta(seconds=number), kind, text, state, call))

    def call(self, outcome: Outcome, subject: str, key: str = "", tool: str = "Bash", **more: Any) -> None:  # noqa: ANN401 -- a call's fields
        self.add(Sign.TOOL_USED, call=ToolCall(tool, outcome, subject, key, **more), state=State.WORKING)

    def ledger(self) -> Ledger:
        made = Ledger()
        made.take(self.events)
        return made


def outcomes(ledger: Ledger) -> list[tuple[str, Outcome, int | None]]:
    return [(one.command, one.outcome, one.code) for one in ledger.commands()]


def test_a_command_is_known_from_its_beginning_to_its_end() -> None:
    tale = Tale()
    tale.call(Outcome.BEGUN, "make", "1")
    tale.call(Outcome.BEGUN, "make", "2")
    tale.call(Outcome.FAILED, "make", "1", code=2)
    assert outcomes(tale.ledger()) == [("make", Outcome.FAILED, 2), ("make", Outcome.BEGUN, None)]
    assert tale.ledger().counts() == Counts(failed=1, running=1)
    first = tale.ledger().commands()[0]
    assert first.ended is not None
    assert first.ended - first.began == timedelta(seconds=2)


def test_without_an_id_an_end_belongs_to_the_same_command_under_way() -> None:
    tale = Tale()
    tale.call(Outcome.BEGUN, "make")
    tale.call(Outcome.OK, "make", code=0)
    tale.call(Outcome.OK, "make", code=0)
    assert tale.ledger().counts() == Counts(ok=2)


def test_what_is_told_after_an_end_counts_and_nothing_hides_it() -> None:
    """Codex's hook tells no result, and its file may be read before or after."""
    for order in ((Outcome.UNKNOWN, Outcome.FAILED), (Outcome.FAILED, Outcome.UNKNOWN)):
        tale = Tale()
        tale.call(Outcome.BEGUN, "make", "1")
        for outcome in order:
            tale.call(outcome, "make", "1", code=3 if outcome is Outcome.FAILED else None)
        assert outcomes(tale.ledger()) == [("make", Outcome.FAILED, 3)]


def test_a_command_that_nobody_told_the_end_of_ends_with_its_turn_and_its_result_may_come_later() -> None:
    tale = Tale()
    tale.call(Outcome.BEGUN, "sleep 60", "1")
    tale.add(Sign.TURN_ENDED, state=State.IDLE)
    assert outcomes(tale.ledger()) == [("sleep 60", Outcome.UNKNOWN, None)]
    tale.add("tool-result", call=ToolCall("Bash", Outcome.OK, "sleep 60", "1", 0))
    assert outcomes(tale.ledger()) == [("sleep 60", Outcome.OK, 0)]


def test_events_may_come_in_parts_and_twice() -> None:
    tale = Tale()
    tale.call(Outcome.OK, "make", code=0)
    tale.call(Outcome.OK, "true", code=0)
    ledger = Ledger()
    ledger.take(tale.events[:1])
    ledger.take(tale.events)
    ledger.take(tale.events)
    assert ledger.counts() == Counts(ok=2)


def test_of_many_commands_the_last_are_kept_and_all_are_counted() -> None:
    tale = Tale()
    for number in range(500):
        tale.call(Outcome.BEGUN if number % 5 == 0 else Outcome.OK, f"c{number}", str(number))
    ledger = tale.ledger()
    assert len(ledger.commands()) == 200
    assert ledger.commands()[-1].command == "c499"
    assert ledger.counts().all == 500
    assert ledger.counts() == Counts(ok=400, unknown=60, running=40)


def test_the_last_run_of_each_command_with_tests_is_told() -> None:
    tale = Tale()
    tale.call(Outcome.FAILED, "pytest -q", code=1, passed=2, failed=1)
    tale.call(Outcome.OK, "npm test", code=0)
    tale.call(Outcome.OK, "make", code=0)
    tale.call(Outcome.OK, "pytest -q", code=0, passed=3, failed=0)
    tale.call(Outcome.UNKNOWN, "cargo test | tail")
    found = [(one.command, one.tests_passed, one.passed) for one in last_tests(tale.ledger().commands(), 3)]
    assert found == [("cargo test | tail", None, None), ("pytest -q", True, 3), ("npm test", True, None)]


def test_a_command_whose_end_was_cut_off_tells_nothing_of_tests() -> None:
    tale = Tale()
    tale.call(Outcome.OK, "pytest " + "x" * 50 + "…", code=0)
    assert not tale.ledger().commands()[0].tests


def test_only_edits_that_succeeded_are_told_the_last_one_last() -> None:
    tale = Tale()
    for outcome, path in ((Outcome.OK, "a\nb"), (Outcome.OK, "c"), (Outcome.FAILED, "d"), (Outcome.OK, "a")):
        tale.call(outcome, path, tool="Edit")
    tale.call(Outcome.OK, "r", tool="Read")
    assert [file.text for file in tale.ledger().files()] == ["b", "c", "a"]


def test_the_time_in_each_state_adds_up_to_now() -> None:
    tale = Tale()
    for state in (State.STARTING, State.WORKING, State.WORKING, State.WAITING, State.WORKING):
        tale.add("x", state=state)
    tale.add("commit", "b is at abc")
    times = tale.ledger().times(State.WORKING, NOW, NOW + timedelta(seconds=10))
    assert {state: time.total_seconds() for state, time in times.items()} == {
        State.STARTING: 1,
        State.WORKING: 7,
        State.WAITING: 1,
    }
    assert [commit.text for commit in tale.ledger().commits()] == ["b is at abc"]


def test_a_state_that_no_event_told_counts_from_when_it_began() -> None:
    tale = Tale()
    tale.add("x", state=State.STARTING)
    times = tale.ledger().times(State.FAILED, NOW + timedelta(seconds=4), NOW + timedelta(seconds=10))
    assert {state: time.total_seconds() for state, time in times.items()} == {State.STARTING: 3, State.FAILED: 6}
