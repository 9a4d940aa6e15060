"""The window of a review: it passes keys and answers to the reducer, and shows what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar, TypeVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from orchestra.errors import OrchestraError
from orchestra.model import Changes, Scope
from orchestra.review import reducer
from orchestra.review.document import Document
from orchestra.review.frame import Canvas, binary_note
from orchestra.review.reducer import Effect, Leave, Open, Outcome, Read, SetViewed
from orchestra.review.source import ReviewSource
from orchestra.review.state import View
from orchestra.views.patch import Patch

T = TypeVar("T")
_NAMES = {
    "up": "Up", "down": "Down", "left": "Left", "right": "Right", "pageup": "PgUp", "pagedown": "PgDn", "home": "Home",
    "end": "End", "enter": "Enter", "tab": "Tab", "escape": "Escape", "backspace": "Backspace", "space": "Space",
}  # fmt: skip
"""Textual's names of keys, and ours."""


class ReviewPane(Widget, can_focus=True):
    """The whole window, drawn line by line."""

    DEFAULT_CSS = "ReviewPane { width: 1fr; height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Text] = []

    def show(self, lines: list[Text]) -> None:
        """Show these lines from now on."""
        self._lines = lines
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one line of the window."""
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width)
        segments = self._lines[y].render(self.app.console, end="")
        return Strip(segments).adjust_cell_length(width)


class ReviewScreen(Screen[None]):
    """A review of the changes that a `ReviewSource` has; it dismisses itself when the person leaves.

    It closes the source then. ``scope`` is what is shown first.
    """

    BINDINGS: ClassVar = []

    def __init__(self, source: ReviewSource, scope: Scope = Scope.BRANCH) -> None:
        super().__init__()
        self._source = source
        self._canvas = Canvas()
        self._pane = ReviewPane()
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="review")
        self._leaving = False
        self._stale = False
        self.view = View(source.name, scope)

    def compose(self) -> ComposeResult:
        """Compose the screen of one widget."""
        yield self._pane

    def on_mount(self) -> None:
        """Begin to read."""
        self._pane.focus()
        self._take(reducer.resize(self.view, *self.app.size))
        self._perform(Open(self.view.scope))

    def on_unmount(self) -> None:
        """Stop reading."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._source.close()

    def on_resize(self, event: events.Resize) -> None:
        """Draw for another size."""
        self._take(reducer.resize(self.view, *event.size))

    def on_key(self, event: events.Key) -> None:
        """Handle a key; what the person typed cannot be a key of the app below."""
        if event.key.startswith("ctrl+"):
            return
        event.stop()
        event.prevent_default()
        typed = event.character if event.character and event.character.isprintable() and event.key != "space" else None
        if name := _NAMES.get(event.key, typed):
            self._take(reducer.press(self.view, name))

    def on_paste(self, event: events.Paste) -> None:
        """Handle pasted text."""
        event.stop()
        self._take(reducer.paste(self.view, event.text))

    def on_click(self, event: events.Click) -> None:
        """Handle a click."""
        event.stop()
        self._take(reducer.click(self.view, event.screen_x, event.screen_y))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Handle the wheel."""
        event.stop()
        self._take(reducer.wheel(self.view, event.screen_x, 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Handle the wheel."""
        event.stop()
        self._take(reducer.wheel(self.view, event.screen_x, -1))

    def _take(self, outcome: Outcome) -> None:
        self.view, effects = outcome
        for effect in effects:
            self._perform(effect)
        if not self._stale:
            # Several answers and keys that came together are drawn once.
            self._stale = True
            self.call_next(self._draw)

    def _draw(self) -> None:
        self._stale = False
        self._pane.show(self._canvas.draw(self.view))

    def _perform(self, effect: Effect) -> None:
        document = self.view.document
        if isinstance(effect, Open):
            self._start(lambda: self._look(effect.scope), lambda found: self._take(reducer.opened(self.view, *found)))
        elif isinstance(effect, Leave):
            self._leave()
        elif document is not None and isinstance(effect, Read):
            self._read(document, effect.number)
        elif document is not None and isinstance(effect, SetViewed):
            file = document.entries[effect.number].file
            self._start(lambda: self._source.set_viewed(file, viewed=effect.viewed), lambda _: None)

    def _look(self, scope: Scope) -> tuple[Document, dict[str, str]]:
        changes = self._source.changes(scope)
        self._call(self._count, changes)
        return Document.of(changes), dict(self._source.viewed())

    def _count(self, changes: Changes) -> None:
        counts = self._source.counts
        self._start(lambda: counts(changes), lambda got: self._take(reducer.counted(self.view, changes, got)))

    def _read(self, document: Document, number: int) -> None:
        changes = document.changes
        self._start(
            lambda: self._patch(document, number),
            lambda patch: self._take(reducer.read(self.view, changes, number, patch)),
            lambda error: self._take(reducer.read(self.view, changes, number, Patch.of_note(error.message))),
        )

    def _patch(self, document: Document, number: int) -> Patch:
        file = document.entries[number].file
        patch = Patch.parse(self._source.patch(document.changes, file))
        if patch.has_lines:
            patch.prepare()
            return patch
        return Patch.of_note(binary_note(file, self._source.sizes(file)))

    def _leave(self) -> None:
        if self._leaving:
            return
        self._leaving = True
        if self.view.document is None:
            self._go()
            return
        # Whatever keeps the tree from being kept is no reason to stay.
        self._start(self._source.leave, lambda _: self._go(), lambda _: self._go())

    def _go(self) -> None:
        if self.is_attached:
            self.dismiss()

    def _start(
        self,
        work: Callable[[], T],
        then: Callable[[T], None],
        otherwise: Callable[[OrchestraError], None] | None = None,
    ) -> None:
        """Run work in a thread, then a call in this one; an error is shown."""
        fail = otherwise or (lambda error: self._take(reducer.failed(self.view, f"{error.message} → {error.hint}")))

        def done(future: Future[T]) -> None:
            if future.cancelled():
                return
            error = future.exception()
            if isinstance(error, OrchestraError):
                self._call(fail, error)
            elif error is not None:
                self._call(_raise, error)
            else:
                self._call(then, future.result())

        self._workers.submit(work).add_done_callback(done)

    def _call(self, call: Callable[..., None], *arguments: object) -> None:
        """Make a call in the app's thread, from any other."""
        if self.is_attached and self.app.is_running:
            self.app.call_later(call, *arguments)


def _raise(error: BaseException) -> None:
    raise error
