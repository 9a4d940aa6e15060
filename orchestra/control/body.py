"""What the tabs show, as lines for a width."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from io import StringIO

from rich.console import Console
from rich.text import Text

from orchestra.control.state import Tab, View
from orchestra.views import palette
from orchestra.views.diff import DiffView
from orchestra.views.highlight import SHARE
from orchestra.views.keys import keys_table
from orchestra.views.monitor import monitor_view
from orchestra.views.needs import need_lines
from orchestra.views.session_list import session_lines
from orchestra.views.text import fit, wrap
from orchestra.views.threads import thread_lines


class Lines:
    """Lines of which only those in sight are asked for; ``sight`` are those that should be."""

    def __init__(self, lines: Sequence[Text] = (), sight: range = range(0)) -> None:
        self._lines = lines
        self.sight = sight

    def __len__(self) -> int:
        return len(self._lines)

    def window(self, top: int, height: int) -> Sequence[Text]:
        """Return at most ``height`` lines from ``top`` on."""
        return self._lines[top : top + height]


class DiffLines(Lines):
    """A diff; only the lines in sight are coloured."""

    def __init__(self, diff: DiffView, width: int) -> None:
        super().__init__()
        self._diff, self._width = diff, width
        self._window: tuple[tuple[int, int], list[Text]] | None = None

    def shows(self, diff: DiffView | None, width: int) -> bool:
        """Return whether these are the lines of a diff for a width."""
        return self._diff is diff and self._width == width

    def __len__(self) -> int:
        return len(self._diff)

    def window(self, top: int, height: int) -> Sequence[Text]:
        """Return at most ``height`` lines from ``top`` on, the same as before unless their colours took too long."""
        if self._window is None or self._window[0] != (top, height):
            began = time.thread_time()
            made = [_indented(row) for row in self._diff.lines(self._width, top, height)]
            self._window = ((top, height), made)
            if time.thread_time() - began > SHARE / 2:
                # Some may have stayed without colours, which the next look continues with.
                self._window = None
                return made
        return self._window[1]


class ListLines(Lines):
    """The list of sessions: two lines for each session if they fit into ``height``, else one."""

    def __init__(self, view: View, now: datetime, width: int, height: int) -> None:
        super().__init__()
        self._view, self._now, self._width = view, now, width
        self.each = 2 if 2 * len(view.rows) <= height else 1
        names = view.names
        at = names.index(view.selected) if view.selected in names else 0
        self.sight = range(self.each * at, self.each * (at + 1))

    def __len__(self) -> int:
        return self.each * max(1, len(self._view.rows))

    def window(self, top: int, height: int) -> Sequence[Text]:
        """Return at most ``height`` lines from ``top`` on."""
        view = self._view
        if not view.rows:
            words = (
                f"press {view.keymap.key('new')} to create a session" if not view.filter else "no session is like that"
            )
            return [Text(fit(f" {words}", self._width), palette.MUTED)]
        first = top // self.each
        rows = view.rows[first : -(-(top + height) // self.each)]
        lines = session_lines(rows, selected=view.selected, now=self._now, width=self._width, detailed=self.each > 1)
        skipped = top - first * self.each
        return lines[skipped : skipped + height]


def body(view: View, now: datetime, width: int, before: Lines) -> Lines:
    """Return what the shown tab has to show, the lines from ``before`` if they are those of the same diff."""
    inner = width - 2
    if view.tab is Tab.NEEDS:
        return NeedLines(view, now, width)
    session = view.session
    if session is None:
        return Lines()
    if view.tab is Tab.DIFF:
        return _diff(view, session.name, inner, before)
    if view.tab is Tab.MONITOR:
        sent = [message for message in view.data.messages if message.sender == session.name]
        if view.data.account is None:
            return Lines()
        rows = monitor_view(session, view.data.account, view.data.events, sent[-1:], now=now).lines(inner)
    else:
        rows = thread_lines(session.name, view.data.messages, now, inner)
    lines = [_indented(row) for row in rows]
    return Lines(lines or [_indented(Text("no messages yet", palette.FAINT))])


class NeedLines(Lines):
    """Everything that waits for the person."""

    def __init__(self, view: View, now: datetime, width: int) -> None:
        lines, self._places = need_lines(view.data.needs, selected=view.item, keymap=view.keymap, now=now, width=width)
        none = _indented(Text("nothing waits for you", palette.FAINT))
        super().__init__(lines or [none], self._places.get(view.item, range(0)))

    def key_at(self, line: int) -> str:
        """Return the key of the need that a line belongs to, empty if it belongs to none."""
        return next((key for key, lines in self._places.items() if line in lines), "")


def _diff(view: View, name: str, width: int, before: Lines) -> Lines:
    if view.diff_of != name or (view.diff is None and not view.diff_error):
        return Lines([_indented(Text("reading the diff…", palette.FAINT))])
    if view.diff is None or not len(view.diff):
        words = view.diff_error or f"{name} has changed nothing yet"
        style = palette.BAD if view.diff_error else palette.FAINT
        return Lines([_indented(Text(row, style)) for row in wrap(words, width)])
    same = isinstance(before, DiffLines) and before.shows(view.diff, width)
    return before if same else DiffLines(view.diff, width)


def help_lines(view: View, width: int) -> Lines:
    """Return all keys."""
    console = Console(file=StringIO(), force_terminal=True, color_system="256", legacy_windows=False)
    options = console.options.update(width=max(1, width - 2), height=None)
    rendered = console.render_lines(keys_table(view.prefix_key, view.keymap), options, pad=False)
    return Lines([Text.assemble(" ", *((part.text, part.style or "") for part in row)) for row in rendered])


def _indented(row: Text) -> Text:
    return Text.assemble(" ", row, no_wrap=True)
