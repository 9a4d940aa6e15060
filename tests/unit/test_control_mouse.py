"""The mouse in the control pane: a click is for what was shown there, and what the wheel scrolled stays there."""

from __future__ import annotations

import time

import pytest
from textual.events import MouseEvent, MouseScrollDown, MouseScrollUp

from orchestra.control.cursor import UNREAD, with_data
from orchestra.control.reducer import click_session
from orchestra.control.state import Data, Invoke, View
from orchestra.model import DiffStat, MessageKind, Role, SandboxKind, Sign, ToolUse
from orchestra.store import Store
from tests.support.pane import Answers, Shown, run, showing
from tests.support.scenes import designer, session
from tests.support.stores import add

DIFF = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,99 @@\n" + "".join(
    f"+row {n}\n" for n in range(99)
)


@pytest.fixture
def source() -> Answers:
    return Answers(diffs={"login": DIFF})


@pytest.fixture
def filled(store: Store) -> Store:
    add(store, "main", role=Role.DESIGNER, parent=None)
    add(store, "login", sandbox=SandboxKind.HOST)
    add(store, "docs", sandbox=SandboxKind.DOCKER)
    asked = store.messages.post("login", "user", MessageKind.QUESTION, "QUESTION: which?")
    store.sessions.record_sign("login", Sign.ASKED, "which?", waits_for=asked.id)
    store.sessions.record_sign("docs", Sign.TURN_STARTED, "writes the guide")
    store.sessions.update("login", diff=DiffStat(1, 99, 0))
    return store


def test_a_click_selects_two_clicks_go_there_and_a_tab_is_shown(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await clicks(shown, "docs")
            await shown.until(lambda: shown.app.view.selected == "docs")
            await clicks(shown, "login", times=2)
            await shown.until(lambda: ("switch", {"name": "login"}) in source.done)
            await clicks(shown, " Monitor ")
            await shown.sees("so far")
            await clicks(shown, "Needs you")
            await shown.sees("answer", "go to the window")
            await clicks(shown, "? help")
            await shown.sees("any key back")
            await clicks(shown, "any key")
            await shown.sees("? help")
            await shown.until(lambda: "any key" not in shown.text)

    run(story())


async def wheels(shown: Shown, row: int, turn: type[MouseEvent] = MouseScrollDown) -> None:
    await shown.pilot._post_mouse_events([turn], offset=(5, row))  # noqa: SLF001 -- the pilot has no wheel of its own


async def clicks(shown: Shown, text: str, times: int = 1) -> None:
    await shown.sees(text)
    row = next(number for number, line in enumerate(shown.lines) if text in line)
    at = (shown.lines[row].index(text) + 1, row)
    await shown.pilot.click(offset=at, times=times)
    await shown.pilot.pause()


def test_the_wheel_scrolls_what_is_under_the_pointer(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("j")
            await shown.sees("row 3")
            await wheels(shown, row=20)
            await shown.until(lambda: "row 0" not in shown.text)
            assert shown.app.pane.list.scroll_offset.y == 0

    run(story())


@pytest.mark.parametrize("size", [(60, 30), (160, 30)])
def test_the_border_is_dragged(filled: Store, source: Answers, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with showing(filled, source, size=size) as shown:
            wide = size[0] > 100
            await shown.sees("Monitor")
            await shown.until(lambda: not wide or shown.app.pane.list.size.width < size[0] // 2)
            before = shown.app.pane.list.size
            bar = next(number for number, line in enumerate(shown.lines) if "Monitor" in line)
            start = (before.width, 10) if wide else (shown.lines[bar].index("Messages"), bar)
            end = (80, 10) if wide else (size[0] - 2, 20)
            await shown.pilot.mouse_down(offset=start)
            await shown.pilot.hover(offset=end)
            await shown.pilot.mouse_up(offset=end)
            list_, tab = shown.app.pane.list, shown.app.view.tab
            await shown.until(lambda: (list_.size.width if wide else list_.size.height) == (80 if wide else 18))
            assert shown.app.view.tab is tab

    run(story())


def test_a_list_stays_where_the_wheel_was_turned_to_until_a_key_is_pressed(filled: Store, source: Answers) -> None:
    for number in range(6):
        add(filled, f"more{number}", parent="main")

    async def story() -> None:
        async with showing(filled, source, size=(40, 12)) as shown:
            list_ = shown.app.pane.list
            await shown.sees("▌◌ main", "login")
            await wheels(shown, row=3, turn=MouseScrollUp)
            await wheels(shown, row=3)
            await shown.until(lambda: "main" not in shown.lines[2], "the list is scrolled")
            shown.app.refresh_data()
            await shown.pilot.pause()
            assert list_.scroll_offset.y == 2
            clicked = shown.lines[4].split()[2]
            await shown.pilot.click(offset=(8, 4))
            await shown.until(lambda: shown.app.view.selected == clicked, clicked)
            await wheels(shown, row=3)
            await wheels(shown, row=3)
            await wheels(shown, row=3)
            await shown.until(lambda: clicked not in "".join(shown.lines[2:5]), f"the list without {clicked}")
            await shown.press("m")
            await shown.sees(f" {clicked} ")
            await shown.until(lambda: any(line.startswith("▌") for line in shown.lines[2:5]), "the selected one")

    run(story())


def test_a_second_click_goes_only_to_what_the_first_one_selected() -> None:
    view = with_data(View(selected="main"), Data((designer(), session("a"), session("b"))))
    assert click_session(view, "gone", again=True) == (view, ())
    after, effects = click_session(view, "a", again=True)
    assert (after.selected, effects) == ("a", ())
    goes = (Invoke("switch", {"name": "a"}, "going to a"),)
    assert click_session(after, "a", again=True)[1] == goes


def test_a_click_on_a_key_that_a_request_names_presses_it_once_it_counts(filled: Store, source: Answers) -> None:
    use = ToolUse("Bash", command="rm", summary="runs: rm", detail="rm")
    asked = filled.permissions.ask(filled.sessions.get("docs").id, "key", "digest", use)

    async def story() -> None:
        stands = time.monotonic()
        async with showing(filled, source, size=(60, 30), clock=lambda: stands or time.monotonic() + UNREAD) as shown:
            await clicks(shown, "Needs you")
            await clicks(shown, "wants: rm")
            await clicks(shown, "A always")
            await shown.sees("just come up")
            await shown.press("escape")
            stands = 0.0
            await clicks(shown, "A always")
            wanted = ("answer", {"id": asked.id, "decision": "always", "reason": ""})
            await shown.until(lambda: wanted in source.done, f"{wanted} in {source.done}")
            await clicks(shown, "login asks: which?")
            await clicks(shown, "r answer")
            await shown.sees("answer to login")

    run(story())


def test_a_click_on_a_hit_selects_it_and_a_second_one_goes_there(filled: Store, source: Answers) -> None:
    usual = {"in": "events", "deleted": False, "at": "2026-03-04T05:06:07+00:00", "where": "", "found": []}
    hits = [{**usual, "session": name, "line": f"{name} did it"} for name in ("main", "login", "docs")]
    source.results["search"] = {"hits": hits, "unread": []}

    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("f")
            await shown.sees("search everything for")
            await shown.press("x", "enter")
            await clicks(shown, "docs did it")
            await shown.sees("▌docs")
            await clicks(shown, "login did it")
            await shown.sees("▌login")
            await clicks(shown, "docs did it", times=2)
            await shown.sees("so far", " docs ")
            assert shown.app.view.selected == "docs"

    run(story())
