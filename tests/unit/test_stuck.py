"""Who counts as stuck, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestra.model import Evidence, Sign, State
from orchestra.stuck import Facts, clock_time, due, failures, stuck
from tests.support.stores import START

FACTS = Facts(
    now=START, state=State.WORKING, evidence=Evidence(Sign.TOOL_USED, "runs ls"), last_sign=START,
    quiet=timedelta(minutes=15),
)  # fmt: skip
LIMITED = Evidence(Sign.TURN_FAILED, "the model's service failed: rate_limit")
LATER = START + timedelta(hours=1)


def test_one_that_works_is_not() -> None:
    assert stuck(FACTS) == ""


def test_silence_counts_only_while_it_works() -> None:
    late = replace(FACTS, now=START + timedelta(minutes=15))
    assert stuck(late) == f"no sign of work since {clock_time(START, late.now)}"
    assert stuck(replace(late, now=late.now - timedelta(seconds=1))) == ""
    for state in (State.WAITING, State.IDLE, State.DONE, State.STOPPED, State.UNKNOWN):
        assert stuck(replace(late, state=state)) == ""
    assert stuck(replace(late, quiet=None)) == ""


def test_a_time_of_another_day_has_its_date() -> None:
    assert clock_time(START - timedelta(days=2), START).startswith("2026-03-0")


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([], ("", 0)),
        (["a", "a: failed"] * 2, ("a", 2)),
        (["a", "a: failed"] * 3, ("a", 3)),
        (["a: failed"] * 3, ("a", 3)),
        (["a", "a: failed", "a", "a", "a", "a: failed"], ("a", 1)),
        (["a", "a: failed", "b", "b", "a", "a: failed"], ("a", 1)),
        (["a", "a: failed", "a", "a: failed", "a", "a: failed", "b"], ("b", 0)),
    ],
)
def test_a_success_or_another_call_ends_a_row_of_failures(tools: list[str], expected: tuple[str, int]) -> None:
    assert failures(tools) == expected


def test_the_third_failure_of_one_command_in_a_row_counts() -> None:
    twice = ["runs make", "runs make: failed"] * 2
    assert stuck(replace(FACTS, tools=twice)) == ""
    assert stuck(replace(FACTS, tools=[*twice, "runs make: failed"])) == "failed 3 times in a row: runs make"


def test_a_context_counts_from_nine_tenths_on() -> None:
    assert stuck(replace(FACTS, context=89.9)) == ""
    assert stuck(replace(FACTS, context=92.0, state=State.IDLE)) == "its context is nearly full: 92%"
    assert stuck(replace(FACTS, context=92.0, state=State.UNKNOWN)) == "its context is nearly full: 92%"
    assert stuck(replace(FACTS, context=92.0, state=State.STOPPED)) == ""


def test_a_limit_says_when_it_ends() -> None:
    limited = replace(FACTS, state=State.FAILED, evidence=LIMITED, limited_until=LATER)
    assert stuck(limited) == f"rate-limited until {clock_time(LATER, START)}"
    assert stuck(replace(limited, limited_until=None)) == "rate-limited"
    assert stuck(replace(limited, now=LATER)) == ""
    assert stuck(replace(limited, evidence=Evidence(Sign.TURN_FAILED, "no such model"))) == ""
    assert stuck(replace(limited, state=State.DONE)) == ""


def test_it_is_judged_again_when_time_alone_may_change_the_answer() -> None:
    assert due(FACTS) == START + timedelta(minutes=15)
    assert due(replace(FACTS, limited_until=START + timedelta(minutes=5))) == START + timedelta(minutes=5)
    assert due(replace(FACTS, state=State.IDLE)) is None
    assert due(replace(FACTS, now=START + timedelta(minutes=20))) is None
