"""Comments as rows below the lines that they are about, and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.style import Style
from rich.table import Table
from rich.text import Text

from orchestra.comments import where
from orchestra.model import Comment, CommentState, Place, Placed, Side, Target
from orchestra.views import palette
from orchestra.views.text import block, fit, line, wrap

STYLES: dict[CommentState, Style] = {
    CommentState.DRAFT: palette.VIOLET,
    CommentState.OPEN: palette.WARM,
    CommentState.ANSWERED: palette.GOOD,
    CommentState.SETTLED: palette.FAINT,
}
GLYPHS: dict[CommentState, str] = {
    CommentState.DRAFT: "✎",
    CommentState.OPEN: "○",
    CommentState.ANSWERED: "●",
    CommentState.SETTLED: "✓",
}
"""One column each, and distinguishable without colour."""
_LEAST = 20
_QUOTED = 6
"""The most quoted lines that are shown of a comment whose lines are gone."""


def state_words(comment: Comment) -> str:
    """Say how far a comment is."""
    parts = [f"{comment.number}", comment.state.value]
    if comment.round:
        parts.append(f"round {comment.round}")
    if comment.commit:
        parts.append(f"by {comment.commit[:10]}")
    return " · ".join(parts)


def comment_lines(placed: Placed, width: int, *, away: bool = False) -> Iterator[str]:
    """Yield a comment's lines: a heading, the quoted code if its lines are not above it (``away``), text and reply.

    A settled one is only its heading.
    """
    comment, place = placed.comment, placed.place
    room = max(width, _LEAST)
    gone = " · outdated" if place.outdated else ""
    about = f" · {line(where(_now_at(comment, place)))}" if away else ""
    yield fit(f"{GLYPHS[comment.state]} {state_words(comment)}{gone}{about}", room)
    if comment.state is CommentState.SETTLED:
        return
    if comment.target.first and (place.outdated or away):
        yield from _quoted(comment, room)
    yield from (f"  {row}" for row in wrap(comment.text, room - 2))
    for number, row in enumerate(wrap(comment.reply, room - 4) if comment.reply else ()):
        yield f"  {'↳' if number == 0 else ' '} {row}"


def _now_at(comment: Comment, place: Place) -> Target:
    """Return what a comment is about now, or what it was about if nothing is left of it."""
    if place.outdated or not place.path:
        return comment.target
    return Target(place.path, comment.target.side, place.first, place.last)


def _quoted(comment: Comment, width: int) -> Iterator[str]:
    rows = block(comment.quoted)
    for row in rows[:_QUOTED]:
        yield fit(f"  ┆ {row}", width)
    if len(rows) > _QUOTED:
        yield f"  ┆ … {len(rows) - _QUOTED} more"


def comments_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return comments, as the action lists them, as a table."""
    table = Table(box=box.SIMPLE_HEAD, header_style=palette.MUTED, border_style=palette.RULE, show_edge=False)
    table.add_column("", no_wrap=True, justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("about", overflow="fold")
    table.add_column("comment", overflow="fold", min_width=_LEAST)
    for one in found:
        state, answer = CommentState(one["state"]), one["reply"]
        words = "\n".join(block(one["text"]) + ([f"↳ {line(answer)}"] if answer else []))
        style = STYLES[state]
        table.add_row(str(one["number"]), Text(_state(one), style), Text(line(_now(one)), palette.MUTED), Text(words))
    return table


def _state(one: Mapping[str, Any]) -> str:
    state = f"{GLYPHS[CommentState(one['state'])]} {one['state']}"
    by = f"\n  by {one['commit'][:10]}" if one["commit"] else ""
    return state + (f"\n  round {one['round']}" if one["round"] else "") + by


def _now(one: Mapping[str, Any]) -> str:
    now = one["now"]
    if not one["path"]:
        return where(Target())
    if now["outdated"]:
        return f"{where(Target(one['path'], Side(one['side']), one['first'], one['last']))} (outdated)"
    return where(Target(now["path"], Side(one["side"]), now["first"], now["last"]))
