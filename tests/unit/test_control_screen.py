"""The frame of the control pane."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rich.segment import Segment
from rich.style import Style

from orchestra.control.keys import Key
from orchestra.control.reducer import press
from orchestra.control.screen import Frame, Screen, ages
from orchestra.control.state import Data, Health, Invoke, Status, Tab, View, begin, with_data, with_diff
from orchestra.control.terminal import Painter
from orchestra.model import Evidence, Sign, State
from orchestra.views.diff import DiffView
from tests.support.scenes import HOSTILE, NOW, designer, event, message, session

DIFF = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,39 @@\n" + "".join(
    f"+row {n}\n" for n in range(39)
)


def scene(tab: Tab = Tab.DIFF) -> View:
    sessions = (
        designer(),
        session("login", State.WAITING, evidence=Evidence(Sign.ASKED, f"which{HOSTILE}")),
        session("docs"),
    )
    data = Data(sessions, {"main": 2}, (event("commit", HOSTILE),), (message(HOSTILE, sender="login"),))
    view = with_data(View(project=HOSTILE, health=Health(True, False), selected="login", tab=tab), data)
    return with_diff(view, "login", DiffView(DIFF))


def drawn(view: View, width: int = 44, height: int = 40) -> list[str]:
    frame = Screen().compose(view, width, height, NOW)
    assert len(frame.lines) == height
    assert {Segment.get_line_length(one) for one in frame.lines} == {width}
    return text(frame)


def text(frame: Frame) -> list[str]:
    return ["".join(part.text for part in one) for one in frame.lines]


@pytest.mark.parametrize("tab", list(Tab))
@pytest.mark.parametrize("size", [(20, 6), (28, 20), (44, 12), (44, 60), (120, 40), (200, 9)])
@pytest.mark.parametrize("keys", ["", "?", "D", "M", "N", "Nx\r"])
def test_every_size_tab_and_mode_fills_the_terminal_exactly(tab: Tab, size: tuple[int, int], keys: str) -> None:
    view = scene(tab)
    for key in keys:
        view, _ = press(view, Key({"\r": "Enter"}.get(key, key)))
    lines = drawn(view, *size)
    assert [one for one in lines if not one.isprintable()] == []


@pytest.mark.parametrize("size", [(19, 40), (44, 5), (1, 1), (5, 1)])
def test_a_tiny_terminal_gets_a_short_message(size: tuple[int, int]) -> None:
    lines = drawn(scene(), *size)
    assert "login" not in " ".join(lines)
    assert lines[0].startswith("orchestra"[: size[0] - 1] if size[0] < 9 else "orchestra")


def test_the_picture_tells_project_health_sessions_diff_and_keys() -> None:
    lines = drawn(scene())
    assert "✗ engine ● service" in lines[0]
    assert "3 sessions · 1 waiting" in lines[1]
    whole = "\n".join(lines)
    assert [word for word in ("login", "which", "x.py", "row 3", "? help") if word not in whole] == []


def test_before_the_first_look_the_diff_is_said_to_be_read() -> None:
    view = replace(scene(), diff=None, diff_of="")
    assert any("reading the diff" in one for one in drawn(view))


def test_a_diff_that_cannot_be_read_says_why() -> None:
    view = with_diff(replace(scene(), diff=None), "login", None, "the engine is down")
    assert any("the engine is down" in one for one in drawn(view))


def test_scrolling_goes_to_the_end_and_no_further() -> None:
    view = Screen().compose(scene(), 44, 30, NOW).view
    view, _ = press(view, Key("End"))
    lines = drawn(view, 44, 30)
    assert "row 38" in lines[-3]
    assert "100%" in " ".join(lines)
    assert Screen().compose(replace(view, scroll=9999), 44, 30, NOW).view.scroll == view.scroll


def test_an_error_shows_its_hint_and_what_is_under_way_is_shown() -> None:
    view = replace(scene(), status=Status("login is at work", "orchestra delete login --force", bad=True))
    assert [one.strip() for one in drawn(view)[-3:-1]] == ["✗ login is at work", "→ orchestra delete login --force"]
    assert any("merging login…" in one for one in drawn(begin(view, Invoke("merge", doing="merging login"))))


def test_the_line_being_typed_shows_its_end() -> None:
    view, _ = press(scene(), Key("N"))
    view, _ = press(view, Key("Paste", f"{'long ' * 40}日本 end"))
    assert "日本 end▏" in drawn(view)[-2]


def test_ages_change_no_more_often_than_they_must() -> None:
    assert ages(scene(), NOW) == ages(scene(), NOW + timedelta(seconds=20))
    assert ages(scene(), NOW) != ages(scene(), NOW + timedelta(seconds=61))


def test_only_what_changed_is_painted() -> None:
    painter, screen = Painter(), Screen()
    first = painter.frame(screen.compose(scene(), 44, 30, NOW).lines)
    assert first.count("\x1b[") > 30
    assert painter.frame(screen.compose(scene(), 44, 30, NOW).lines) == ""
    moved, _ = press(scene(), Key("Tab"))
    again = painter.frame(screen.compose(moved, 44, 30, NOW).lines)
    assert "\x1b[1;1H" not in again
    assert "Monitor" in again
    painter.forget()
    assert "\x1b[1;1H" in painter.frame(screen.compose(moved, 44, 30, NOW).lines)


def test_the_painter_lets_no_control_character_through() -> None:
    frame = Painter().frame([[Segment(HOSTILE, Style(bold=True)), Segment("\x1b[2J")]])
    assert "\x1b[2J" not in frame
    assert "\x07" not in frame
    assert "\x9b" not in frame
    assert "[red]x[/red]" in frame


def test_what_is_asked_is_seen_with_its_answers_however_small_the_terminal() -> None:
    view, _ = press(scene(), Key("D"))
    for size in ((20, 8), (20, 14), (60, 8)):
        lines = drawn(view, *size)
        assert any("Delete login?" in one for one in lines)
        assert "y yes  n no" in lines[-1]
    assert "Delete login?" in drawn(view, 20, 6)[-1]


def test_an_error_in_a_narrow_terminal_shows_what_to_type() -> None:
    status = Status("login has uncommitted changes: b.txt", "have it commit: orchestra send login please", bad=True)
    shown = " ".join("\n".join(drawn(replace(scene(), status=status), 24, 24)).split())
    assert "please" in shown
    endless = replace(scene(), status=Status("word " * 99, bad=True))
    assert any(one.rstrip().endswith("…") and "word" in one for one in drawn(endless, 24, 24))


def test_a_narrow_terminal_names_the_tab_that_is_shown_and_the_light_that_is_out() -> None:
    calm = replace(scene(Tab.MESSAGES), project="tempo")
    lines = drawn(calm, 20, 12)
    assert "Messages 3 of 3" in "\n".join(lines)
    assert "tempo" in lines[0]
    assert "✗ engine" in lines[0]
    assert "1 waiting" in lines[1]


def test_settings_that_cannot_be_read_are_a_light_that_is_out() -> None:
    for width in (20, 44):
        broken = replace(scene(), project="tempo", health=Health(True, True, False))
        assert "✗ settings ● ●" in drawn(broken, width, 12)[0]
    assert "settings" not in drawn(scene(), 44, 12)[0]
