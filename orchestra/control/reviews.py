"""Show the review of a session in the whole window, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from orchestra.attention import NeedKind
from orchestra.control.diff_looks import DiffLooks
from orchestra.control.state import Invoke, Review, waits
from orchestra.control.work import start
from orchestra.errors import OrchestraError
from orchestra.review.source import ReviewSource

if TYPE_CHECKING:
    from textual.screen import Screen

    from orchestra.control.app import ControlApp


class Window(Protocol):
    """What a review needs of a project; each is called in a thread of its own."""

    def review(self, name: str) -> ReviewSource:
        """Return the changes of a session, for the tab with its diff too."""

    def differences(self, names: Sequence[str]) -> ReviewSource:
        """Return in what the first session and each of the others differ."""

    def zoom(self, on: bool) -> bool:  # noqa: FBT001 -- which of the two
        """Give the pane the whole window, or its own part again; returns whether that changed anything."""


class Reviews:
    """Opens reviews over the control pane."""

    def __init__(self, app: ControlApp, window: Window, diffs: DiffLooks) -> None:
        self._app, self._window, self._diffs = app, window, diffs
        self._is_open = False

    def open(self, effect: Review) -> None:
        """Open a review, unless one is open or about to be."""
        if self._is_open:
            return
        from orchestra.review.screen import ReviewScreen  # noqa: PLC0415 -- loads when a review is asked for

        self._is_open = True
        name, screen = effect.session, partial(ReviewScreen, at=effect.at, keymap=self._app.view.keymap)
        if effect.others:
            names = (name, *effect.others)
            start(self._app, lambda: self._window.differences(names), lambda source: self._show("", source, screen))
        elif (known := self._diffs.hand_over(name)) is not None:
            self._show(name, known, screen)
        else:
            start(self._app, lambda: self._window.review(name), lambda source: self._show(name, source, screen))

    def _show(
        self, name: str, source: ReviewSource | OrchestraError, screen: Callable[[ReviewSource], Screen[None]]
    ) -> None:
        if isinstance(source, OrchestraError):
            self._is_open = False
            self._app.says(source)
            return
        if waits(self._app.view, name, NeedKind.DONE):
            self._app.invoke(Invoke("mark_reviewed", {"name": name}))
        start(self._app, lambda: self._window.zoom(True), lambda zoomed: self._push(screen(source), zoomed))

    def _push(self, screen: Screen[None], zoomed: object) -> None:
        self._app.push_screen(screen, lambda _: self._closed(zoomed=zoomed is True))

    def _closed(self, *, zoomed: bool) -> None:
        self._is_open = False
        self._app.refresh_data()
        if zoomed:
            start(self._app, lambda: self._window.zoom(False), lambda _: None)
