"""The whole control pane, as it is seen and clicked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import pytest
from rich.text import Text
from textual.events import Key

from orchestra.bindings import Keymap
from orchestra.control.body import Lines
from orchestra.control.rows import printable
from orchestra.control.state import Mode, select
from orchestra.control.typing import RAPID
from orchestra.errors import Refused
from orchestra.model import DiffStat, MessageKind, Role, SandboxKind, Sign
from orchestra.review.source import ReviewSource
from orchestra.store import Store
from tests.support.pane import Answers, Shown, run, showing
from tests.support.reviews import APP
from tests.support.scenes import HOSTILE
from tests.support.stores import Clock, add
from tests.support.tmux import until
from tests.unit.test_views_compare import row

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


def is_filled(shown: Shown, sign: str, size: tuple[int, int]) -> bool:
    return sign in shown.text and ("main" in shown.text) == (size[0] >= 20) and len(shown.lines) == size[1]


def test_each_new_size_is_filled_though_nothing_else_happens(filled: Store, source: Answers) -> None:
    signs = {(20, 6): "shop", (44, 30): "? help", (200, 50): " │", (18, 20): "orchestra", (45, 20): "? help"}

    async def story() -> None:
        async with showing(filled, source, size=(19, 40)) as shown:
            await shown.sees("orchestra")
            for size, sign in signs.items():
                await shown.pilot.resize_terminal(*size)
                await shown.until(partial(is_filled, shown, sign, size), f"{sign} in {size}")

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
        def review(self, name: str) -> ReviewSource:
            raise Refused(f"the engine of {name} is down", hint="start it")

    async def story() -> None:
        async with showing(filled, Broken()) as shown:
            await shown.sees("the engine of main is down")

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
            shown.app.post_message(Paste("y"))
            await shown.press("n", "r")
            await shown.sees("to login")
            shown.app.post_message(Paste("one\r  two\r\nthree\x1b[2J"))
            await shown.until(
                lambda: shown.app.pane.editor.text == "one\n  two\nthree\\x1b[2J", shown.app.pane.editor.text
            )
            assert source.done == []

    run(story())


def test_a_review_is_shown_in_the_whole_window_and_left_again(filled: Store, source: Answers) -> None:
    filled.sessions.record_sign("docs", Sign.COMPLETED, "the guide")
    source.diffs["docs"] = APP

    async def story() -> None:
        async with showing(filled, source, size=(100, 30)) as shown:
            await shown.press("4" if len(shown.app.view.names) > 3 else "3", "v")
            await shown.until(lambda: "Monitor" not in shown.text and "app.py" in shown.text, "the review")
            await shown.until(lambda: source.zooms == [True], "the whole window")
            await shown.press("j", "t", "s")
            await shown.press("q")
            await shown.sees("Monitor", "Needs you")
            await shown.until(lambda: source.zooms == [True, False], "the window's other panes")
            await shown.until(lambda: [action for action, _ in source.done] == ["mark_reviewed"], str(source.done))

    run(story())


MEMBERS = ("fix-1", "fix-2", "fix-3")
COMPARED = {"group": "fix", "sessions": [row(name) for name in MEMBERS], "files": [], "alike": [], "bases": 1}


@pytest.fixture
def group(filled: Store, source: Answers) -> Store:
    """Three sessions of a group that is compared; one of them is done and was not looked at yet."""
    for name in MEMBERS:
        add(filled, name, group_name="fix")
    filled.sessions.record_sign("fix-2", Sign.COMPLETED, "fixed")
    source.results["compare"] = COMPARED
    return filled


def test_the_sessions_of_a_comparison_are_reviewed_against_each_other(group: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(group, source, size=(100, 30)) as shown:
            shown.app.becomes((select(shown.app.view, "fix-1"), ()))
            await shown.press("C")
            await shown.sees("clean, into main", "v diffs")
            await shown.until(lambda: source.zooms == [True], "the whole window")
            await shown.press("j", "v")
            await shown.sees("− fix-2   + fix-3", "app.py")
            await shown.press("v", "q")
            await shown.sees("clean, into main")
            assert not {*source.zooms} - {True}, "the comparison keeps the whole window"
            assert shown.app.view.compared is not None
            assert shown.app.view.compared.name == "fix-2"
            assert [action for action, _ in source.done] == ["compare"], "nothing counts as looked at"
            await shown.press("escape")
            await shown.until(lambda: source.zooms[-1] is False, "the window's other panes")

    run(story())


def test_why_two_cannot_be_compared_is_said_below_the_comparison(group: Store) -> None:
    class Broken(Answers):
        def differences(self, names: Sequence[str]) -> ReviewSource:
            raise Refused(f"no session is called {names[1]!r}", hint="see: orchestra list")

    async def story() -> None:
        async with showing(group, Broken(results={"compare": COMPARED}), size=(100, 30)) as shown:
            shown.app.becomes((select(shown.app.view, "fix-1"), ()))
            await shown.press("C")
            await shown.sees("clean, into main")
            await shown.press("v")
            await shown.sees("no session is called 'fix-2'", "clean, into main")

    run(story())


def test_a_long_comparison_is_scrolled(group: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(group, source, size=(100, 9)) as shown:
            shown.app.becomes((select(shown.app.view, "fix-1"), ()))
            await shown.press("C")
            await shown.sees("fix-1", "fix-2")
            await shown.press("J", "J", "J", "J")
            await shown.until(lambda: "fix-2" not in shown.text, "the first line is scrolled out of sight")

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
        # However long a busy machine takes for it, the second letter comes at once.
        stands = time.monotonic()
        async with showing(filled, source, clock=lambda: stands or time.monotonic()) as shown:
            await shown.pilot.press("t", "o")
            stands = 0.0
            await shown.pilot.pause(2 * RAPID)
            assert source.done == []
            await shown.sees("looks like text")

    run(story())


def test_keys_that_come_at_once_count_in_their_order(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(100, 30)) as shown:
            word = (*"helo", "backspace", *"lo", "enter", "x", "left", "y")
            await shown.press("j", "d", "r")
            await shown.sees("to login")
            shown.type_at_once(*word, "ctrl+s", "?")
            await shown.until(lambda: shown.app.view.mode is Mode.HELP, "help")
            await shown.until(lambda: bool(source.done), "the message")
            ((_, arguments),) = source.done
            assert (arguments["recipient"], arguments["text"]) == (shown.app.view.selected, "hello\nyx")
            assert shown.app.pane.editor.text == ""

    run(story())


def is_busy(seconds: float) -> None:
    """Let nothing else run, as on a machine with too much to do."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)


def test_a_key_that_a_busy_machine_looks_at_late_still_shows_a_word(filled: Store, source: Answers) -> None:
    """It was read while the pane did something else, and the moment for which the first letter is held has passed."""

    async def story() -> None:
        async with showing(filled, source) as shown:
            app = shown.app
            app.post_message(Key("t", "t"))
            await shown.until(lambda: app._held is not None)  # noqa: SLF001 -- nothing shows it
            asyncio.run_coroutine_threadsafe(app._post_message(Key("o", "o")), asyncio.get_running_loop())  # noqa: SLF001 -- as the driver does
            is_busy(2 * RAPID)
            await shown.sees("looks like text")
            await shown.pilot.pause(2 * RAPID)
            assert source.done == []

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


def test_help_begins_at_its_beginning_however_far_it_was_read(filled: Store, source: Answers) -> None:
    async def story() -> None:
        async with showing(filled, source, size=(44, 20)) as shown:
            await shown.press("question_mark")
            await shown.sees("prefix, then O")
            await shown.press("end")
            await shown.until(lambda: "prefix, then O" not in shown.text, "the end of the help")
            await shown.press("escape", "question_mark")
            await shown.sees("prefix, then O")

    run(story())
