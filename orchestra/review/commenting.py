"""Select lines, write comments on them, and list all comments; pure, as the rest of what a review decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from orchestra.comments import where
from orchestra.model import CommentState, Placed, Side, Target
from orchestra.review.document import Position
from orchestra.review.state import Selection, View, Writing
from orchestra.views.patch import ADDED, CODE, REMOVED


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the draft of a comment."""

    number: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Settle a comment, or open it again."""

    number: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send all drafts."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """The text area is closed; what is in it is stored."""


Change = Delete | Settle | Send | Wrote
Changed = tuple[View, tuple[Change, ...]]
Step = Callable[[View], Changed]


def select(view: View) -> Changed:
    """Select the first line of code in sight, or the file if there is none."""
    if view.document is None or not len(view.document):
        return replace(view, message="there is nothing to comment on"), ()
    view = replace(view, tree=None) if view.choosing else view
    shown = view.lines.shown(view.top, view.body_height)
    code = (at for at in shown if at.file == view.top.file and _is_code(view, at))
    return _selected(view, next(code, Position(view.top.file, 0))), ()


def select_at(view: View, at: Position) -> View:
    """Select the line that was clicked, if it is one of code or a heading."""
    return _selected(view, at) if _selectable(view, at) else view


def _selected(view: View, at: Position) -> View:
    return replace(view, selection=Selection(at, at))


def _selectable(view: View, at: Position) -> bool:
    return at.line == 0 or _is_code(view, at)


def _is_code(view: View, at: Position) -> bool:
    return any(row.kind in CODE for row in view.lines.rows_at(at))


def _move(by: int, *, extend: bool) -> Step:
    def step(view: View) -> Changed:
        selection = view.selection
        if selection is None:
            return view, ()
        at = _next(view, selection.at, by)
        if extend and (at.file != selection.start.file or not at.line or not selection.start.line):
            return view, ()
        return _in_sight(replace(view, selection=Selection(selection.start if extend else at, at))), ()

    return step


def _next(view: View, at: Position, by: int) -> Position:
    """Return the next line that can be selected, or the same if there is none."""
    now = at
    while (after := view.lines.moved(now, by)) != now:
        if _selectable(view, after):
            return after
        now = after
    return at


def _in_sight(view: View) -> View:
    if view.selection is None:
        return view
    at = view.selection.at
    if at < view.top:
        return replace(view, top=at)
    least = view.lines.moved(at, 1 - view.body_height)
    return replace(view, top=max(view.top, least))


def is_selected(view: View, at: Position) -> bool:
    """Return whether a line is selected."""
    selection = view.selection
    if selection is None:
        return False
    low, high = sorted((selection.start, selection.at))
    return low <= at <= high and (at in {low, high} or _is_code(view, at))


def target_of(view: View, *, file: bool = False) -> Target:
    """Return what the selection is about: lines before the change if only those changed, else lines as they are now."""
    if view.document is None or view.selection is None:
        return Target()
    low, high = sorted((view.selection.start, view.selection.at))
    path = view.document.entries[low.file].file.path
    rows = [row for line in range(low.line, high.line + 1) for row in view.lines.rows_at(Position(low.file, line))]
    kinds = {row.kind for row in rows}
    before = REMOVED in kinds and ADDED not in kinds
    lines = [line for row in rows if row.kind in CODE and (line := row.old if before else row.new)]
    if file or not lines:
        gone = view.document.entries[low.file].file.new_id.strip("0") == ""
        return Target(path, Side.OLD if gone else Side.NEW)
    return Target(path, Side.OLD if before else Side.NEW, min(lines), max(lines))


def _write(*, file: bool) -> Step:
    def step(view: View) -> Changed:
        return replace(view, writing=Writing(target_of(view, file=file))), ()

    return step


def comment_on_all(view: View) -> Changed:
    """Write a comment on the whole change."""
    if view.document is None:
        return view, ()
    return replace(view, selection=None, writing=Writing(Target())), ()


def _select_nothing(view: View) -> Changed:
    return replace(view, selection=None), ()


def typed(view: View, text: str) -> View:
    """Take what is in the text area now."""
    return replace(view, writing=replace(view.writing, text=text)) if view.writing is not None else view


def written(view: View) -> Changed:
    """Close the text area; what was written is a draft."""
    if view.writing is None:
        return view, ()
    key = view.keymap.key("send-comments")
    said = f"kept as a draft; {key} sends all drafts" if view.writing.text.strip() else "nothing was written"
    return replace(view, writing=None, selection=None, message=said), (Wrote(),)


def show_list(view: View) -> Changed:
    """List all comments."""
    if not view.comments:
        return replace(view, message=f"no comments yet; {view.keymap.key('select')} selects lines for one"), ()
    return replace(view, chosen=_first(view)), ()


def _first(view: View) -> int:
    drafts = [one for one in view.comments if one.comment.state is CommentState.DRAFT]
    return (drafts or view.comments)[0].comment.number


def chosen(view: View) -> Placed | None:
    """Return the comment under the cursor; the nearest if that is gone."""
    if view.chosen is None:
        return None
    after = (one for one in view.comments if one.comment.number >= (view.chosen or 0))
    return next(after, view.comments[-1] if view.comments else None)


def _choose(by: int) -> Step:
    def step(view: View) -> Changed:
        one, known = chosen(view), view.comments
        at = known.index(one) + by if one is not None else 0
        return replace(view, chosen=known[min(max(at, 0), len(known) - 1)].comment.number) if known else view, ()

    return step


def _hide(view: View) -> Changed:
    return replace(view, chosen=None), ()


def _show(view: View) -> Changed:
    """Show the lines of the chosen comment in the changes."""
    one, document = chosen(view), view.document
    if one is None or document is None:
        return replace(view, chosen=None), ()
    number = document.number(one.place.path)
    if number is None:
        return replace(view, message=f"{where(one.comment.target)} is not among these changes"), ()
    view = replace(view, chosen=None, folded=view.folded - {number})
    return replace(view, top=_above(view, number, one)), ()


def _above(view: View, number: int, one: Placed) -> Position:
    """Return a line some rows above a comment, so that it is in sight with its code."""
    patch = view.document.patches.get(number) if view.document is not None else None
    wanted = f" {one.comment.number} · "
    rows = patch.rows if patch is not None else ()
    index = next((at for at, row in enumerate(rows) if row.kind[:1] == "#" and row.text[1:].startswith(wanted)), None)
    if patch is None or index is None:
        return Position(number, 0)
    line = (patch.places.get(index, 0) if view.is_split else index) + 1
    return max(Position(number, 0), view.lines.moved(Position(number, line), -(view.body_height // 2)))


def _edit(view: View) -> Changed:
    one = chosen(view)
    if one is None:
        return view, ()
    if one.comment.state is not CommentState.DRAFT:
        return replace(view, message=f"comment {one.comment.number} has been sent"), ()
    return replace(view, writing=Writing(one.comment.target, one.comment.number, one.comment.text)), ()


def _delete(view: View) -> Changed:
    one = chosen(view)
    if one is None:
        return view, ()
    number = one.comment.number
    if one.comment.state is not CommentState.DRAFT:
        return replace(view, message=f"comment {number} has been sent; settle it instead"), ()
    if view.deleting != number:
        key = view.keymap.key("delete-comment")
        return replace(view, deleting=number, message=f"press {key} again to delete draft {number}"), ()
    return replace(view, deleting=0), (Delete(number),)


def _settle(view: View) -> Changed:
    one = chosen(view)
    if one is None:
        return view, ()
    if one.comment.state is CommentState.DRAFT:
        return replace(view, message=f"draft {one.comment.number} has not been sent"), ()
    return view, (Settle(one.comment.number, one.comment.state is not CommentState.SETTLED),)


def send(view: View) -> Changed:
    """Send all drafts, if there is one."""
    if not any(one.comment.state is CommentState.DRAFT for one in view.comments):
        return replace(view, message="there are no drafts to send"), ()
    return replace(view, message="sending…"), (Send(),)


STEPS: Mapping[str, Step] = {
    "select": select,
    "comment-all": comment_on_all,
    "comments": show_list,
    "send-comments": send,
    "select-down": _move(1, extend=False),
    "select-up": _move(-1, extend=False),
    "extend-down": _move(1, extend=True),
    "extend-up": _move(-1, extend=True),
    "comment-lines": _write(file=False),
    "comment-file": _write(file=True),
    "select-nothing": _select_nothing,
    "next-comment": _choose(1),
    "previous-comment": _choose(-1),
    "show-comment": _show,
    "edit-comment": _edit,
    "delete-comment": _delete,
    "settle-comment": _settle,
    "send-listed": send,
    "hide-comments": _hide,
}
