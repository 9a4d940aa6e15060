"""What stands around the list and the body of the control pane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestra.attention import Need, NeedKind
from orchestra.bindings import Keymap
from orchestra.control import frame
from orchestra.control.cursor import with_data
from orchestra.control.reducer import press
from orchestra.control.state import Data, Draft, Health, Invoke, Purpose, Status, Tab, View, begin, writing
from orchestra.model import State
from orchestra.review.frame import Canvas, help_lines
from orchestra.review.keys import Key
from orchestra.review.reducer import resize
from orchestra.review.state import View as DiffView
from tests.support.scenes import HOSTILE, NOW, designer, session


def scene(tab: Tab = Tab.DIFF, project: str = "tempo") -> View:
    sessions = (designer(), session("login", State.WAITING), session("docs"))
    need = Need(NeedKind.PERMISSION, "login", NOW, "wants: rm", "rm -rf build", 3, answerable=True)
    view = View(project=project, health=Health(service=True, engine=False), selected="login", tab=tab)
    return with_data(view, Data(sessions, needs=(need,)))


def header(view: View, width: int) -> list[str]:
    lines = frame.header(view, width)
    assert {line.cell_len for line in lines} == {width}
    return [line.plain for line in lines]


@pytest.mark.parametrize("width", [20, 28, 44, 120, 250])
@pytest.mark.parametrize("tab", list(Tab))
def test_every_width_is_filled_exactly(tab: Tab, width: int) -> None:
    view = scene(tab, project=HOSTILE)
    lines = [*frame.header(view, width), frame.tab_bar(view, width, " 37% ")[0]]
    assert {line.cell_len for line in lines} == {width}
    assert [line.plain for line in lines if not line.plain.isprintable()] == []
    assert frame.reminder(view, width)[0].cell_len <= width


def test_the_header_tells_health_and_who_needs_the_person() -> None:
    first, second = header(scene(), 60)
    assert "✗ engine ● service" in first
    assert "1 needs you · 1 working · 3 sessions" in second
    assert header(replace(scene(), filter="log"), 60)[1].startswith(" /log 3 of 3 · 1 needs you")


def test_a_narrow_header_keeps_who_needs_the_person_and_the_light_that_is_out() -> None:
    first, second = header(scene(), 20)
    assert first.startswith(" tempo")
    assert "✗ engine" in first
    assert second.startswith(" 1 needs you ")


def test_settings_that_cannot_be_read_are_a_light_that_is_out() -> None:
    broken = replace(scene(), health=Health(service=True, engine=True, settings=False))
    for width in (20, 44):
        assert "✗ settings ● ●" in header(broken, width)[0]
    assert "settings" not in header(scene(), 44)[0]


def test_the_tabs_know_where_their_names_are() -> None:
    bar, places = frame.tab_bar(scene(Tab.MONITOR), 60)
    assert bar.plain.startswith("─ Needs you 1 ─ Diff ─ Monitor ─ Messages ─")
    assert {tab: bar.plain[at.start : at.stop] for tab, at in places.items()} == {
        Tab.NEEDS: " Needs you 1 ", Tab.DIFF: " Diff ", Tab.MONITOR: " Monitor ", Tab.MESSAGES: " Messages "
    }  # fmt: skip


def test_how_far_the_body_is_scrolled_has_room_at_40_columns_too() -> None:
    for tab in Tab:
        bar, places = frame.tab_bar(scene(tab), 40, " 100% ")
        assert bar.plain.endswith(" 100% ─")
        assert bar.cell_len == 40
        assert bar.plain.startswith("─ Needs 1 ─Diff" if tab is Tab.NEEDS else "─Needs 1─")
        assert {bar.plain[at.start : at.stop].strip() for at in places.values()} == {
            "Needs 1", "Diff", "Monitor", "Messages"
        }  # fmt: skip


def test_a_narrow_bar_names_the_tab_that_is_shown_and_a_click_shows_the_next() -> None:
    bar, places = frame.tab_bar(scene(Tab.MESSAGES), 20)
    assert "Messages 4 of 4" in bar.plain
    assert list(places) == [Tab.NEEDS]


def test_an_error_shows_its_hint_and_what_is_under_way_is_shown() -> None:
    view = replace(scene(), status=Status("login is at work", "orchestra delete login --force", bad=True))
    rows = [row.plain.strip() for row in frame.notice(view, 44, 8)]
    assert rows == ["✗ login is at work", "→ orchestra delete login --force"]
    assert "merging login…" in frame.notice(begin(view, Invoke("merge", doing="merging login")), 44, 8)[0].plain


def test_an_error_in_a_narrow_terminal_shows_what_to_type() -> None:
    status = Status("login has uncommitted changes: b.txt", "have it commit: orchestra send login please", bad=True)
    rows = frame.notice(replace(scene(), status=status), 24, 20)
    assert "please" in " ".join(row.plain for row in rows)
    endless = frame.notice(replace(scene(), status=Status("word " * 99, bad=True)), 24, 20)
    assert endless[-1].plain.endswith("…")
    assert len(endless) == 8


def test_a_question_comes_before_its_rule_where_there_is_little_room() -> None:
    view, _ = press(scene(), Key("D"))
    assert frame.notice(view, 20, 1)[0].plain == " Delete login?"
    assert frame.reminder(view, 20)[0].plain.split() == ["y", "yes", "n", "no"]


def test_the_reminder_shows_the_keys_that_matter_now() -> None:
    assert frame.reminder(scene(), 40)[0].plain.startswith(" ?")
    assert frame.reminder(scene(Tab.NEEDS), 60)[0].plain.startswith(" a allow  A always  x deny ")
    assert frame.reminder(writing(scene(), Draft(Purpose.MESSAGE, "a")), 40)[0].plain.split() == [
        "^s",
        "send",
        "Esc",
        "cancel",
    ]
    assert frame.reminder(writing(scene(), Draft(Purpose.TITLE)), 40)[0].plain.split() == ["⏎", "next", "Esc", "cancel"]


def test_what_is_written_says_for_whom() -> None:
    told = {frame.writing_for(Draft(purpose, "login", 3, "Fix it")) for purpose in Purpose}
    assert len(told) == len(Purpose)


def test_the_border_stays_within_the_terminal_however_far_it_is_dragged() -> None:
    for split in (0.0, 0.5, 1.0, 3.0):
        view = replace(scene(), split=split, split_across=split)
        assert 1 <= frame.list_height(view, 20) <= 18
        assert 44 <= frame.list_width(view, 160) <= 116


def test_the_word_enter_stands_where_its_sign_cannot_be_shown() -> None:
    view = replace(writing(scene(), Draft(Purpose.TITLE)), keymap=Keymap(enter="Enter"))
    shown, places = frame.reminder(view, 40)
    assert shown.plain.split() == ["Enter", "next", "Esc", "cancel"]
    assert places["Enter"] == range(len(" Enter next "))
    review = resize(DiffView("a", keymap=view.keymap), 120, 20)[0]
    assert "Enter fold" in Canvas().draw(review)[-1].plain
    assert not any("⏎" in row.plain for row in (*help_lines(review), *Canvas().draw(review)))
