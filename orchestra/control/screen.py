"""The screen of the control pane: where its parts stand, and what each shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from orchestra.bindings import Keymap
from orchestra.control import diff_tab, frame
from orchestra.control.body import DiffLines, FoundLines, Lines, ListLines, body, compared_lines, help_lines
from orchestra.control.editor import Editor
from orchestra.control.rows import Border, Rows
from orchestra.control.state import ONE_LINE, Mode, Tab, View
from orchestra.review.frame import Canvas
from orchestra.views import palette

_COLOURS = 0.008
"""Processor seconds for the colours of a diff before a key is answered; the rest come a moment later."""
_TALLEST = 8
"""The most rows of the text area."""


class PaneScreen(Screen[None], inherit_bindings=False):
    """The list above or beside the body, between the header and the keys."""

    AUTO_FOCUS = ""
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PaneScreen { background: ansi_default; color: ansi_default; layout: vertical; overflow: hidden; }
    #header { height: 2; }
    #middle, #right { height: 1fr; width: 1fr; layout: vertical; }
    #middle.wide { layout: horizontal; }
    #edge { width: 1; display: none; }
    .wide > #edge { display: block; }
    #tabs, #keys { height: 1; }
    """

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self.tiny, self.header, self.help = Rows("tiny"), Rows("header"), Rows("help")
        self.list, self.edge, self.tabs, self.body = Rows("list"), Border("edge"), Border("tabs"), Rows("body")
        self.notice, self.keys, self.editor = Rows("notice"), Rows("keys"), Editor(keymap)
        self._right = Container(self.tabs, self.body, id="right")
        self._middle = Container(self.list, self.edge, self._right, id="middle")
        self.places: dict[Tab, range] = {}
        self.key_places: dict[str, range] = {}
        self.shown_body = Lines()
        self.body_size = 80, 24
        self._canvas = Canvas(_COLOURS)

    @property
    def unfinished(self) -> bool:
        """Whether there was no time yet for some of the colours of a diff."""
        return isinstance(self.shown_body, DiffLines) and self.shown_body.unfinished

    def compose(self) -> ComposeResult:
        """Put the parts together."""
        yield from (self.tiny, self.header, self._middle, self.help, self.notice, self.editor, self.keys)

    def show(self, view: View, now: datetime) -> None:
        """Show a view."""
        width, height = self.app.size
        small = width < frame.LEAST_WIDTH or height < frame.LEAST_HEIGHT
        self._chooses(view, small=small)
        if small:
            self.tiny.show(Lines(frame.too_small(width, height)), width)
            return
        self.header.show(Lines(frame.header(view, width)), width)
        room = height - frame.HEADER - self._foot(view, width, height)
        if view.mode is Mode.FOUND and view.found is not None:
            self.help.show(FoundLines(view.found, width), width)
        if view.mode is Mode.COMPARED:
            self.help.show(compared_lines(view, width), width)
        elif view.mode is Mode.HELP:
            self.help.show(help_lines(view, width), width)
        else:
            self._main(view, now, width, room)

    def _chooses(self, view: View, *, small: bool) -> None:
        asked_for_help = view.mode in {Mode.HELP, Mode.FOUND, Mode.COMPARED}
        self.tiny.display = small
        for part in (self.header, self.notice, self.keys):
            part.display = not small
        self._middle.display = not small and not asked_for_help
        self.help.display = not small and asked_for_help
        writes = not small and view.mode is Mode.WRITE
        self.editor.opens(view.draft)
        self.editor.display = writes
        self.set_focus(self.editor if writes else None)

    def _foot(self, view: View, width: int, height: int) -> int:
        """Show what is below the body, and return how many rows that takes."""
        room = max(1, height - frame.LEAST_HEIGHT + 1)
        typed = self._editor_rows(view, room - 2) if view.mode is Mode.WRITE else 0
        self.editor.styles.height = max(1, typed)
        told = frame.notice(view, width, max(0, room - typed - 1))
        if room == 1 and not typed:
            told = [row for row in frame.notice(view, width, _TALLEST) if not row.plain.startswith("─")][:1]
        keys = room - typed - len(told) > 0
        self.notice.display, self.keys.display = bool(told), keys
        self.notice.styles.height = max(1, len(told))
        self.notice.show(Lines(told), width)
        reminded, self.key_places = frame.reminder(view, width)
        self.keys.show(Lines([reminded]), width)
        return typed + len(told) + keys

    def _editor_rows(self, view: View, most: int) -> int:
        if view.draft is None or view.draft.purpose in ONE_LINE:
            return 1
        return max(1, min(self.editor.wrapped_document.height, _TALLEST, most))

    def _main(self, view: View, now: datetime, width: int, room: int) -> None:
        wide = width >= frame.WIDE
        self._middle.set_class(wide, "wide")
        across = frame.list_width(view, width) if wide else width
        down = room if wide else frame.list_height(view, room)
        self.list.styles.width, self.list.styles.height = (across, "1fr") if wide else ("1fr", down)
        self.list.show(ListLines(view, now, across, down), across)
        if wide:
            self.edge.show(Lines([Text("│", palette.RULE)] * room), 1)
        right = width - across - 1 if wide else width
        self.body_size = max(1, right - 2), max(1, (room if wide else room - down) - 1)
        self.shown_body = body(view, now, right, self.shown_body, self._canvas)
        self.body.show(self.shown_body, right)
        self.show_tabs(view)

    def show_tabs(self, view: View) -> None:
        """Show the tabs, with how far the body is scrolled."""
        width = self.app.size.width
        if width >= frame.WIDE:
            width -= frame.list_width(view, width) + 1
        last = self.body.furthest
        shown = f"{100 * self.body.scroll_offset.y // last}%" if last else diff_tab.position(view)
        position = f" {shown} " if shown else ""
        bar, self.places = frame.tab_bar(view, width, position)
        self.tabs.show(Lines([bar]), width)

    def dragged(self, view: View, column: int, row: int) -> View:
        """Return the view with the border of the list dragged to a column or row of the screen."""
        if self._middle.has_class("wide"):
            return replace(view, split_across=max(0.0, column / max(1, self.app.size.width)))
        return replace(view, split=max(0.0, (row - frame.HEADER) / max(1, self._middle.size.height)))

    def comes_back(self) -> None:
        """Bring in sight what is selected, wherever the wheel has been."""
        for rows in (self.list, self.body, self.help):
            rows.comes_back()

    def under_cursor(self) -> tuple[str, bool]:
        """Return the key of the need whose lines under the cursor are in sight, and whether its end is among them."""
        sight, top, height = self.shown_body.sight, self.body.scroll_offset.y, self.body.size.height
        visible = self._middle.display and self.is_current and sight.start < top + height and top < sight.stop
        return (self.shown_body.item, sight.stop <= top + height) if visible else ("", False)

    def key_at(self, column: int) -> str:
        """Return the key that the last line reminds of at a column, empty if there is none."""
        return next((key for key, columns in self.key_places.items() if column in columns), "")

    def tab_at(self, column: int) -> Tab | None:
        """Return the tab whose name is at a column of the bar."""
        return next((tab for tab, columns in self.places.items() if column in columns), None)

    def on_resize(self, _: events.Resize) -> None:
        """Paint everything, also what others wrote on the terminal."""
        self.refresh()
