"""All comments on a session's work, one below the other, with the chosen one in sight."""

from __future__ import annotations

from rich.text import Text

from orchestra.model import Placed
from orchestra.review.commenting import chosen
from orchestra.review.state import View
from orchestra.views import palette
from orchestra.views.comments import STYLES, comment_lines


def comment_list(view: View) -> list[Text]:
    """Return the lines of the list from the first in sight on."""
    one, lines, sight = chosen(view), [Text()], range(1)
    for placed in view.comments:
        rows = _rows(placed, view.width, marked=placed is one)
        if placed is one:
            sight = range(len(lines), len(lines) + len(rows))
        lines += [*rows, Text()]
    top = max(0, min(sight.start - 1, sight.stop - view.body_height))
    return lines[top:] if sight.stop - top <= view.body_height else lines[sight.start :]


def _rows(placed: Placed, width: int, *, marked: bool) -> list[Text]:
    style = STYLES[placed.comment.state]
    mark = ("▌", palette.ACCENT) if marked else " "
    shown = []
    for number, row in enumerate(comment_lines(placed, width - 2, away=True)):
        text = Text.assemble(mark, (row, style if number == 0 else palette.PLAIN), no_wrap=True)
        text.truncate(width)
        shown.append(text)
    return shown
