"""The monitor, the messages, the tables and the keys."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console, RenderableType

from orchestra.bindings import BINDINGS
from orchestra.model import Evidence, SandboxKind, Sign, State
from orchestra.protocol import plain
from orchestra.views.keys import keys_markdown, keys_table
from orchestra.views.monitor import MessagesView, monitor_view
from orchestra.views.tables import events_table, findings_table, letters, rows_table, session_details, settings_table
from tests.support.scenes import HOSTILE, NOW, event, message, session


def printed(renderable: RenderableType, width: int = 80) -> str:
    file = StringIO()
    Console(file=file, width=width, force_terminal=False).print(renderable)
    return file.getvalue()


def test_the_monitor_tells_what_is_done_what_changed_what_was_said_and_what_happened() -> None:
    told = [event("turn-started", "Add limits", 90), event("tool-used", "edits app.py", 4)]
    text = printed(monitor_view(session("a"), told, [message("QUESTION: which one?")], now=NOW))
    wanted = ("● working for 3m", "edits app.py", "+120 −4 in 3 files", "2 commits", "which one?", "what happened")
    assert [one for one in wanted if one not in text] == []
    assert text.index("4s · edits app.py") < text.index("1m ▸ Add limits")


def test_the_monitor_says_that_there_is_no_container() -> None:
    assert "HOST" in printed(monitor_view(session("a", sandbox=SandboxKind.HOST), [], [], now=NOW))


@pytest.mark.parametrize("width", [18, 26, 42, 118])
def test_no_line_of_the_monitor_is_wider_than_the_pane(width: int) -> None:
    odd = session(
        "n" * 40, State.WAITING, evidence=Evidence(Sign.ASKED, f"{HOSTILE} 日本語{'x' * 300}"), branch="b" * 90
    )
    view = monitor_view(odd, [event("commit", HOSTILE * 9)], [message(HOSTILE * 30, sender="s" * 40)], now=NOW)
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
