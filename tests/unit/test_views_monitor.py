"""The monitor, the messages, the tables and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from orchestra.account import Facts, account
from orchestra.bindings import BINDINGS
from orchestra.events import Event, Outcome, ToolCall
from orchestra.ledger import Ledger
from orchestra.model import (
    CheckRun,
    Claim,
    Evidence,
    Message,
    ModelSummary,
    PermissionRequest,
    SandboxKind,
    Session,
    Sign,
    State,
)
from orchestra.proof import items_of
from orchestra.protocol import plain
from orchestra.views.keys import keys_markdown, keys_table
from orchestra.views.monitor import MessagesView, MonitorView, monitor_view
from orchestra.views.tables import events_table, findings_table, letters, rows_table, session_details, settings_table
from tests.support.scenes import HOSTILE, NOW, event, message, session


def printed(renderable: RenderableType, width: int = 80) -> str:
    file = StringIO()
    Console(file=file, width=width, force_terminal=False).print(renderable)
    return file.getvalue()


def monitored(
    of: Session, events: Sequence[Event] = (), messages: Sequence[Message] = (), **facts: object
) -> MonitorView:
    ledger = Ledger()
    ledger.take(events)
    made = account(Facts(of, NOW, **facts), ledger)  # type: ignore[arg-type]  # a test's own facts
    return monitor_view(of, made, events, messages, now=NOW)


def test_a_model_s_words_are_marked_as_such_and_stand_apart_from_facts() -> None:
    said = ModelSummary(("It adds limits.", "Tests are open."), "it removes the README.", NOW, "claude-monitor")
    text = printed(monitored(session("a"), said=said))
    assert "a model says, not checked, 0s ago · claude-monitor" in text
    assert text.index("agent ") < text.index("a model says") < text.index("so far")
    assert [row for row in text.splitlines() if "It adds limits." in row] == ["▏ It adds limits."]
    assert "▏ drift from the spec? it removes the README." in text
    assert "a model says" not in printed(monitored(session("a")))
    narrow = printed(monitored(session("a"), said=said), width=40)
    assert "a model says, not checked, 0s ago" in narrow


def test_why_there_is_no_summary_is_shown() -> None:
    told = printed(monitored(session("a"), said=ModelSummary(trouble="watcher answered nothing")))
    assert "▏ watcher answered nothing" in told
    earlier = ModelSummary(("One.",), at=NOW, by="watcher", trouble="no login")
    assert "▏ no newer summary: no login" in printed(monitored(session("a"), said=earlier))


@pytest.mark.parametrize("width", [20, 33, 80])
def test_a_hostile_answer_stays_within_its_lines(width: int) -> None:
    said = ModelSummary((HOSTILE, HOSTILE * 9), HOSTILE, NOW, HOSTILE, HOSTILE)
    view = monitored(session("a"), said=said)
    rows = list(view.lines(width))
    assert max(row.cell_len for row in rows) <= width
    assert rows
    assert [row.plain for row in rows if not row.plain.isprintable()] == []


def ran(number: int, command: str, outcome: Outcome, **more: int) -> Event:
    call = ToolCall("Bash", outcome, command, str(number), **more)
    return Event(number, "a", NOW - timedelta(seconds=90 - number), "tool-used", "runs it", State.WORKING, call)


def test_the_monitor_tells_what_is_done_what_changed_what_was_said_and_what_happened() -> None:
    told = [event("turn-started", "Add limits", 90), event("tool-used", "edits app.py", 4)]
    text = printed(monitored(session("a"), told, [message("QUESTION: which one?")]))
    wanted = ("● working for 3m", "edits app.py", "+120 −4 in 3 files", "2 commits", "which one?", "what happened")
    assert [one for one in wanted if one not in text] == []
    assert text.index("4s · edits app.py") < text.index("1m ▸ Add limits")


def test_the_monitor_says_that_there_is_no_container() -> None:
    assert "HOST" in printed(monitored(session("a", sandbox=SandboxKind.HOST)))


def test_the_monitor_tells_how_commands_and_tests_ended_and_what_comes_next() -> None:
    events = [
        ran(1, "pytest -q\nmore", Outcome.FAILED, code=1),
        ran(2, "pytest -q | tail", Outcome.FAILED, code=1, passed=12, failed=3),
        ran(3, "cargo test | tail", Outcome.UNKNOWN),
        ran(4, "make", Outcome.OK, code=0),
        ran(5, "sleep 60", Outcome.BEGUN),
    ]
    busy = session("a", stuck="no sign of work since 13:20")
    text = printed(monitored(busy, events, spec="- [ ] write it\n- [x] read it", sent=2, received=1))
    wanted = (
        "running for 1m: sleep 60", "stuck: no sign of work", "5: 1 ok · 2 failed · 1 of unknown result · 1 running",
        "✗ 3 failed, 12 passed 1m ago  pytest -q | tail", "? ended, result unknown 1m ago  cargo test | tail",
        "✓ make", "✗ pytest -q … exit 1", "2 sent, 1 received", "working 1m", "1 claimed · 1 open", "○ write it",
    )  # fmt: skip
    assert [one for one in wanted if one not in text] == []
    assert text.index("so far") < text.index("next ─") < text.index("what happened")


def test_an_item_whose_command_failed_says_how() -> None:
    spec = "- [ ] it is quick\n- [ ] it greets\n"
    quick, greets = items_of(spec)
    failed = CheckRun(0, "t" * 40, quick.text, "make", 2, "", 1.0, NOW)
    claims = [Claim(1, quick.mark, quick.text, "make", NOW, failed)]
    claims += [Claim(1, greets.mark, greets.text, "true", NOW, replace(failed, code=0))]
    text = printed(monitored(session("a"), spec=spec, claims=claims))
    assert "1 proved · 1 open" in text
    assert "○ it is quick exit code 2" in text
    assert "✓ it greets" in text


def test_the_time_in_the_state_of_now_goes_on_while_nothing_is_recorded() -> None:
    made = account(Facts(session("a", State.IDLE), NOW), Ledger())
    view = monitor_view(session("a", State.IDLE), made, [], [], now=NOW + timedelta(hours=2))
    assert "idle 2h" in printed(view)


@pytest.mark.parametrize("width", [18, 26, 42, 118])
def test_no_line_of_the_monitor_is_wider_than_the_pane(width: int) -> None:
    odd = session(
        "n" * 40, State.WAITING, evidence=Evidence(Sign.ASKED, f"{HOSTILE} 日本語{'x' * 300}"), branch="b" * 90
    )
    events = [event("commit", HOSTILE * 9, number=9)]
    events += [ran(10 + place, f"pytest {HOSTILE * 9}", outcome, code=1) for place, outcome in enumerate(Outcome)]
    letters_ = [message(HOSTILE * 30, sender="s" * 40)]
    view = monitored(odd, events, letters_, spec=f"- [ ] {HOSTILE * 30}\n" * 30)
    lines = list(view.lines(width))
    assert max(one.cell_len for one in lines) <= width
    assert [one.plain for one in lines if not one.plain.isprintable()] == []
    assert any("[red]" in one.plain or width < 26 for one in lines)


def test_messages_stand_newest_first_without_repeating_their_kind() -> None:
    view = MessagesView([message("QUESTION: old?"), message("QUESTION: new?", number=2)], NOW)
    text = "\n".join(one.plain for one in view.lines(60))
    assert text.index("new?") < text.index("old?")
    assert "QUESTION" not in text
    assert "queued" in text


def test_letters_stand_in_order_with_their_numbers_and_use_the_whole_width() -> None:
    text = printed(letters([plain(message("word " * 30)), plain(message("new", number=2))], NOW), 80)
    lines = text.splitlines()
    assert lines[0].startswith("1  ")
    assert len(lines[1]) > 70
    assert next(line for line in lines[2:] if line.startswith("2  "))


def test_tables_show_hostile_text_as_text() -> None:
    row = {
        **plain(session("a", evidence=Evidence(None, HOSTILE))),
        "unread": 2,
        "spec": HOSTILE,
        "container": None,
        "log": [{"id": "c" * 40, "subject": HOSTILE}],
        "messages": [plain(message(HOSTILE))],
        "events": [plain(event("commit", HOSTILE))],
    }
    tables = (
        session_details(row, NOW),
        letters(row["messages"], NOW),
        events_table(row["events"]),
        rows_table([{"name": HOSTILE, "value": None, "list": [1, 2]}]),
        settings_table([{"name": HOSTILE, "value": [HOSTILE.replace("\x1b", "")], "origin": HOSTILE}]),
        findings_table([{"check": HOSTILE, "well": False, "detail": HOSTILE, "repair": HOSTILE}]),
    )
    for table in tables:
        text = printed(table, 200)
        assert "[red]x[/red]" in text
        assert text.replace("\n", "").isprintable()


def test_empty_tables_say_so() -> None:
    assert printed(rows_table([])).strip() == "nothing to show"
    assert printed(events_table([])).strip() == "nothing has happened yet"
    assert printed(letters([], NOW)).strip() == "no messages"


def test_every_binding_is_in_the_help_and_in_the_readme() -> None:
    table, markdown = printed(keys_table()), keys_markdown()
    for binding in BINDINGS:
        assert binding.help in table
        assert binding.help in markdown
    assert "prefix `O` `s`" in markdown


def test_what_a_session_waits_for_is_said_once() -> None:
    request = PermissionRequest(1, "a", NOW, "Bash", "runs: rm -rf build", "rm -rf build", answerable=True)
    waits = session("a", State.WAITING, evidence=Evidence(Sign.PROMPTED, "wants: rm -rf build"))
    assert printed(monitored(waits, requests=[request])).count("rm -rf build") == 1
    asks = session("a", State.WAITING, evidence=Evidence(Sign.ASKED, "QUESTION: which one?"))
    text = printed(monitored(asks, question=message("QUESTION: which one?")))
    assert (text.count("which one?"), "QUESTION" in text, "asks main: which one?" in text) == (1, False, True)
