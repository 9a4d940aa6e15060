"""The control pane: keys and changes in, frames and actions out."""

from __future__ import annotations

import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra.bindings import PREFIX_KEY
from orchestra.control import links
from orchestra.control.keys import ESCAPE_DELAY, Key, KeyReader
from orchestra.control.reducer import press
from orchestra.control.screen import Screen, ages
from orchestra.control.state import (
    Data,
    Effect,
    Health,
    Invoke,
    Leave,
    Status,
    Tab,
    View,
    ask_merge,
    begin,
    select,
    with_data,
    with_diff,
    with_outcome,
)
from orchestra.control.terminal import Painter, Terminal
from orchestra.control.typing import RAPID, is_typing
from orchestra.control.work import Mailbox, Throttle, start
from orchestra.errors import OrchestraError
from orchestra.model import Session
from orchestra.names import MAIN
from orchestra.project import Project
from orchestra.store import Store
from orchestra.views.diff import DiffView

POLL = 0.1
"""Seconds between checks of the store's version."""
DIFF_PERIOD, HEALTH_PERIOD = 1.0, 5.0
"""The least seconds between two requests of a diff, and of the health of service and engine."""
_UNPROMPTED = 30.0
"""Seconds after which a diff is requested even if nothing is recorded as changed."""
_EVENTS, _MESSAGES = 40, 60

Perform = Callable[[str, Mapping[str, Any]], object]


class Control:
    """The event loop; everything outside it is a parameter."""

    def __init__(
        self,
        title: str,
        records: Store,
        terminal: Terminal,
        *,
        perform: Perform,
        diff: Callable[[str], str],
        health: Callable[[bool], Health],
        leave: Callable[[], bool],
        fit: Callable[[], None],
        prefix_key: str = PREFIX_KEY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.view = View(project=title, prefix_key=prefix_key, selected=MAIN)
        self._records = records
        self._terminal = terminal
        self._perform, self._diff, self._health, self._leave = perform, diff, health, leave
        self._fit = fit
        self._clock = clock
        self._mailbox = Mailbox()
        self._reader = KeyReader()
        self._screen, self._painter = Screen(), Painter()
        self._diffs, self._healths = Throttle(DIFF_PERIOD), Throttle(HEALTH_PERIOD)
        self._fits, self._resized = Throttle(POLL), True
        self._diff_mark = ""
        self._diff_for: tuple[object, ...] = ()
        self._diff_at = float("-inf")
        self._version = -1
        self._held: tuple[Effect, float] | None = None
        self._painted: tuple[object, ...] = ()
        self._going = True

    def run(self) -> None:
        """Show the control pane until the person leaves it or the terminal disappears."""
        with self._signals(), self._terminal, selectors.DefaultSelector() as selector:
            selector.register(self._terminal.source, selectors.EVENT_READ)
            selector.register(self._mailbox.wakes, selectors.EVENT_READ)
            while self._going:
                self._look()
                self._paint()
                self._wait(selector)

    def _wait(self, selector: selectors.BaseSelector) -> None:
        ready = selector.select(ESCAPE_DELAY if self._reader.unsure or self._held else POLL)
        for entry, _ in ready:
            if entry.fd == self._terminal.source:
                self._take_keys()
        self._mailbox.drain()
        if not ready and self._reader.unsure:
            self._press(self._reader.flush())
        self._let_go()

    def _take_keys(self) -> None:
        data = self._terminal.read()
        self._going = self._going and bool(data)
        self._press(self._reader.feed(data))

    def _press(self, keys: list[Key]) -> None:
        for key in keys:
            before, now = self.view.selected, self._clock()
            self.view, effects = press(self.view, key, now)
            if self.view.selected != before:
                self._version = -1
                self._refresh()
            if is_typing(self.view, now):
                self._held = None
            for effect in effects:
                self._hold(effect, now)

    def _hold(self, effect: Effect, now: float) -> None:
        """Run the effect, or first wait whether the key was the beginning of a word."""
        if isinstance(effect, Leave) or effect.held:
            self._held = (effect, now + RAPID)
        else:
            self._do(effect)

    def _let_go(self) -> None:
        if self._held is not None and self._clock() >= self._held[1]:
            effect, self._held = self._held[0], None
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Leave):
            self._going = self._leave()
            return
        self.view = begin(self.view, effect)
        start(
            self._mailbox,
            lambda: self._perform(effect.action, effect.arguments),
            lambda result: self._finished(effect, result),
        )

    def _finished(self, effect: Invoke, result: object) -> None:
        status = Status(effect.done)
        if isinstance(result, OrchestraError):
            status = Status(result.message, result.hint, bad=True)
        self.view = with_outcome(self.view, effect, status)
        if isinstance(result, dict) and effect.action == "review" and not is_typing(self.view, self._clock()):
            self.view = ask_merge(self.view, result)
        if isinstance(result, dict) and effect.action == "spawn":
            self._refresh()
            self.view = select(self.view, str(result["name"]))
        self._version = -1
        self._diffs.hasten()

    def _look(self) -> None:
        try:
            self._refresh()
        except OrchestraError as error:
            self.view = replace(self.view, status=Status(error.message, error.hint, bad=True))
        now = self._clock()
        if self._healths.due(now):
            self._ask_health(now)
        if self._resized and self._fits.due(now):
            self._resized = False
            self._fits.begin(now)
            start(self._mailbox, self._fit, self._fitted)
        if self.view.tab is Tab.DIFF and self.view.session is not None and self._diffs.due(now):
            self._ask_diff(self.view.session, now)

    def _refresh(self) -> None:
        version = self._records.data_version()
        if version == self._version:
            return
        records = self._records
        sessions, unread = tuple(records.sessions.all()), records.messages.unread_counts()
        self.view = with_data(self.view, replace(self.view.data, sessions=sessions, unread=unread))
        self.view = with_data(self.view, self._about(self.view.selected))
        self._diff_mark = records.notes.diff_mark(self.view.session.id) if self.view.session else ""
        self._version = version

    def _about(self, name: str) -> Data:
        if not name:
            return replace(self.view.data, events=(), messages=())
        sent = self._records.messages.select(sender=name, limit=_MESSAGES)
        received = self._records.messages.select(recipient=name, limit=_MESSAGES)
        messages = {message.id: message for message in (*sent, *received)}
        events = tuple(self._records.events.select(name, limit=_EVENTS))
        return replace(self.view.data, events=events, messages=tuple(messages[key] for key in sorted(messages)))

    def _ask_diff(self, session: Session, now: float) -> None:
        # The service scans the worktree and records a mark.
        wanted = (session.id, session.head, session.base, session.diff, self._diff_mark)
        if wanted == self._diff_for and now - self._diff_at < _UNPROMPTED:
            return
        self._diffs.begin(now)
        self._diff_for, self._diff_at = wanted, now
        start(self._mailbox, lambda: DiffView(self._diff(session.name)), lambda got: self._took_diff(session.name, got))

    def _took_diff(self, name: str, got: DiffView | OrchestraError) -> None:
        self._diffs.end()
        if name != self.view.selected:
            self._diffs.hasten()
        if isinstance(got, OrchestraError):
            self.view = with_diff(self.view, name, None, str(got))
        elif self.view.diff is None or self.view.diff_of != name or got.text != self.view.diff.text:
            self.view = with_diff(self.view, name, got)

    def _ask_health(self, now: float) -> None:
        self._healths.begin(now)
        contained = any(session.sandbox == "docker" for session in self.view.data.sessions)
        start(self._mailbox, lambda: self._health(contained), self._took_health)

    def _took_health(self, got: Health | OrchestraError) -> None:
        self._healths.end()
        if isinstance(got, Health):
            self.view = replace(self.view, health=got)

    def _fitted(self, _: object) -> None:
        # If tmux cannot set the size, the pane keeps its width; there is nothing to report.
        self._fits.end()

    def _paint(self) -> None:
        try:
            width, height = self._terminal.size()
        except OSError:
            self._going = False
            return
        now = self._records.now()
        wanted = (self.view, width, height, ages(self.view, now))
        if wanted == self._painted:
            return
        frame = self._screen.compose(self.view, width, height, now)
        self.view = frame.view
        self._painted = (self.view, *wanted[1:])
        self._terminal.write(self._painter.frame(frame.lines))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Wake up when the size changes, and end cleanly on signals."""
        wakeup = signal.set_wakeup_fd(self._mailbox.wake_end, warn_on_full_buffer=False)
        before = {
            signal.SIGWINCH: signal.signal(signal.SIGWINCH, self._repaint),
            signal.SIGTERM: signal.signal(signal.SIGTERM, self._end),
            signal.SIGHUP: signal.signal(signal.SIGHUP, self._end),
        }
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)
            signal.set_wakeup_fd(wakeup)

    def _repaint(self, *_: object) -> None:
        self._resized = True
        self._painted = ()
        self._painter.forget()

    def _end(self, *_: object) -> None:
        self._going = False


def run(project_root: Path) -> None:
    """Show the control pane of a project in this terminal; raises Refused without a terminal."""
    links.require_terminal()
    project = Project.open(project_root)
    reach = links.Links(project)
    Control(
        project.paths.source.name,
        project.store,
        Terminal(sys.stdin.fileno(), sys.stdout.fileno()),
        perform=reach.perform,
        diff=reach.diff,
        health=reach.health,
        leave=reach.leave,
        fit=reach.fit,
        prefix_key=project.usable_settings.prefix_key,
    ).run()
