"""The window of a review: it passes keys and answers to the reducer, and shows what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import ClassVar, TypeVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from orchestra.bindings import IN_REVIEW, Keymap, Where
from orchestra.errors import OrchestraError
from orchestra.model import Changes, Placed, Scope
from orchestra.review import reducer
from orchestra.review.commenting import Change, Delete, Send, Wrote
from orchestra.review.document import Document
from orchestra.review.draft_store import DraftStore
from orchestra.review.frame import Canvas
from orchestra.review.keys import key
from orchestra.review.looks import Looks
from orchestra.review.ordered_keys import Typed
from orchestra.review.reading import read_patch
from orchestra.review.reducer import Effect, Leave, Open, Outcome, Read, SetViewed, Step, Turn
from orchestra.review.source import ReviewSource
from orchestra.review.state import View, Writing
from orchestra.review.text_area import PlainTextArea
from orchestra.views.patch import Patch

T = TypeVar("T")
_BEFORE = frozenset({"leave", "review-help", "branch", "commit", "looked", "reload"})
"""Actions that need no files; all others wait for the first look."""
_WORKERS = 4
"""As many as are never all busy with preparing looks."""


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

    It closes the source then. ``scope`` is what is shown first, from the file ``at`` on.
    """

    BINDINGS: ClassVar = []
    ALLOW_SELECT = False

    def __init__(
        self, source: ReviewSource, scope: Scope = Scope.BRANCH, *, at: str = "", keymap: Keymap | None = None
    ) -> None:
        super().__init__()
        self._source = source
        self._canvas = Canvas()
        self._pane = ReviewPane()
        self._workers = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="review")
        self._leaving = False
        self._stale = False
        self._looks = Looks()
        self._waiting: list[tuple[Step, str]] = []
        self.view = View(source.name, scope, keymap or Keymap(), at=at, sides=source.sides)
        self._editor = PlainTextArea(self.view.keymap)
        self._drafts = DraftStore(self._source, self._failed)

    def compose(self) -> ComposeResult:
        """Compose the screen of the window, and the text area for comments below it."""
        yield self._pane
        yield self._editor

    def on_mount(self) -> None:
        """Begin to read."""
        self._pane.focus()
        self._take(reducer.resize(self.view, *self.app.size))
        self._perform(Open(self.view.scope))

    def on_unmount(self) -> None:
        """Stop reading; what was written is stored first."""
        self._drafts.close()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._source.close()

    def on_resize(self, event: events.Resize) -> None:
        """Draw for another size."""
        self._take(reducer.resize(self.view, *event.size))

    async def take_input(self, typed: Typed) -> bool:
        """Take what is typed; it cannot be a key of the app below."""
        if self.view.writing is not None:
            if await self._editor.take_input(typed) is not None:
                self._written()
        elif isinstance(typed, events.Paste):
            self._input(lambda view: reducer.paste(view, typed.text))
        else:
            return self._press(key(typed.key, typed.character).name)
        return True

    def _press(self, pressed: str) -> bool:
        if pressed.startswith("C-") and not any(self.view.keymap.does(pressed, place) for place in IN_REVIEW):
            return False
        self._input(lambda view: reducer.press(view, pressed), pressed)
        return True

    def on_click(self, event: events.Click) -> None:
        """Handle a click."""
        event.stop()
        self._input(lambda view: reducer.click(view, event.screen_x, event.screen_y))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Handle the wheel."""
        event.stop()
        self._input(lambda view: reducer.wheel(view, event.screen_x, 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Handle the wheel."""
        event.stop()
        self._input(lambda view: reducer.wheel(view, event.screen_x, -1))

    def _input(self, step: Step, pressed: str = "") -> None:
        """Do what the person wants; before the first look is done, that waits for it, and Escape forgets it."""
        if self._must_wait(pressed):
            self._waiting.append((step, pressed))
        elif self._waiting and pressed == "Escape":
            self._waiting.clear()
        else:
            self._take(step(self.view))

    def _must_wait(self, pressed: str) -> bool:
        view, does = self.view, partial(self.view.keymap.does, where=Where.REVIEW)
        if view.document is not None or view.failed or view.help or pressed == "Escape":
            return False
        searches = any(does(before) == "review-search" for _, before in self._waiting)
        return searches or does(pressed) not in _BEFORE

    def on_text_area_changed(self, event: PlainTextArea.Changed) -> None:
        """Store what is written as it is written, so that nothing is lost with the program."""
        event.stop()
        self._keep_draft()

    def _written(self) -> None:
        """Close the text area; what was written is a draft."""
        self._keep_draft()
        self._take(reducer.written(self.view))

    def _keep_draft(self) -> None:
        self.view = reducer.typed(self.view, self._editor.text)
        document, writing = self.view.document, self.view.writing
        if document is not None and writing is not None:
            self._drafts.keep(document.changes, writing)

    def _take(self, outcome: Outcome) -> None:
        before = self.view.writing
        self.view, effects = outcome
        if (before is None) != (self.view.writing is None):
            self._open_editor(self.view.writing)
        for effect in effects:
            self._perform(effect)
        if not self._stale:
            # Several answers and keys that came together are drawn once.
            self._stale = True
            self.call_next(self._draw)

    def _open_editor(self, writing: Writing | None) -> None:
        self._editor.styles.height = self.view.editor_height
        self._editor.display = writing is not None
        if writing is None:
            self.set_focus(self._pane)
            return
        self._drafts.begin(writing)
        with self.prevent(PlainTextArea.Changed):
            self._editor.load_text(writing.text)
        self._editor.move_cursor(self._editor.document.end)
        # At once, because the next key may have been typed already.
        self.set_focus(self._editor)

    def _draw(self) -> None:
        self._stale = False
        self._pane.show(self._canvas.draw(self.view))

    def _perform(self, effect: Effect) -> None:
        document = self.view.document
        if isinstance(effect, Open):
            self._ask(effect.scope)
        elif isinstance(effect, Turn):
            self._source.turn(effect.by)
            self._ask(self.view.scope)
        elif isinstance(effect, Leave):
            self._leave()
        elif document is not None and isinstance(effect, Read):
            self._read(document, effect.number)
        elif document is not None and isinstance(effect, SetViewed):
            file = document.entries[effect.number].file
            self._start(lambda: self._source.set_viewed(file, viewed=effect.viewed), lambda _: None)
        elif document is not None and isinstance(effect, Change):
            self._change(document.changes, effect)

    def _change(self, changes: Changes, effect: Change) -> None:
        """Change comments, then show them as they are."""
        if isinstance(effect, Wrote):
            self._drafts.end(partial(self._call, self._reread, changes, self.view.message))
        elif isinstance(effect, Send):
            self._start(self._source.send_comments, lambda said: self._reread(changes, said))
        elif isinstance(effect, Delete):
            self._start(lambda: self._source.delete_comment(effect.number), lambda _: self._reread(changes))
        else:
            change = partial(self._source.settle_comment, effect.number, settled=effect.settled)
            self._start(change, lambda _: self._reread(changes))

    def _reread(self, changes: Changes, said: str = "") -> None:
        def show(comments: Sequence[Placed]) -> None:
            if self.view.document is not None and self.view.document.changes is changes:
                self._take(reducer.commented(replace(self.view, message=said), comments))

        self._start(lambda: self._source.comments(changes), show)

    def _failed(self, error: OrchestraError) -> None:
        self._call(self._take_error, error)

    def _take_error(self, error: OrchestraError) -> None:
        self._take(reducer.failed(self.view, _said(error)))

    def _ask(self, scope: Scope) -> None:
        if self._looks.ask(scope):
            self._start(lambda: self._source.prepare(scope), lambda _: self._prepared(scope))

    def _prepared(self, scope: Scope) -> None:
        self._looks.prepared(scope)
        self._begin_look()

    def _begin_look(self) -> None:
        scope = self._looks.begin()
        if scope is not None:
            self._start(
                lambda: self._look(scope),
                self._opened,
                lambda error: self._looked(lambda view: reducer.failed(view, _said(error))),
            )

    def _looked(self, step: Step) -> None:
        """Show what a look found, unless another one was asked for meanwhile."""
        if self._looks.end():
            self._take(step(self.view))
            waiting, self._waiting = self._waiting, []
            for one, _ in waiting:
                self._take(one(self.view))
        self._begin_look()

    def _look(self, scope: Scope) -> tuple[Document, dict[str, str]]:
        changes = self._source.changes(scope)
        document = Document.of(changes)
        document.comments = tuple(self._source.comments(changes))
        return document, dict(self._source.viewed())

    def _opened(self, found: tuple[Document, dict[str, str]]) -> None:
        self._looked(lambda view: reducer.opened(view, *found))
        if self.view.document is found[0]:
            self._count(found[0].changes)

    def _count(self, changes: Changes) -> None:
        counts = self._source.counts
        self._start(lambda: counts(changes), lambda got: self._take(reducer.counted(self.view, changes, got)))

    def _read(self, document: Document, number: int) -> None:
        changes = document.changes
        self._start(
            lambda: read_patch(self._source, document, number),
            lambda patch: self._take(reducer.read(self.view, changes, number, patch)),
            lambda error: self._take(reducer.read(self.view, changes, number, Patch.of_note(error.message))),
        )

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
        fail = otherwise or self._take_error

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


def _said(error: OrchestraError) -> str:
    return f"{error.message} → {error.hint}"


def _raise(error: BaseException) -> None:
    raise error
