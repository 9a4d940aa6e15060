"""The tab with the selected session's diff: a review that is part of the control pane; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orchestra.control.state import Effect, ReadFile, Tab, View
from orchestra.model import LineCounts
from orchestra.review import reducer, state
from orchestra.review.document import Document
from orchestra.views.patch import Patch

Reduced = tuple[View, tuple[Effect, ...]]
_ACTIONS = {
    "down": "review-down",
    "up": "review-up",
    "page-down": "review-page-down",
    "page-up": "review-page-up",
    "top": "first",
    "diff-right": "right",
    "diff-left": "left",
    "diff-line-end": "line-end",
    "diff-line-start": "line-start",
    "diff-next-file": "next-file",
    "diff-previous-file": "previous-file",
}
"""The actions of the control pane in this tab, and those of a review."""
_PERCENT = 100


def shown(view: View) -> state.View | None:
    """Return the diff that is in sight, None unless it has files."""
    diff = view.diff if view.tab is Tab.DIFF and view.diff_of == view.selected else None
    return diff if diff is not None and diff.document is not None and len(diff.document) else None


def paths_in_sight(diff: state.View) -> tuple[str, ...]:
    """Return the paths of the files in sight."""
    document = diff.document
    if document is None:
        return ()
    numbers = dict.fromkeys(at.file for at in diff.lines.shown(diff.top, diff.body_height))
    return tuple(document.entries[number].file.path for number in numbers)


def act(view: View, action: str) -> Reduced | None:
    """Do an action in the diff that is in sight; None if there is none, or the action is not one of a diff."""
    diff = shown(view)
    if diff is None or (action not in _ACTIONS and action != "bottom"):
        return None
    return _took(view, reducer.end(diff) if action == "bottom" else reducer.act(diff, _ACTIONS[action]))


def wheel(view: View, by: int) -> Reduced:
    """Turn the wheel over the diff; ``by`` is 1 for down, -1 for up."""
    diff = shown(view)
    return (view, ()) if diff is None else _took(view, reducer.wheel(diff, 0, by))


def sized(view: View, width: int, height: int) -> Reduced:
    """Show the diff in a part of the screen of another size."""
    view = replace(view, diff_size=(width, height))
    return (view, ()) if view.diff is None else _took(view, reducer.resize(view.diff, width, height))


def looked(view: View, name: str, document: Document, marks: Mapping[str, str]) -> Reduced:
    """Show what a look found; the same line stays in sight."""
    if name != view.selected:
        return view, ()
    before = view.diff if view.diff_of == name else None
    if before is not None and before.document is document:
        return replace(view, diff_error=""), ()
    width, height = view.diff_size
    diff = before or state.View(name, width=width, height=height, tree=False, whole=False)
    return _took(replace(view, diff_of=name, diff_error=""), reducer.opened(diff, document, marks))


def failed(view: View, name: str, error: str) -> View:
    """Show why a look failed; the diff from before it stays visible."""
    if name != view.selected:
        return view
    kept = view.diff if view.diff_of == name else None
    return replace(view, diff=kept, diff_of=name, diff_error=error)


def counted(view: View, document: Document, counts: Mapping[str, LineCounts]) -> Reduced:
    """Show the line counts of a look."""
    return (view, ()) if view.diff is None else _took(view, reducer.counted(view.diff, document.changes, counts))


def read(view: View, document: Document, number: int, patch: Patch) -> Reduced:
    """Show a file's changes."""
    return (view, ()) if view.diff is None else _took(view, reducer.read(view.diff, document.changes, number, patch))


def position(view: View) -> str:
    """Return how far the diff in sight is scrolled, in percent; empty if all of it is in sight."""
    diff = shown(view)
    if diff is None or diff.document is None:
        return ""
    rows, last = diff.body_height, diff.lines.last_top(diff.body_height)
    if diff.top == state.START and len(diff.lines.shown(state.START, rows + 1)) <= rows:
        return ""
    done = (diff.top.file + diff.top.line / diff.lines.height(diff.top.file)) / len(diff.document)
    return f"{_PERCENT if diff.top >= last else int(_PERCENT * done)}%"


def _took(view: View, outcome: reducer.Outcome) -> Reduced:
    diff, effects = outcome
    wanted = (effect.number for effect in effects if isinstance(effect, reducer.Read))
    document = diff.document
    reads = () if document is None else tuple(ReadFile(document, number) for number in wanted)
    return replace(view, diff=diff), reads
