"""The control pane: keys, clicks and changes in, views and actions out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from orchestra.actions.work.accounts import Accounts
from orchestra.attention import NeedKind
from orchestra.bindings import PREFIX_KEY, Keymap
from orchestra.control import links
from orchestra.control.body import NeedLines
from orchestra.control.driver import PaneDriver
from orchestra.control.editor import Editor
from orchestra.control.keys import key
from orchestra.control.reading import about, read
from orchestra.control.reducer import Reduced, go_to, press, put_away, submit, turn_to
from orchestra.control.rows import Border, Rows
from orchestra.control.screen import PaneScreen
from orchestra.control.state import (
    Effect,
    Health,
    Held,
    Invoke,
    Leave,
    Mode,
    Purpose,
    Review,
    Scroll,
    Status,
    Tab,
    View,
    Write,
    ask_merge,
    begin,
    moments,
    select,
    select_need,
    waits,
    with_data,
    with_diff,
    with_filter,
    with_outcome,
    writing,
)
from orchestra.control.theme import filters
from orchestra.control.typing import RAPID, cancels, is_typing
from orchestra.control.work import StoreWatch, Throttle, start
from orchestra.errors import OrchestraError
from orchestra.model import Session
from orchestra.names import MAIN
from orchestra.project import Project
from orchestra.review.source import ReviewSource
from orchestra.store import Store
from orchestra.views.diff import DiffView
from orchestra.views.text import age

POLL = 0.1
"""Seconds between looks at the store's version."""
DIFF_PERIOD, HEALTH_PERIOD, FIT_PERIOD = 1.0, 5.0, 0.1
"""The least seconds between two requests of a diff, of the health of service and engine, and of the pane's size."""
_TICK = 1.0
"""Seconds between looks at the clock."""
_UNPROMPTED = 300.0
"""Seconds after which a diff is requested even if nothing is recorded as changed."""


class Source(Protocol):
    """What the control pane asks of a project; each is called in a thread of its own."""

    def perform(self, action: str, arguments: Mapping[str, Any]) -> object:
        """Run an action; raises its errors."""

    def diff(self, name: str) -> str:
        """Return a session's diff."""

    def review(self, name: str) -> ReviewSource:
        """Return the changes of a session for a review."""

    def health(self, contained: bool) -> Health:  # noqa: FBT001 -- whether any session needs the engine
        """Check whether the service and the engine answer."""

    def fit(self) -> None:
        """Resize the pane to its layout."""

    def zoom(self, on: bool) -> bool:  # noqa: FBT001 -- which of the two
        """Give the pane the whole window, or its own part again; returns whether that changed anything."""

    def leave(self) -> bool:
        """Detach the person's terminal; returns whether the control pane stays."""


class ControlApp(App[None], inherit_bindings=False):
    """The control pane of one project."""

    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        title: str,
        records: Store,
        source: Source,
        *,
        prefix_key: str = PREFIX_KEY,
        keymap: Keymap | None = None,
        filters: Sequence[LineFilter] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(driver_class=PaneDriver, ansi_color=True)
        self.animation_level = "none"
        self.view = View(project=title, prefix_key=prefix_key, keymap=keymap or Keymap(), selected=MAIN)
        self.pane = PaneScreen(self.view.keymap)
        self._records, self._source, self._filters_own = records, source, tuple(filters)
        self._accounts = Accounts(records)
        self._clock = clock
        self._watch = StoreWatch(self, records, POLL, self.refresh_data)
        self._diffs, self._healths, self._fits = Throttle(DIFF_PERIOD), Throttle(HEALTH_PERIOD), Throttle(FIT_PERIOD)
        self._diff_mark, self._diff_at = "", float("-inf")
        self._diff_for: tuple[object, ...] = ()
        self._held: tuple[Held, float] | None = None
        self._ages: tuple[str, ...] = ()

    def get_default_screen(self) -> Screen[None]:
        """Return the screen that everything is on."""
        return self.pane

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters that colours pass, those of the theme first."""
        return [*self._filters_own, *super().get_line_filters()]

    def on_mount(self) -> None:
        """Begin to look at the store and the clock, and end cleanly on signals."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit)
        self.refresh_data()
        self._watch.start()
        self.set_interval(_TICK, self._tick)

    def on_unmount(self) -> None:
        """Stop looking."""
        self._watch.end()

    def _fatal_error(self) -> None:
        # The command line's error handler reports the bug, once the terminal is restored.
        self._close_messages_no_wait()

    def repaint(self) -> None:
        """Show the view as it is now."""
        if not self.pane.is_mounted:
            return
        now = self._records.now()
        self._ages = tuple(age(moment, now) for moment in moments(self.view))
        self.pane.show(self.view, now)

    def becomes(self, reduced: Reduced) -> None:
        """Use a view, and do what comes with it."""
        before = self.view.selected
        self.view, effects = reduced
        if self.view.selected != before:
            self._read_selected()
            self.pane.body.to_line(0)
        elif self.view.tab is Tab.MONITOR and self.view.data.account is None:
            self._read_account()
        for effect in effects:
            self._do(effect)
        self.repaint()

    # What the person does.

    def on_key(self, event: events.Key) -> None:
        """Take a key, unless a text area or another screen has it."""
        if self.screen is not self.pane or self.view.mode is Mode.WRITE:
            return
        event.stop()
        before, now = self.view, self._clock()
        reduced = press(self.view, key(event.key, event.character), now)
        if self._held is not None and cancels(self._held[0], reduced[0], now):
            self._held = None
        self.becomes(reduced)
        if self.view.tab is not before.tab or self.view.mode is not before.mode:
            self.pane.body.to_line(0)
            self.repaint()

    def on_rows_clicked(self, event: Rows.Clicked) -> None:
        """Select what was clicked; a second click goes there."""
        if self.view.mode is not Mode.LIST:
            return
        if event.rows is self.pane.list:
            self._clicked_list(event)
        elif event.rows is self.pane.tabs and (tab := self.pane.tab_at(event.column)) is not None:
            self.becomes(turn_to(self.view, tab))
        elif event.rows is self.pane.body and isinstance(self.pane.shown_body, NeedLines):
            key_there = self.pane.shown_body.key_at(event.line)
            need = next((one for one in self.view.data.needs if one.key == key_there), None)
            self.becomes((select_need(self.view, need) if need is not None else self.view, ()))

    def _clicked_list(self, event: Rows.Clicked) -> None:
        number = event.line // self.pane.sessions.each if self.pane.sessions is not None else 0
        if number < len(self.view.rows):
            name = self.view.names[number]
            self.becomes(go_to(self.view, name) if event.times > 1 else (select(self.view, name), ()))

    def on_rows_scrolled(self) -> None:
        """Show how far the body is scrolled."""
        if self.pane.is_mounted:
            self.pane.show_tabs(self.view)

    def on_border_dragged(self, event: Border.Dragged) -> None:
        """Give the list more or less room."""
        self.view = replace(self.view, split=self.pane.split_at(event.column, event.row))
        self.repaint()

    def on_editor_sent(self) -> None:
        """Send what is written."""
        draft = self.view.draft
        self.becomes(submit(self.view, self.pane.editor.text))
        if draft is not None and self.view.draft is not draft:
            self.pane.editor.forgets(draft)

    def on_editor_put_away(self) -> None:
        """Close the text area."""
        draft = self.view.draft
        self.becomes((put_away(self.view), ()))
        if draft is not None and draft.purpose is Purpose.FILTER:
            self.pane.editor.forgets(draft)

    def on_text_area_changed(self, event: Editor.Changed) -> None:
        """Filter while the person types, and give a longer text more room."""
        if self.view.draft is not None and self.view.draft.purpose is Purpose.FILTER:
            self.view = with_filter(self.view, event.text_area.text)
            self.refresh_data()
        self.repaint()

    async def on_resize(self, _: events.Resize) -> None:
        """Use the new size, and give the pane that of its layout."""
        self.repaint()
        self._ask_fit()

    # What is done.

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Held):
            self._held = (effect, self._clock())
            self.set_timer(RAPID, self._let_go)
        elif isinstance(effect, Scroll):
            self._scroll(effect)
        elif isinstance(effect, Leave):
            start(self, self._source.leave, self._left)
        elif isinstance(effect, Write):
            self.view = writing(self.view, effect.draft)
        elif isinstance(effect, Review):
            self._review(effect.session)
        else:
            self._invoke(effect)

    def _let_go(self) -> None:
        """Do what was held, as nothing showed that it was the beginning of a word."""
        if self._held is not None and self._clock() - self._held[1] >= RAPID * 0.9:
            held, self._held = self._held[0], None
            self._do(held.effect)
            self.repaint()

    def _scroll(self, effect: Scroll) -> None:
        rows = self.pane.help if self.view.mode is Mode.HELP else self.pane.body
        pages = effect.pages * max(1, rows.size.height - 1)
        rows.to_line(rows.scroll_offset.y + effect.lines + pages)

    def _left(self, stays: object) -> None:
        if stays is False:
            self.exit()

    def _review(self, name: str) -> None:
        from orchestra.review.screen import ReviewScreen  # noqa: PLC0415 -- loads when a review is asked for

        start(self, lambda: self._source.review(name), lambda source: self._show_review(name, source, ReviewScreen))

    def _show_review(
        self, name: str, source: ReviewSource | OrchestraError, screen: Callable[[ReviewSource], Screen[None]]
    ) -> None:
        if isinstance(source, OrchestraError):
            self.view = replace(self.view, status=Status(source.message, source.hint, bad=True))
            self.repaint()
            return
        if waits(self.view, name, NeedKind.DONE):
            self._invoke(Invoke("mark_reviewed", {"name": name}))
        start(self, lambda: self._source.zoom(True), lambda zoomed: self._open_review(screen(source), zoomed))

    def _open_review(self, screen: Screen[None], zoomed: object) -> None:
        self.push_screen(screen, lambda _: self._close_review(zoomed=zoomed is True))

    def _close_review(self, *, zoomed: bool) -> None:
        self.refresh_data()
        if zoomed:
            start(self, lambda: self._source.zoom(False), lambda _: None)

    def _invoke(self, effect: Invoke) -> None:
        self.view = begin(self.view, effect)
        start(
            self,
            lambda: self._source.perform(effect.action, effect.arguments),
            lambda result: self._finished(effect, result),
        )

    def _finished(self, effect: Invoke, result: object) -> None:
        status = Status(effect.done)
        if isinstance(result, OrchestraError):
            status = Status(result.message, result.hint, bad=True)
        self.view = with_outcome(self.view, effect, status)
        if isinstance(result, dict) and effect.action == "review" and not is_typing(self.view, self._clock()):
            self.view = ask_merge(self.view, result)
        self.refresh_data()
        if isinstance(result, dict) and effect.action == "spawn":
            self.becomes((select(self.view, str(result["name"])), ()))
        self._diffs.hasten()
        self.repaint()

    # What others change.

    def refresh_data(self) -> None:
        """Read the store, and show what it says."""
        try:
            self._read()
        except OrchestraError as error:
            self.view = replace(self.view, status=Status(error.message, error.hint, bad=True))
        self._ask_diff()
        self.repaint()

    def _read(self) -> None:
        before = self.view.selected
        self.view = with_data(self.view, read(self._records, before), self._clock())
        if self.view.selected != before:
            self._read_selected()
        self._read_account()
        self._read_mark()

    def _read_selected(self) -> None:
        """Read what is shown of the selected session alone."""
        events, messages = about(self._records, self.view.selected)
        self.view = replace(self.view, data=replace(self.view.data, events=events, messages=messages))
        self._read_account()
        self._read_mark()
        self._ask_diff()

    def _read_account(self) -> None:
        """Read the account of the selected session, which only the monitor shows."""
        session = self.view.session if self.view.tab is Tab.MONITOR else None
        account = self._accounts.of(session) if session is not None else None
        self.view = replace(self.view, data=replace(self.view.data, account=account))

    def _read_mark(self) -> None:
        session = self.view.session
        self._diff_mark = self._records.notes.diff_mark(session.id) if session is not None else ""

    def _tick(self) -> None:
        now = self._clock()
        if self._healths.due(now):
            self._ask_health(now)
        self._ask_diff()
        moment = self._records.now()
        if self._ages != tuple(age(one, moment) for one in moments(self.view)):
            self.repaint()

    def _ask_diff(self) -> None:
        session, now = self.view.session, self._clock()
        if self.view.tab is not Tab.DIFF or session is None:
            return
        # The service scans the worktree and records a mark.
        wanted = (session.id, session.head, session.base, session.diff, self._diff_mark)
        if wanted == self._diff_for and now - self._diff_at < _UNPROMPTED:
            return
        if not self._diffs.due(now):
            return
        self._diffs.begin(now)
        self._diff_for, self._diff_at = wanted, now
        start(self, lambda: DiffView(self._source.diff(session.name)), lambda got: self._took_diff(session, got))

    def _took_diff(self, session: Session, got: DiffView | OrchestraError) -> None:
        self._diffs.end()
        name = session.name
        if name != self.view.selected:
            self._diffs.hasten()
        if isinstance(got, OrchestraError):
            self.view = with_diff(self.view, name, None, str(got))
        elif self.view.diff is None or self.view.diff_of != name or got.text != self.view.diff.text:
            self.view = with_diff(self.view, name, got)
        self._ask_diff()
        self.repaint()

    def _ask_health(self, now: float) -> None:
        self._healths.begin(now)
        contained = any(session.sandbox == "docker" for session in self.view.data.sessions)
        start(self, lambda: self._source.health(contained), self._took_health)

    def _took_health(self, got: Health | OrchestraError) -> None:
        self._healths.end()
        if isinstance(got, Health) and got != self.view.health:
            self.view = replace(self.view, health=got)
            self.repaint()

    def _ask_fit(self) -> None:
        if self._fits.due(self._clock()):
            self._fits.begin(self._clock())
            start(self, self._source.fit, self._fitted)
        else:
            self.set_timer(FIT_PERIOD, self._ask_fit)

    def _fitted(self, _: object) -> None:
        # If tmux cannot set the size, the pane keeps its width; there is nothing to report.
        self._fits.end()


def run_app(app: ControlApp) -> None:
    """Run the control pane until the person leaves it or the terminal disappears; raises what was a bug."""
    with contextlib.suppress(asyncio.CancelledError):
        app.run()
    if app._exception is not None:  # noqa: SLF001 -- Textual would only print it, and end with 1
        raise app._exception  # noqa: SLF001 -- as above


def run(project_root: Path) -> None:
    """Show the control pane of a project in this terminal; raises Refused without a terminal."""
    links.require_terminal()
    project = Project.open(project_root)
    settings = project.usable_settings
    run_app(
        ControlApp(
            project.paths.source.name,
            project.store,
            links.Links(project),
            prefix_key=settings.prefix_key,
            keymap=Keymap(settings.keys),
            filters=filters(settings),
        )
    )
