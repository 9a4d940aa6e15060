"""The list of sessions, narrow and wide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from orchestra.model import Evidence, SandboxKind, Session, Sign, State
from orchestra.views.session_list import Row, badges, in_tree, session_lines
from orchestra.views.session_table import SessionTable
from tests.support.scenes import HOSTILE, NOW, designer, session


def shown(sessions: list[Session], width: int = 44, selected: str = "", *, detailed: bool = True) -> list[str]:
    rows = [Row(one, stem) for one, stem in in_tree(sessions)]
    return [one.plain for one in lines(rows, width, selected, detailed=detailed)]


def lines(rows: list[Row], width: int, selected: str = "", *, detailed: bool = True) -> list[Text]:
    made = session_lines(rows, selected=selected, now=NOW, width=width, detailed=detailed)
    assert {one.cell_len for one in made} == {width}
    return made


def test_executors_stand_below_their_parent() -> None:
    sessions = [designer(), session("a"), session("b"), session("a-child", parent="a")]
    assert [(one.name, stem) for one, stem in in_tree(sessions)] == [
        ("main", ""), ("a", "├ "), ("a-child", "│ └ "), ("b", "└ "),
    ]  # fmt: skip


def test_every_session_is_listed_once_whatever_its_parent() -> None:
    sessions = [
        session("a", parent="b"),
        session("b", parent="a"),
        session("c", parent="gone"),
        session("d", parent="d"),
    ]
    assert sorted(one.name for one, _ in in_tree(sessions)) == ["a", "b", "c", "d"]


def test_a_session_says_all_that_matters() -> None:
    row = Row(session("login", State.WORKING, sandbox=SandboxKind.HOST, cost=1.5, context=83.4), unread=3)
    first, second = lines([row], 80)
    assert first.plain.split() == [
        "●", "login", "3", "HOST", "claude", "17%", "left", "$1.50", "orchestra/login", "3m"
    ]  # fmt: skip
    assert second.plain.split() == ["edits", "app.py", "+120", "−4", "▤3"]
    assert lines([row], 44)[0].plain.split() == ["●", "login", "3", "HOST", "claude", "3m"]


def test_what_an_agent_does_not_tell_is_not_shown() -> None:
    assert "%" not in shown([session("login")], 120)[0]
    assert "$" not in shown([session("login")], 120)[0]


def test_why_it_needs_the_person_comes_before_what_it_does() -> None:
    row = Row(session("login"), why="wants: rm -rf build", asks=True)
    assert "wants: rm -rf build" in lines([row], 60)[1].plain
    assert "wants: rm -rf build" in lines([row], 80, detailed=False)[0].plain


def test_who_is_stuck_or_limited_is_marked() -> None:
    assert "stuck" in lines([Row(session("login", stuck="no output for 9 minutes"))], 44)[0].plain
    assert "limit" in lines([Row(session("login", limited_until=NOW))], 44)[0].plain


def test_the_same_badges_stand_in_the_list_and_in_the_table() -> None:
    marked = session("login", sandbox=SandboxKind.HOST, paired=True, tried="live", stuck="silent", limited_until=NOW)
    row = Row(marked, unread=2, red_check=True, over_budget=True)
    words = ["2", "HOST", "red", "check", "over", "budget", "stuck", "limit", "paired", "tried"]
    assert badges(row).plain.split() == words
    assert " ".join(words) in " ".join(lines([row], 120)[0].plain.split())
    file = StringIO()
    Console(file=file, width=140).print(SessionTable([row], NOW))
    assert " ".join(words) in " ".join(file.getvalue().split())
    assert badges(Row(session("login"))).plain == ""


def test_badges_leave_room_for_the_name_and_the_first_are_kept() -> None:
    row = Row(session("login-page", sandbox=SandboxKind.HOST, paired=True), red_check=True, over_budget=True)
    assert lines([row], 44)[0].plain.split() == ["●", "login-page", "HOST", "red", "check", "paired", "3m"]
    assert "login-page" in lines([row], 28)[0].plain


def test_a_folded_session_says_how_many_are_below_it() -> None:
    sessions = [designer(), session("a"), session("b", parent="a"), session("c", parent="b")]
    assert [one.name for one, _ in in_tree(sessions, folded={"a"})] == ["main", "a"]
    assert "a +2" in lines([Row(session("a"), folded=2)], 44)[0].plain


def test_sessions_with_the_same_parent_are_sorted_by_the_order_given() -> None:
    sessions = [designer(), session("a"), session("b"), session("a-child", parent="a")]
    order = {"main": 0, "a": 2, "b": 1, "a-child": 0}
    assert [one.name for one, _ in in_tree(sessions, lambda one: order[one.name])] == ["main", "b", "a", "a-child"]


def test_a_waiting_session_shows_what_it_waits_for() -> None:
    waiting = session("login", State.WAITING, evidence=Evidence(Sign.ASKED, "Did you mean AuthService?"))
    _, second = lines([Row(waiting)], 60)
    assert "Did you mean AuthService?" in second.plain
    assert "asked:" not in second.plain
    colours = {str(span.style) for span in second.spans if "Did" in second.plain[span.start : span.end]}
    assert colours == {"color(214)"}


def test_many_sessions_get_one_line_each() -> None:
    sessions = [designer(), *(session(f"s{number:02}") for number in range(50))]
    rows = shown(sessions, selected="s40", detailed=False)
    assert len(rows) == 51
    assert [one[:8] for one in rows if one.startswith("▌")] == ["▌├ ● s40"]


@pytest.mark.parametrize("width", [20, 28, 44, 80, 120])
@pytest.mark.parametrize("state", list(State))
def test_every_width_and_state_is_aligned(width: int, state: State) -> None:
    sessions = [designer(), session("x" * 40, state, paired=True, sandbox=SandboxKind.HOST), session("日本語", state)]
    rows = [Row(replace(one, cost=9.99, context=50.0), stem, unread=1000) for one, stem in in_tree(sessions)]
    assert len(lines(rows, width)) == 6
    assert len(lines(rows, width, detailed=False)) == 3


def test_hostile_text_stays_text() -> None:
    row = Row(session("a", State.WAITING, branch=HOSTILE, agent=HOSTILE), why=HOSTILE)
    made = [one.plain for one in lines([row], 120)]
    assert [one for one in made if not one.isprintable()] == []
    assert "[red]x[/red]" in made[1]


def test_the_wide_table_keeps_names_whole_and_crops_only_what_they_do() -> None:
    file = StringIO()
    sessions = [designer(), session("rate-limiting", evidence=Evidence(Sign.TOOL_USED, f"{HOSTILE}{'long ' * 90}"))]
    old = session("host-one", sandbox=SandboxKind.HOST, state_since=NOW - timedelta(days=400))
    rows = [Row(one, stem, unread=2 * (one.name == "main")) for one, stem in in_tree([*sessions, old])]
    Console(file=file, width=110).print(SessionTable(rows, NOW))
    text = file.getvalue()
    assert "rate-limiting" in text
    assert "HOST" in text
    assert "\x1b" not in text
    assert max(len(one) for one in text.splitlines()) <= 110


def test_the_wide_table_has_no_column_that_no_session_fills() -> None:
    file = StringIO()
    Console(file=file, width=80).print(SessionTable([Row(designer())], NOW))
    heading = file.getvalue().splitlines()[0].split()
    assert heading == ["session", "state", "age", "agent", "commits", "doing"]


def test_what_a_session_does_has_room_on_a_usual_terminal() -> None:
    file = StringIO()
    rows = [Row(designer(), unread=1), Row(session("rate-limiting"), "└ ")]
    Console(file=file, width=80).print(SessionTable(rows, NOW))
    assert "edits app.py" in file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_a_narrow_terminal_has_fewer_columns_and_no_row_that_is_cut(width: int) -> None:
    file, long = StringIO(), "will be done as soon as everything else is"
    rows = [
        Row(designer()),
        Row(session("rate-limiting", evidence=Evidence(Sign.TOOL_USED, long), cost=0.5), "└ ", conflict="docs in a.py"),
    ]
    Console(file=file, width=width).print(SessionTable(rows, NOW))
    heading, _, *told = file.getvalue().splitlines()
    assert max(map(len, told)) <= width
    assert told[1].rstrip().endswith(("…", long, "working"))
    assert "rate-limiting conflict" in told[1]
    assert ("will conflict with" in heading) == (width > 100)


def test_one_that_is_done_with_open_items_says_so_in_the_list_and_in_the_table() -> None:
    done = session("a", State.DONE, evidence=Evidence(Sign.COMPLETED, "COMPLETE: all of it"))
    row = Row(done, left="2 of 5 items open")
    assert "2 of 5 items open: COMPLETE" in lines([row], 60)[1].plain
    console = Console(file=StringIO(), width=150)
    console.print(SessionTable([row], NOW))
    assert "2 of 5 items open: COMPLETE" in console.file.getvalue()  # type: ignore[attr-defined] # it is a StringIO
