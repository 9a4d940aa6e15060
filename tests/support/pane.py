"""The control pane without a terminal: a real store, actions written down, the screen as lines of text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.strip import Strip

from orchestra.bindings import Keymap
from orchestra.control.app import ControlApp
from orchestra.control.state import Health
from orchestra.model import Sides
from orchestra.review.source import ReviewSource
from orchestra.store import Store
from tests.support.reviews import FakeSource, LiveSource

_PATIENCE = 60.0


@dataclass
class Answers:
    """What the control pane asks of a project: actions are written down, and answered from here."""

    diffs: dict[str, str] = field(default_factory=dict)
    done: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    results: dict[str, object] = field(default_factory=dict)
    zooms: list[bool] = field(default_factory=list)
    healthy: Health = field(default_factory=lambda: Health(service=True))

    def perform(self, action: str, arguments: Mapping[str, Any]) -> object:
        """Write an action down."""
        self.done.append((action, dict(arguments)))
        result = self.results.get(action)
        if isinstance(result, Exception):
            raise result
        return result

    def review(self, name: str) -> ReviewSource:
        """Return the changes of a session."""
        return LiveSource(name=name, diff=lambda: self.diffs.get(name, ""))

    def differences(self, names: Sequence[str]) -> ReviewSource:
        """Return in what the first session and the others differ."""
        sides = Sides(names[0], names[1], 1, len(names) - 1)
        return FakeSource(name=" → ".join(names[:2]), sides=sides)

    def budget(self) -> float:
        """Say what a session may cost."""
        return 5.0

    def health(self, contained: bool) -> Health:  # noqa: FBT001 -- the protocol's own
        """Return what is set."""
        _ = contained
        return self.healthy

    def fit(self) -> None:
        """Leave the size as it is."""

    def zoom(self, on: bool) -> bool:  # noqa: FBT001 -- the protocol's own
        """Write down that the pane gets the whole window, or its own part again."""
        before = self.zooms[-1] if self.zooms else False
        self.zooms.append(on)
        return on is not before

    def leave(self) -> bool:
        """End the control pane."""
        return False


@dataclass
class Shown:
    """A control pane, and what it shows."""

    app: ControlApp
    pilot: Pilot[None]

    @property
    def strips(self) -> list[Strip]:
        """The screen's lines with their colours."""
        return self.app.screen._compositor.render_strips()  # noqa: SLF001 -- Textual shows it only as a picture

    @property
    def lines(self) -> list[str]:
        """The screen's lines."""
        return ["".join(part.text for part in strip) for strip in self.strips]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        """Press keys by Textual's names for them, no faster than people press commands."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    def type_at_once(self, *keys: str) -> None:
        """Type keys by Textual's names for them, all before the first is looked at, as over a slow connection."""
        for key in keys:
            self.app.post_message(Key(key, None))

    async def sees(self, *texts: str) -> str:
        """Wait until all texts are on the screen, and return it."""
        await self.until(lambda: all(text in self.text for text in texts), f"{texts}")
        return self.text

    async def until(self, look: Callable[[], bool], what: str = "") -> None:
        """Wait until something is so."""
        end = time.monotonic() + _PATIENCE
        while not look():
            if time.monotonic() > end:
                pytest.fail(f"never so: {what}; the screen shows:\n{self.text}")
            await self.pilot.pause(0.02)


@asynccontextmanager
async def showing(
    store: Store,
    source: Answers,
    *,
    size: tuple[int, int] = (44, 40),
    keymap: Keymap | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Shown]:
    """Run a control pane of that many columns and rows."""
    app = ControlApp("shop", store, source, keymap=keymap, clock=clock)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Shown(app, pilot)


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a test that waits."""
    asyncio.run(story)
