"""The window of a review, driven as a person drives it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from textual.events import Key, MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from orchestra.model import Changes, Scope, Sides
from orchestra.review.app import ReviewApp
from orchestra.review.ordered_keys import OrderedKeys
from orchestra.review.screen import ReviewScreen
from tests.support.reviews import FakeSource

Steps = Callable[[Pilot[None], ReviewScreen], Awaitable[None]]
_PATIENCE = 60.0


def drive(source: FakeSource, steps: Steps, size: tuple[int, int] = (100, 20)) -> ReviewApp:
    """Show a review, wait until its first files are read, and do the steps."""
    app = ReviewApp(source)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            screen = await shown(pilot)
            await until(pilot, lambda: bool(screen.view.failed or screen.view.document))
            await settled(pilot, screen)
            await steps(pilot, screen)

    asyncio.run(run())
    return app


async def shown(pilot: Pilot[None]) -> ReviewScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
    screen = pilot.app.screen
    assert isinstance(screen, ReviewScreen)
    return screen


async def until(pilot: Pilot[None], seen: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not seen():
        assert time.monotonic() < end, "not seen in time"
        await pilot.pause(0.01)


async def settled(pilot: Pilot[None], screen: ReviewScreen) -> None:
    await until(pilot, lambda: not screen.view.reading)


def rows(screen: ReviewScreen) -> list[str]:
    pane = screen.query_one("ReviewPane")
    return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]


def test_keys_of_every_kind_reach_the_review() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        assert "▾ .github/workflows/ci.yml ⚠ runs in CI" in rows(screen)[1]
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert screen.view.top == (1, 1)
        await pilot.press("slash", *"needle", "enter")
        await until(pilot, lambda: screen.view.top == (2, 2))
        await pilot.press("G", "space", "pageup", "dollar_sign", "0", "left_curly_bracket", "left", "tab")
        await pilot.press("v")
        await until(pilot, lambda: bool(source.marks))

    source = FakeSource()
    drive(source, steps)


def test_keys_that_come_at_once_count_in_their_order() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        for name in ("]", "c", "c", *"helo", "backspace", *"lo", "ctrl+s", "?"):
            pilot.app.post_message(Key(name, None))
        await until(pilot, lambda: screen.view.help)
        await until(pilot, lambda: [one.text for one in source.remarks] == ["hello"])

    source = FakeSource()
    drive(source, steps)


def test_the_mouse_chooses_a_file_and_scrolls() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await pilot.click("ReviewPane", offset=(5, 5))
        await until(pilot, lambda: screen.view.top == (2, 0))
        await pilot.click("ReviewPane", offset=(60, 1))
        await until(pilot, lambda: screen.view.folded == {2})
        pane = screen.query_one("ReviewPane")
        pane.post_message(wheel(pane))
        await until(pilot, lambda: screen.view.top != (2, 0))

    drive(FakeSource(), steps)


def wheel(pane: Widget, turn: type[MouseScrollUp | MouseScrollDown] = MouseScrollUp) -> Message:
    nothing = {"delta_x": 0, "delta_y": 0, "button": 0, "shift": False, "meta": False, "ctrl": False}
    return turn(pane, x=60, y=5, screen_x=60, screen_y=5, **nothing)  # type: ignore[arg-type]


def test_another_size_is_drawn_at_once() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await pilot.resize_terminal(200, 30)
        await until(pilot, lambda: screen.view.is_split)
        await until(pilot, lambda: len(rows(screen)) == 30)
        assert any(row.count("▎") == 2 for row in rows(screen))
        await pilot.resize_terminal(40, 12)
        await until(pilot, lambda: screen.view.width == 40)
        assert max(map(len, rows(screen))) <= 40

    drive(FakeSource(), steps)


def test_scopes_are_read_again_and_may_be_empty() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await pilot.press("2")
        await until(pilot, lambda: screen.view.scope is Scope.COMMIT)
        await until(pilot, lambda: "nothing changed, last commit" in "".join(rows(screen)))
        await pilot.press("j", "]", "v", "G", "f", "1")
        await until(pilot, lambda: screen.view.scope is Scope.BRANCH)

    drive(FakeSource(), steps)


def test_what_fails_is_said_in_the_window() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await until(pilot, lambda: "the worktree is gone → restore it" in rows(screen)[-1])

    drive(FakeSource(broken=True), steps)


def test_leaving_remembers_the_look_and_gives_everything_back() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running or screen is not pilot.app.screen)

    source = FakeSource()
    drive(source, steps)
    assert source.asked[-2:] == ["leave", "close"]


def test_the_next_session_is_compared_and_the_header_says_which() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        assert rows(screen)[0].startswith(" − mine   + other-1  1 of 3 others")
        await pilot.press("right_parenthesis", "right_parenthesis")
        await until(pilot, lambda: rows(screen)[0].startswith(" − mine   + other-3  3 of 3"))
        await pilot.press("left_parenthesis")
        await until(pilot, lambda: rows(screen)[0].startswith(" − mine   + other-2  2 of 3"))

    drive(FakeSource(sides=Sides("mine", "other-1", 1, 3)), steps)


def test_where_the_first_two_cannot_be_compared_the_next_can() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await until(pilot, lambda: "the worktree is gone" in rows(screen)[-1])
        assert rows(screen)[0].startswith(" − mine   + other-1  1 of 2")
        source.broken = False
        await pilot.press("right_parenthesis")
        await until(pilot, lambda: rows(screen)[0].startswith(" − mine   + other-2  2 of 2 others  4 files"))

    source = FakeSource(broken=True, sides=Sides("mine", "other-1", 1, 2))
    drive(source, steps)


def test_a_bug_ends_the_program_and_is_kept() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        screen.view = None  # type: ignore[assignment]  # what no program of ours does
        # The pilot would wait half a minute for what has ended.
        pilot.app.simulate_key("j")

    source = FakeSource()
    with pytest.raises(AttributeError):
        drive(source, steps)


def test_an_app_can_show_a_review_and_go_on_after_it() -> None:
    app = OrderedKeys(ansi_color=True)
    source = FakeSource()

    async def run() -> None:
        async with app.run_test(size=(100, 20)) as pilot:
            done: list[object] = []
            app.push_screen(ReviewScreen(source), done.append)
            screen = await shown(pilot)
            await until(pilot, lambda: bool(screen.view.document))
            await pilot.press("q")
            await until(pilot, lambda: bool(done))
            assert app.is_running

    asyncio.run(run())
    assert source.asked[-1] == "close"


@dataclass
class SlowSource(FakeSource):
    """A source that prepares and looks only when it is allowed to."""

    prepares: threading.Event = field(default_factory=threading.Event)
    looks: threading.Event = field(default_factory=threading.Event)
    begun: int = 0

    def prepare(self, scope: Scope) -> None:
        super().prepare(scope)
        assert scope is Scope.BRANCH or self.prepares.wait(60)

    def changes(self, scope: Scope) -> Changes:
        self.begun += 1
        assert self.looks.wait(60)
        return super().changes(scope)


def drive_slow(source: SlowSource, steps: Steps) -> None:
    """Do steps in a review from its first moment on, and let the source end at last."""
    app = ReviewApp(source)

    async def run() -> None:
        async with app.run_test(size=(100, 20)) as pilot:
            try:
                await steps(pilot, await shown(pilot))
            finally:
                source.prepares.set()
                source.looks.set()

    asyncio.run(run())


def test_what_is_typed_before_the_first_look_is_done_afterwards() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await pilot.press("right_curly_bracket", "slash", *"quite", "escape")
        await pilot.press("right_curly_bracket", "slash", *"needle", "enter")
        assert (screen.view.document, screen.view.typing) == (None, None)
        source.looks.set()
        await until(pilot, lambda: screen.view.top == (2, 2))
        assert source.asked.count("changes branch") == 1

    source = SlowSource()
    drive_slow(source, steps)


def test_the_wheel_before_the_first_look_scrolls_afterwards() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        pane = screen.query_one("ReviewPane")
        pane.post_message(wheel(pane, MouseScrollDown))
        await pilot.press("l", "h")
        source.looks.set()
        await until(pilot, lambda: screen.view.top > (0, 0))

    source = SlowSource()
    drive_slow(source, steps)


def test_whoever_does_not_wait_for_the_first_look_leaves_at_once() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        await pilot.press("j", "q")
        await until(pilot, lambda: not pilot.app.is_running or screen is not pilot.app.screen)

    drive_slow(SlowSource(), steps)


def test_no_look_waits_for_commits_that_are_brought_in_for_another() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        source.looks.set()
        await until(pilot, lambda: screen.view.document is not None)
        await pilot.press("2", "2", "2", "2", "2", "2", "1")
        await until(pilot, lambda: source.asked.count("changes branch") == 2 and not screen.view.message)
        source.prepares.set()
        await settled(pilot, screen)
        assert screen.view.scope is Scope.BRANCH
        assert "changes commit" not in source.asked

    source = SlowSource()
    drive_slow(source, steps)


def test_the_scope_that_was_asked_for_last_is_shown_however_quick_the_keys_are() -> None:
    async def steps(pilot: Pilot[None], screen: ReviewScreen) -> None:
        source.prepares.set()
        source.looks.set()
        await until(pilot, lambda: screen.view.document is not None)
        source.looks.clear()
        await pilot.press("2")
        await until(pilot, lambda: source.begun == 2)
        await pilot.press("3", "1", "2", "1")
        source.looks.set()
        await until(pilot, lambda: not screen.view.message)
        assert screen.view.scope is Scope.BRANCH
        assert [asked for asked in source.asked if asked.startswith("changes")] == [
            "changes branch",
            "changes commit",
            "changes branch",
        ]

    source = SlowSource()
    drive_slow(source, steps)
