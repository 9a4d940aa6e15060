"""The whole control pane, as it is seen and clicked."""

from __future__ import annotations

import pytest
from rich.text import Text

from orchestra.bindings import Keymap
from orchestra.control.body import Lines
from orchestra.control.rows import printable
from orchestra.control.typing import RAPID
from orchestra.errors import Refused
from orchestra.model import DiffStat, MessageKind, Role, SandboxKind, Sign
from orchestra.store import Store
from tests.support.pane import Answers, Shown, run, showing
from tests.support.scenes import HOSTILE
from tests.support.stores import Clock, add

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
    asked = store.messages.post("login", "user", MessageKind.QUESTION, f"QUESTION: which{HOSTILE}?")
    store.sessions.record_sign("login", Sign.ASKED, f"which{HOSTILE}?", waits_for=asked.id)
    store.sessions.record_sign("docs", Sign.TURN_STARTED, "writes the guide")
    store.sessions.update("login", diff=DiffStat(1, 99, 0))
    store.events.log("login", "commit", HOSTILE)
    return store


SIZES = [(20, 6), (28, 20), (44, 12), (44, 60), (120, 40), (139, 24), (140, 24), (200, 9), (250, 60)]


@pytest.mark.parametrize("size", SIZES)
def test_every_size_tab_and_mode_fills_the_terminal_exactly(
    filled: Store, source: Answers, size: tuple[int, int]
) -> None:
    async def story() -> None:
        async with showing(filled, source, size=size) as shown:
            for keys in (["j"], ["tab"], ["tab"], ["tab"], ["tab"], ["question_mark"], ["escape"], ["D"], ["n"], ["N"]):
                await shown.press(*keys)
                assert {strip.cell_length for strip in shown.strips} == {size[0]}
                assert len(shown.lines) == size[1]
                assert [line for line in shown.lines if not line.isprintable()] == []

    run(story())


@pytest.mark.parametrize("size", [(19, 40), (44, 5), (5, 2)])
def test_a_tiny_terminal_gets_a_short_message(filled: Store, source: Answers, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with showing(filled, source, size=size) as shown:
            wanted = "orchestra"[: size[0] - 1] if size[0] < 9 else "orchestra"
            await shown.until(lambda: shown.lines[0].startswith(wanted), wanted)
            assert "login" not in shown.text

    run(story())


def test_the_list_stands_beside_the_body_where_there_is_room(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(140, 24)) as shown:
            await shown.press("j")
            screen = await shown.sees("row 3")
            beside = next(line for line in screen.splitlines() if "docs" in line)
            assert "│" in beside
            assert "row" in beside

    run(story())


def test_the_person_reads_scrolls_and_sees_how_far(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source) as shown:
            await shown.press("j")
            await shown.sees("x.py", "row 3", " 0% ")
            await shown.press("end")
            await shown.sees("row 98", "100%")
            await shown.press("home")
            await shown.sees("row 0", " 0% ")

    run(story())


def test_a_diff_that_cannot_be_read_says_why(filled: Store) -> None:
    class Broken(Answers):
        def diff(self, name: str) -> str:
            raise Refused(f"the engine of {name} is down", hint="start it")

    async def story() -> None:
        async with showing(filled, Broken()) as shown:
            await shown.sees("the engine of main is down")

    run(story())


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

    run(story())


async def clicks(shown: Shown, text: str, times: int = 1) -> None:
    await shown.sees(text)
    row = next(number for number, line in enumerate(shown.lines) if text in line)
    at = (shown.lines[row].index(text) + 1, row)
    await shown.pilot.click(offset=at, times=times)
    await shown.pilot.pause()


def test_the_wheel_scrolls_what_is_under_the_pointer(filled: Store, source: Answers) -> None:
    from textual.events import MouseScrollDown  # noqa: PLC0415 -- only here

    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("j")
            await shown.sees("row 3")
            await shown.pilot._post_mouse_events([MouseScrollDown], offset=(5, 20))  # noqa: SLF001 -- the pilot has no wheel of its own
            await shown.until(lambda: shown.app.pane.body.scroll_offset.y > 0)
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
            start = (before.width, 10) if wide else (size[0] - 2, bar)
            end = (80, 10) if wide else (size[0] - 2, 20)
            await shown.pilot.mouse_down(offset=start)
            await shown.pilot.hover(offset=end)
            await shown.pilot.mouse_up(offset=end)
            list_ = shown.app.pane.list
            await shown.until(lambda: (list_.size.width if wide else list_.size.height) == (80 if wide else 18))

    run(story())


def test_a_question_is_answered_in_place_and_a_draft_is_kept(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("w", "r")
            await shown.sees("answer to login")
            await shown.press(*"no", "enter", *"yes")
            await shown.press("escape")
            await shown.sees("nothing was sent")
            await shown.press("r")
            await shown.sees("answer to login", " no", " yes")
            await shown.press("ctrl+s")
            number = filled.sessions.get("login").waits_for
            sent = {"sender": "user", "recipient": "login", "text": "no\nyes", "kind": "message", "answers": number}
            await shown.until(lambda: ("send", sent) in source.done, str(source.done))
            await shown.press("r")
            await shown.sees("answer to login")
            assert shown.app.pane.editor.text == ""

    run(story())


def test_what_is_pasted_is_text_and_does_nothing(filled: Store, source: Answers) -> None:
    from textual.events import Paste  # noqa: PLC0415 -- only here

    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("j", "D")
            await shown.sees("Delete login?")
            shown.app.pane.post_message(Paste("y"))
            await shown.press("n", "r")
            await shown.sees("to login")
            shown.app.pane.editor.post_message(Paste("one\r  two\r\nthree\x1b[2J"))
            await shown.until(
                lambda: shown.app.pane.editor.text == "one\n  two\nthree\\x1b[2J", shown.app.pane.editor.text
            )
            assert source.done == []

    run(story())


def test_a_review_is_shown_in_the_whole_window_and_left_again(filled: Store, source: Answers) -> None:
    filled.sessions.record_sign("docs", Sign.COMPLETED, "the guide")

    async def story() -> None:
        async with showing(filled, source, size=(100, 30)) as shown:
            await shown.press("4" if len(shown.app.view.names) > 3 else "3", "v")
            await shown.until(lambda: "looking at" not in shown.text and "app.py" in shown.text, "the review")
            assert "Monitor" not in shown.text
            assert source.zooms == [True]
            await shown.press("j", "t", "s")
            await shown.press("q")
            await shown.sees("Monitor", "Needs you")
            await shown.until(lambda: source.zooms == [True, False], "the window's other panes")
            assert [action for action, _ in source.done] == ["mark_reviewed"]

    run(story())


def test_the_filter_narrows_the_list_while_it_is_typed(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("slash", *"doc")
            await shown.sees("/doc 1 of 3")
            await shown.until(lambda: "login" not in shown.text)
            await shown.press("enter", "escape")
            await shown.sees("login", "3 sessions")

    run(story())


def test_an_effect_is_held_back_and_dropped_by_the_next_letter(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source) as shown:
            await shown.pilot.press("t", "o")
            await shown.pilot.pause(2 * RAPID)
            assert source.done == []
            await shown.sees("looks like text")

    run(story())


def test_nothing_is_painted_again_that_has_not_changed(filled: Store, source: Answers, clock: Clock) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("j")
            await shown.sees("row 3")
            painted: list[object] = []
            shown.app.pane.body.refresh = lambda *regions, **_: painted.append(regions) or shown.app.pane.body  # type: ignore[method-assign,func-returns-value]
            shown.app.repaint()
            assert painted == []
            clock.advance(61)
            shown.app.repaint()
            assert painted == []

    run(story())


def test_own_keys_work_and_are_shown(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, keymap=Keymap({"monitor": ("X",), "help": ("F1",)})) as shown:
            await shown.press("X")
            await shown.sees("changed")
            await shown.until(lambda: "F1 help" in shown.lines[-1])

    run(story())


def test_no_control_character_passes() -> None:
    assert printable(f"a{HOSTILE}").isprintable()
    assert len(Lines([Text("a"), Text("b")]).window(1, 9)) == 1
