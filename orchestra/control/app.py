"""The control pane: keys, clicks and changes in, views and actions out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from orchestra.actions.work.accounts import Accounts
from orchestra.actions.work.checks import FailedChecks
from orchestra.bindings import PREFIX_KEY, Keymap
from orchestra.control import diff_tab, found, links
from orchestra.control.ages import Ages
from orchestra.control.body import FoundLines, ListLines, NeedLines
from orchestra.control.compared import with_compared
from orchestra.control.counting import counts_from, too_early
from orchestra.control.cursor import followed, with_data, with_painted
from orchestra.control.diff_looks import DiffLooks
from orchestra.control.driver import PaneDriver
from orchestra.control.editor import Editor
from orchestra.control.merging import ask_merge, with_landed
from orchestra.control.reading import about, read
from orchestra.control.reducer import Reduced, click_session, press, put_away, submit, turn_to
from orchestra.control.reviews import Reviews
from orchestra.control.rows import Border, Rows
from orchestra.control.screen import PaneScreen
from orchestra.control.source import Source
from orchestra.control.state import (
    Data,
    Effect,
    Health,
    Held,
    Invoke,
    Leave,
    Mode,
    Purpose,
    ReadFile,
    Review,
    Scroll,
    Status,
    Tab,
    View,
    Write,
    begin,
    moments,
    select,
    select_need,
    with_filter,
    with_outcome,
    writing,
)
from orchestra.control.store_watch import StoreWatch
from orchestra.control.theme import filters
from orchestra.control.typing import RAPID, cancels, is_typing
from orchestra.control.whole_window import WholeWindow
from orchestra.control.work import Throttle, start
from orchestra.errors import OrchestraError
from orchestra.merge_queue import places
from orchestra.model import Entry
from orchestra.names import MAIN
from orchestra.project import Project
from orchestra.review.keys import Key, key
from orchestra.review.ordered_keys import OrderedKeys, Typed
from orchestra.review.text_area import Ending
from orchestra.store import Store
from orchestra.terminal_text import encoding

HEALTH_PERIOD, FIT_PERIOD = 5.0, 0.1
"""The least seconds between two requests of the health of service and engine, and of the pane's size."""
_COLOUR_PAUSE = 0.02
"""Seconds in which a key can come before the colours of a diff are continued."""
_TICK = 1.0
"""Seconds between looks at the clock."""


class ControlApp(OrderedKeys, inherit_bindings=False):
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
        self._accounts, self._checks = Accounts(records), FailedChecks(records)
        self._clock = clock
        self._watch = StoreWatch(self, records, self.refresh_data)
        self._diffs = DiffLooks(self, source.review, clock)
        self._reviews = Reviews(self, source, self._diffs)
        self._room = WholeWindow(self, source.zoom)
        self._healths, self._fits = Throttle(HEALTH_PERIOD), Throttle(FIT_PERIOD)
        self.diff_mark = ""
        self._colouring = False
        self._held: tuple[Held, float] | None = None
        self._queued: frozenset[int] = frozenset()
        self._ages = Ages(clock)
        self._frame = 0

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
        self._diffs.close()

    def _fatal_error(self) -> None:
        # The command line's error handler reports the bug, once the terminal is restored.
        self._close_messages_no_wait()

    def repaint(self) -> None:
        """Show the view as it is now."""
        if not self.pane.is_mounted:
            return
        self._room.want(self.view.mode is Mode.COMPARED)
        now = self._records.now()
        self._ages.show(moments(self.view), now)
        self.view = replace(self.view, early=too_early(self.view, self._clock()))
        self.pane.show(self.view, now)
        if self.pane.body_size != self.view.diff_size:
            self.view, effects = diff_tab.sized(self.view, *self.pane.body_size)
            for effect in effects:
                self._do(effect)
            self.pane.show(self.view, now)
        self._frame += 1
        self._await_paint()
        self._colour_on()

    def _await_paint(self) -> None:
        self.pane.call_after_refresh(self._painted, self._frame)

    def _painted(self, frame: int) -> None:
        """Note what the terminal shows under the cursor, unless that is about to be something else."""
        if frame == self._frame:
            item, whole = self.pane.under_cursor()
            self.view = with_painted(self.view, item, self._clock(), whole=whole)
            self._show_counting()

    def _show_counting(self) -> None:
        """Show which keys count as soon as that changes."""
        now = self._clock()
        if too_early(self.view, now) != self.view.early:
            self.repaint()
        elif 0 < (wait := counts_from(self.view) - now) < float("inf"):
            self.set_timer(wait, self._show_counting)

    def _colour_on(self) -> None:
        """Show the colours later for which there was no time yet."""
        if self.pane.unfinished and not self._colouring:
            self._colouring = True
            self.set_timer(_COLOUR_PAUSE, self._coloured)

    def _coloured(self) -> None:
        self._colouring = False
        self.repaint()

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
        self._repaint_and_look()

    def _repaint_and_look(self) -> None:
        """Show the view, then see whether the diff is still that of what is shown: a look would delay the painting."""
        self.repaint()
        self.pane.call_after_refresh(self._diffs.ask)

    # What the person does.

    async def take_input(self, typed: Typed) -> bool:
        """Take what is typed, unless another screen does."""
        if self.screen is not self.pane:
            return await super().take_input(typed)
        if self.view.mode is Mode.WRITE:
            self._ends(await self.pane.editor.take_input(typed))
        elif isinstance(typed, events.Key):
            self._key(typed)
        return True

    def _key(self, event: events.Key) -> None:
        self.pane.comes_back()
        # A key counts for what the terminal showed when it was pressed, however late it is looked at.
        now = self._clock() - max(0.0, time.monotonic() - event.time)
        reduced = press(self.view, key(event.key, event.character), now)
        if self._held is not None and cancels(self._held[0], reduced[0], now):
            self._held = None
        self._pressed(reduced)

    def _pressed(self, reduced: Reduced) -> None:
        before = self.view
        self.becomes(reduced)
        if self.view.tab is not before.tab or self.view.mode is not before.mode:
            self.pane.body.to_line(0)
            self.pane.help.to_line(0)
            self.repaint()

    def on_rows_clicked(self, event: Rows.Clicked) -> None:
        """Select what was clicked; a second click goes there, and one on a key presses it."""
        if event.rows is self.pane.keys:
            self._clicked_key(self.pane.key_at(event.column))
        elif self.view.mode is Mode.FOUND and isinstance(event.lines, FoundLines):
            again = event.times > 1
            self._pressed((found.clicked(self.view, event.lines.hit_at(event.line), again=again), ()))
        elif self.view.mode is Mode.LIST:
            self._clicked_in_list(event)

    def _clicked_in_list(self, event: Rows.Clicked) -> None:
        if isinstance(event.lines, ListLines):
            self.becomes(click_session(self.view, event.lines.name_at(event.line), again=event.times > 1))
        elif event.rows is self.pane.tabs and (tab := self.pane.tab_at(event.column)) is not None:
            self.becomes(turn_to(self.view, tab))
        elif isinstance(event.lines, NeedLines):
            self._clicked_need(event.lines.key_at(event.line), event.key)

    def _clicked_need(self, item: str, key_there: str) -> None:
        """Select a need, or press the key that is named among its lines."""
        if key_there and item == self.view.item:
            self._clicked_key(key_there)
            return
        need = next((one for one in self.view.needs if one.key == item), None)
        self.becomes((select_need(self.view, need) if need is not None else self.view, ()))

    def _clicked_key(self, name: str) -> None:
        if self.view.mode is Mode.WRITE and name:
            self._ends(Ending.PUT_AWAY if name == self.view.keymap.key("cancel") else Ending.SENT)
        elif name:
            # A click is never a letter of a word.
            view = replace(self.view, letter_at=float("-inf"), typing_until=float("-inf"))
            self._pressed(press(view, Key(name.split(maxsplit=1)[0]), self._clock()))

    def on_rows_wheeled(self, event: Rows.Wheeled) -> None:
        """Scroll a diff."""
        if event.rows is self.pane.body:
            self.becomes(diff_tab.wheel(self.view, event.by))

    def on_rows_scrolled(self) -> None:
        """Show how far the body is scrolled."""
        if self.pane.is_mounted:
            self.pane.show_tabs(self.view)
            self._await_paint()

    def on_border_dragged(self, event: Border.Dragged) -> None:
        """Give the list more or less room."""
        self.view = self.pane.dragged(self.view, event.column, event.row)
        self.repaint()

    def _ends(self, ending: Ending | None) -> None:
        """Send what is written, or close the text area."""
        draft = self.view.draft
        if ending is Ending.SENT:
            self._send()
        elif ending is Ending.PUT_AWAY:
            self.becomes((put_away(self.view), ()))
            if draft is not None and draft.purpose is Purpose.FILTER:
                self.pane.editor.forgets(draft)

    def _send(self) -> None:
        draft = self.view.draft
        self.becomes(submit(self.view, self.pane.editor.text))
        if draft is not None and self.view.draft is not draft and draft.purpose is not Purpose.SEARCH:
            self.pane.editor.forgets(draft)

    def on_text_area_changed(self, event: Editor.Changed) -> None:
        """Filter while the person types, and give a longer text more room."""
        if self.view.draft is not None and self.view.draft.purpose is Purpose.FILTER:
            self.view = with_filter(self.view, event.text_area.text)
            self.refresh_data()
        self.repaint()

    async def on_resize(self, _: events.Resize) -> None:
        """Use the new size, and give the pane that of its layout."""
        # Textual's own handler comes after this one, and notes the new size.
        self.call_later(self.repaint)
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
            self._reviews.open(effect)
        elif isinstance(effect, ReadFile):
            self._diffs.read(effect)
        else:
            self.invoke(effect)

    def _let_go(self) -> None:
        """Do what was held once the keys that came meanwhile were looked at: a busy machine may be late with them."""
        self.pane.call_later(self.call_later, self._do_held)

    def _do_held(self) -> None:
        """Do what was held, as nothing showed that it was the beginning of a word."""
        if self._held is not None and self._clock() - self._held[1] >= RAPID * 0.9:
            held, self._held = self._held[0], None
            self._do(held.effect)
            self.repaint()

    def _scroll(self, effect: Scroll) -> None:
        rows = self.pane.help if self.pane.help.display else self.pane.body
        pages = effect.pages * max(1, rows.size.height - 1)
        rows.to_line(rows.scroll_offset.y + effect.lines + pages)

    def _left(self, stays: object) -> None:
        if stays is False:
            self.exit()

    def invoke(self, effect: Invoke) -> None:
        """Run an action, and show what came of it."""
        self.view = begin(self.view, effect)
        start(
            self,
            lambda: self._source.perform(effect.action, effect.arguments),
            lambda result: self._finished(effect, result),
        )

    def says(self, error: OrchestraError) -> None:
        """Show an error."""
        self.view = replace(self.view, status=Status(error.message, error.hint, bad=True))
        self.repaint()

    def _finished(self, effect: Invoke, result: object) -> None:
        status = Status(effect.done)
        if isinstance(result, OrchestraError):
            status = Status(result.message, result.hint, bad=True)
        self.view = with_outcome(self.view, effect, status)
        if isinstance(result, dict) and effect.action == "review" and not is_typing(self.view, self._clock()):
            self.view = ask_merge(self.view, result, taking=effect.taking)
        self.refresh_data()
        if isinstance(result, dict) and effect.action == "search":
            self.view = found.with_found(self.view, str(effect.arguments["text"]), result)
        if isinstance(result, dict) and effect.action == "compare":
            self.view = with_compared(self.view, result)
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
            self.says(error)
        self._repaint_and_look()

    def _read(self) -> None:
        before, queue = self.view.selected, self._records.queue
        entries = queue.open()
        self.view = with_data(self.view, self._data(before, entries))
        queued = frozenset(entry.id for entry in entries)
        self.view = with_landed(self.view, [queue.get(number) for number in self._queued - queued])
        self._queued = queued
        if self.view.selected != before:
            self._read_selected()
        self._read_account()
        self._read_mark()

    def _data(self, selected: str, queue: Sequence[Entry]) -> Data:
        data = read(self._records, selected, followed(self.view))
        return replace(
            data,
            failed_checks=self._checks.now(),
            places=places(queue),
            comments=self._records.comments.progress(),
            budget=self._source.budget(),
        )

    def _read_selected(self) -> None:
        """Read what is shown of the selected session alone."""
        events, messages = about(self._records, self.view.selected)
        self.view = replace(self.view, data=replace(self.view.data, events=events, messages=messages))
        self._read_account()
        self._read_mark()

    def _read_account(self) -> None:
        """Read the account of the selected session, which only the monitor shows."""
        session = self.view.session if self.view.tab is Tab.MONITOR else None
        account = self._accounts.of(session) if session is not None else None
        self.view = replace(self.view, data=replace(self.view.data, account=account))

    def _read_mark(self) -> None:
        session = self.view.session
        mark = self._records.notes.diff_mark(session.id) if session is not None else ""
        # The diff begins with what its session will conflict with.
        self.diff_mark = f"{mark} {self.view.data.forecast.get(session.name, ())}" if session is not None else ""

    def _tick(self) -> None:
        now = self._clock()
        if self._healths.due(now):
            self._ask_health(now)
        self._diffs.ask()
        if self._ages.are_old(moments(self.view), self._records.now()):
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
            keymap=Keymap(settings.keys, enter="⏎" if encoding() == "utf-8" else "Enter"),
            filters=filters(settings),
        )
    )
