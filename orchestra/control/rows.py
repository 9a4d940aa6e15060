"""Widgets that show rich lines, of which only those in sight are made and only those that changed are painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from orchestra.control.body import Lines
from orchestra.views.needs import KEY


class Rows(ScrollView, can_focus=False, inherit_bindings=False):
    """Lines that scroll."""

    DEFAULT_CSS = """
    Rows { scrollbar-size: 0 0; overflow-x: hidden; overflow-y: auto; width: 1fr; height: 1fr; }
    """

    class Clicked(Message):
        """A line was clicked: which of the ``lines`` shown then, the column, the key named there, and how often."""

        def __init__(self, rows: Rows, lines: Lines, at: tuple[int, int], key: str, times: int) -> None:
            super().__init__()
            self.rows, self.lines, self.key, self.times = rows, lines, key, times
            self.column, self.line = at

    class Wheeled(Message):
        """The wheel was turned over lines that are all in sight: 1 is down, -1 up."""

        def __init__(self, rows: Rows, by: int) -> None:
            super().__init__()
            self.rows, self.by = rows, by

    class Scrolled(Message):
        """The lines in sight are others."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._lines = Lines()
        self._strips: list[Strip] = []
        self._known: dict[int, tuple[Text, int, Strip]] = {}
        self._made: tuple[int, Size] | None = None
        self._read_on = self._away = False

    @property
    def furthest(self) -> int:
        """The number of the first line in sight when scrolled to the end."""
        return max(0, len(self._lines) - self.size.height)

    def show(self, lines: Lines, width: int) -> None:
        """Show these lines, made for ``width`` columns; what has not changed is not painted again."""
        self._read_on = lines.item != "" and lines.item == self._lines.item
        self._away = self._away and self._read_on
        self._lines = lines
        wanted = Size(width, len(lines))
        if self.virtual_size != wanted:
            self.virtual_size = wanted
        self.brings_in_sight()
        before, self._made = self._strips, None
        after = self._in_sight()
        if len(before) != len(after):
            self.refresh()
            return
        changed = [number for number, strip in enumerate(after) if strip != before[number]]
        if changed:
            self.refresh(*(Region(0, number, self.size.width, 1) for number in changed))

    def brings_in_sight(self) -> None:
        """Scroll as little as shows the lines that should be in sight, or the first of them if they do not fit.

        Whoever reads on in lines that do not fit, or has turned the wheel, is left where they are.
        """
        top = self.scroll_offset.y
        self.to_line(top if self._away else self._with_sight(top))

    def _with_sight(self, top: int) -> int:
        """Return the line nearest to ``top`` from which the lines that should be in sight are."""
        height, sight = self.size.height, self._lines.sight
        if not (sight and height):
            return top
        last = max(sight.start, sight.stop - height) if self._read_on else sight.start
        return max(min(top, last), min(sight.stop - height, sight.start))

    def comes_back(self) -> None:
        """Forget the wheel: what should be in sight is brought there again."""
        self._away = False

    def to_line(self, top: int) -> None:
        """Scroll to a line, or as far as there are lines."""
        top = max(0, min(top, self.furthest))
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """Return a line in sight, counted from the top of the widget."""
        strips = self._in_sight()
        return strips[y] if y < len(strips) else Strip.blank(self.size.width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell that other lines are in sight."""
        super().watch_scroll_y(old_value, new_value)
        self._made = None
        self._away = self._away and self._with_sight(round(new_value)) != round(new_value)
        self.post_message(self.Scrolled())

    def _in_sight(self) -> list[Strip]:
        made = (self.scroll_offset.y, self.size)
        if self._made != made:
            shown, before = self._lines.window(made[0], self.size.height), self._known
            self._known = {id(row): (row, self.size.width, self._known_strip(row, before)) for row in shown}
            self._strips, self._made = [self._known[id(row)][2] for row in shown], made
        return self._strips

    def _known_strip(self, row: Text, before: Mapping[int, tuple[Text, int, Strip]]) -> Strip:
        """Return the line as it was made the last time, if it is the same object and as wide."""
        known = before.get(id(row))
        return known[2] if known is not None and known[1] == self.size.width else self._strip(row)

    def _strip(self, row: Text) -> Strip:
        segments = [Segment(printable(part.text), part.style) for part in row.render(self.app.console)]
        return Strip(segments).adjust_cell_length(
            self.size.width, row.style if not isinstance(row.style, str) else None
        )

    def on_resize(self) -> None:
        """Keep in sight what should be."""
        self._made = None
        self.brings_in_sight()

    def on_mouse_scroll_down(self) -> None:
        """Stay where the wheel scrolls to; tell of it where it scrolls nothing."""
        self._wheeled(1)

    def on_mouse_scroll_up(self) -> None:
        """Stay where the wheel scrolls to; tell of it where it scrolls nothing."""
        self._wheeled(-1)

    def _wheeled(self, by: int) -> None:
        if not self.furthest:
            self.post_message(self.Wheeled(self, by))
        elif 0 <= self.scroll_offset.y + by <= self.furthest:
            self._away = True

    def on_click(self, event: events.Click) -> None:
        """Tell which line was clicked."""
        at, key = (event.x, event.y + self.scroll_offset.y), str(event.style.meta.get(KEY, ""))
        self.post_message(self.Clicked(self, self._lines, at, key, event.chain))


class Border(Rows):
    """Lines whose border can be dragged."""

    class Dragged(Message):
        """The border was dragged to this column and row of the screen."""

        def __init__(self, column: int, row: int) -> None:
            super().__init__()
            self.column, self.row = column, row

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._dragging = self._dragged = False

    def on_mouse_down(self) -> None:
        """Take hold of the border."""
        self._dragging, self._dragged = True, False
        self.capture_mouse()

    def on_mouse_up(self) -> None:
        """Let go of the border."""
        self._dragging = False
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the border with the pointer."""
        if self._dragging:
            self._dragged = True
            self.post_message(self.Dragged(event.screen_x, event.screen_y))

    def on_click(self, event: events.Click) -> None:
        """Tell which line was clicked, unless this ends a drag."""
        if self._dragged:
            event.prevent_default()


def fixed(lines: Sequence[Text]) -> Lines:
    """Return lines that are all there."""
    return Lines(lines)


def printable(text: str) -> str:
    """Return a text without any unprintable characters that the views missed."""
    return text if text.isprintable() else "".join(character for character in text if character.isprintable())
