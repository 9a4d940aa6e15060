"""What the tabs show, as lines for a width."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import StringIO

from rich.console import Console, RenderableType
from rich.text import Text

from orchestra.control import diff_tab
from orchestra.control.state import Found, Tab, View
from orchestra.review.frame import Canvas
from orchestra.review.state import View as DiffView
from orchestra.views import palette
from orchestra.views.compare import comparison
from orchestra.views.keys import keys_table
from orchestra.views.monitor import monitor_view
from orchestra.views.needs import need_lines
from orchestra.views.search import hit_lines
from orchestra.views.session_list import session_lines
from orchestra.views.text import count, fit, line, wrap
from orchestra.views.threads import thread_lines


class Lines:
    """Lines of which only those in sight are asked for.

    ``sight`` are those that should be in sight; ``item`` is the key of what they show, empty if that does not matter.
    """

    def __init__(self, lines: Sequence[Text] = (), sight: range = range(0), item: str = "") -> None:
        self._lines = lines
        self.sight = sight
        self.item = item

    def __len__(self) -> int:
        return len(self._lines)

    def window(self, top: int, height: int) -> Sequence[Text]:
        """Return at most ``height`` lines from ``top`` on."""
        return self._lines[top : top + height]


class DiffLines(Lines):
    """The lines of a diff that are in sight; the same as before while nothing of it changes."""

    def __init__(self, diff: DiffView, canvas: Canvas) -> None:
        super().__init__([_indented(row) for row in canvas.draw(diff)])
        self._diff = diff
        self.unfinished = canvas.unfinished

    def shows(self, diff: DiffView) -> bool:
        """Return whether these are the lines of a diff, with all colours that they can have."""
        return self._diff is diff and not self.unfinished


class ListLines(Lines):
    """The list of sessions: two lines for each session if they fit into ``height``, else one."""

    def __init__(self, view: View, now: datetime, width: int, height: int) -> None:
        super().__init__()
        self._view, self._now, self._width = view, now, width
        self.each = 2 if 2 * len(view.rows) <= height else 1
        names = view.names
        at = names.index(view.selected) if view.selected in names else 0
        self.sight = range(self.each * at, self.each * (at + 1))
        self.item = view.selected

    def name_at(self, line: int) -> str:
        """Return the name of the session that a line belongs to, empty if it belongs to none."""
        return next(iter(self._view.names[line // self.each :][:1]), "")

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


def body(view: View, now: datetime, width: int, before: Lines, canvas: Canvas) -> Lines:
    """Return what the shown tab has to show, the lines from ``before`` if they are those of the same diff."""
    inner = width - 2
    if view.tab is Tab.NEEDS:
        return NeedLines(view, now, width)
    session = view.session
    if session is None:
        return Lines()
    if view.tab is Tab.DIFF:
        return _diff(view, session.name, inner, before, canvas)
    if view.tab is Tab.MONITOR:
        sent = [message for message in view.data.messages if message.sender == session.name]
        if view.data.account is None:
            return Lines()
        expected = view.data.forecast.get(session.name, ())
        shown = monitor_view(session, view.data.account, view.data.events, sent[-1:], now=now, expected=expected)
        rows = shown.lines(inner)
    else:
        rows = thread_lines(session.name, view.data.messages, now, inner)
    lines = [_indented(row) for row in rows]
    return Lines(lines or [_indented(Text("no messages yet", palette.FAINT))])


class NeedLines(Lines):
    """Everything that waits for the person."""

    def __init__(self, view: View, now: datetime, width: int) -> None:
        lines, self._places = need_lines(
            view.needs, selected=view.item, keymap=view.keymap, now=now, width=width, early=view.early
        )
        none = _indented(Text("nothing waits for you", palette.FAINT))
        super().__init__(lines or [none], self._places.get(view.item, range(0)), view.item)

    def key_at(self, line: int) -> str:
        """Return the key of the need that a line belongs to, empty if it belongs to none."""
        return next((key for key, lines in self._places.items() if line in lines), "")


def _diff(view: View, name: str, width: int, before: Lines, canvas: Canvas) -> Lines:
    diff = diff_tab.shown(view)
    if diff is not None:
        return before if isinstance(before, DiffLines) and before.shows(diff) else DiffLines(diff, canvas)
    if view.diff_of != name or (view.diff is None and not view.diff_error):
        return Lines([_indented(Text("reading the diff…", palette.FAINT))])
    words = view.diff_error or f"{name} has changed nothing yet"
    style = palette.BAD if view.diff_error else palette.FAINT
    notes = view.diff.notes if view.diff is not None else ()
    left = [Text(row, palette.WARM) for note in notes for row in wrap(f"⚠ {note}", width)]
    return Lines([_indented(row) for row in (*left, *(Text(row, style) for row in wrap(words, width)))])


class FoundLines(Lines):
    """What a search found."""

    def __init__(self, found: Found, width: int) -> None:
        lines, self._places = hit_lines(found.hits, selected=found.at, width=width)
        left = f"; not everything was read yet, of {', '.join(found.unread)}: search again" if found.unread else ""
        title = f"{count(len(found.hits), 'hit')} for {line(found.text)}{line(left)}"
        sight = self._places[found.at] if found.hits else range(0)
        shown = [Text(fit(f" {title}", width), palette.MUTED), *lines]
        super().__init__(shown, range(sight.start + 1, sight.stop + 1), f"{found.at} {found.text}")

    def hit_at(self, line: int) -> int | None:
        """Return the number of the hit that a line belongs to, None if it belongs to none."""
        return next((number for number, lines in enumerate(self._places) if line - 1 in lines), None)


def compared_lines(view: View, width: int) -> Lines:
    """Return the sessions of a group side by side."""
    compared = view.compared
    return Lines() if compared is None else _rendered(comparison(compared.result, compared.name), width)


def help_lines(view: View, width: int) -> Lines:
    """Return all keys."""
    return _rendered(keys_table(view.prefix_key, view.keymap), width)


def _rendered(shown: RenderableType, width: int) -> Lines:
    console = Console(file=StringIO(), force_terminal=True, color_system="256", legacy_windows=False)
    options = console.options.update(width=max(1, width - 2), height=None)
    rendered = console.render_lines(shown, options, pad=False)
    return Lines([Text.assemble(" ", *((part.text, part.style or "") for part in row)) for row in rendered])


def _indented(row: Text) -> Text:
    return Text.assemble(" ", row, no_wrap=True)
