"""The list of sessions, narrow and wide."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from orchestra.model import Evidence, SandboxKind, Session, Sign, State
from orchestra.views.session_list import in_tree, session_lines, wide_table
from tests.support.scenes import HOSTILE, NOW, designer, session


def shown(sessions: list[Session], width: int = 44, height: int = 40, selected: str = "", **unread: int) -> list[str]:
    lines = session_lines(sessions, unread=unread, selected=selected, now=NOW, width=width, height=height)
    assert {one.cell_len for one in lines} == {width}
    return [one.plain for one in lines]


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
    first, second = shown([session("login", State.WORKING, sandbox=SandboxKind.HOST)], login=3)
    assert first.split() == ["●", "login", "3", "HOST", "claude", "3m"]
    assert second.split() == ["edits", "app.py", "+120", "−4", "▤3"]


def test_a_waiting_session_shows_what_it_waits_for() -> None:
    waiting = session("login", State.WAITING, evidence=Evidence(Sign.ASKED, "Did you mean AuthService?"))
    lines = session_lines([waiting], unread={}, selected="", now=NOW, width=60, height=4)
    assert "Did you mean AuthService?" in lines[1].plain
    assert "asked:" not in lines[1].plain
    colours = {str(span.style) for span in lines[1].spans if "Did" in lines[1].plain[span.start : span.end]}
    assert colours == {"color(214)"}


def test_many_sessions_get_one_line_each_and_the_selected_one_is_in_sight() -> None:
    sessions = [designer(), *(session(f"s{number:02}") for number in range(50))]
    lines = shown(sessions, height=12, selected="s40")
    assert len(lines) == 12
    assert [one[:8] for one in lines if one.startswith("▌")] == ["▌├ ● s40"]


@pytest.mark.parametrize("width", [20, 28, 44, 80, 120])
@pytest.mark.parametrize("state", list(State))
def test_every_width_and_state_is_aligned(width: int, state: State) -> None:
    sessions = [designer(), session("x" * 40, state, paired=True, sandbox=SandboxKind.HOST), session("日本語", state)]
    assert len(shown(sessions, width=width, main=1000)) == 6


def test_hostile_text_stays_text() -> None:
    lines = shown([session("a", State.WAITING, evidence=Evidence(None, HOSTILE), agent=HOSTILE)], width=120)
    assert [one for one in lines if not one.isprintable()] == []
    assert "[red]x[/red]" in lines[1]


def test_the_wide_table_keeps_names_whole_and_crops_only_what_they_do() -> None:
    file = StringIO()
    sessions = [designer(), session("rate-limiting", evidence=Evidence(Sign.TOOL_USED, f"{HOSTILE}{'long ' * 90}"))]
    old = session("host-one", sandbox=SandboxKind.HOST, state_since=NOW - timedelta(days=400))
    Console(file=file, width=110).print(wide_table([*sessions, old], unread={"main": 2}, now=NOW))
    text = file.getvalue()
    assert "rate-limiting" in text
    assert "HOST" in text
    assert "\x1b" not in text
    assert max(len(one) for one in text.splitlines()) <= 110


def test_the_wide_table_has_no_column_that_no_session_fills() -> None:
    file = StringIO()
    Console(file=file, width=80).print(wide_table([designer()], unread={}, now=NOW))
    heading = file.getvalue().splitlines()[0].split()
    assert heading == ["session", "state", "age", "agent", "commits", "doing"]


def test_what_a_session_does_has_room_on_a_usual_terminal() -> None:
    file = StringIO()
    Console(file=file, width=80).print(wide_table([designer(), session("rate-limiting")], unread={"main": 1}, now=NOW))
    assert "edits app.py" in file.getvalue()
