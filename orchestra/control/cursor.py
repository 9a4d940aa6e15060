"""Decide which need the cursor is on; pure. No permission request comes under it by itself in the place of another."""

from __future__ import annotations

from dataclasses import replace

from orchestra.attention import Need, NeedKind, ended
from orchestra.control.state import Data, Painted, Status, Tab, View, arranged, select
from orchestra.model import AnsweredBy
from orchestra.views.text import line

UNREAD = 0.5
"""Seconds for which a need must have been on the terminal, under the cursor, before a key counts for it."""


def with_data(view: View, data: Data) -> View:
    """Use new data; if the selected session or need is gone, its neighbour is selected."""
    before, needs_before = view.names, view.needs
    view = _too_late(_with_need(arranged(replace(view, data=data)), needs_before))
    names = view.names
    if view.selected in names or not names:
        return view if names or view.filter else replace(view, selected="")
    if view.session is not None:
        return view
    at = before.index(view.selected) if view.selected in before else 0
    item = view.item
    # Only the person moves the cursor from one need to another.
    return replace(select(view, names[min(at, len(names) - 1)]), item=item)


def followed(view: View) -> tuple[int, ...]:
    """Return the numbers of the permission requests of which the view must know how they end."""
    need = view.need
    under = need.number if need is not None and need.kind is NeedKind.PERMISSION else 0
    return tuple(number for number in (under, view.answering) if number)


def _with_need(view: View, before: tuple[Need, ...]) -> View:
    """Keep a permission request that has ended under the cursor, unless it was answered here; else go on."""
    chose_none = before and not view.item and view.tab is Tab.NEEDS
    if chose_none or any(need.key == view.item for need in view.data.needs):
        return replace(view, over=None)
    last = next((need for need in before if need.key == view.item), None)
    if last is not None and last.kind is NeedKind.PERMISSION and not _is_answered_here(view, last.number):
        request = view.data.ended.get(last.number)
        over = last.over if request is None else ended(request)
        return replace(view, over=replace(last, answerable=False, over=over or "is over"))
    return _on_neighbour(view, before)


def _on_neighbour(view: View, before: tuple[Need, ...]) -> View:
    """Select the neighbour of the need under the cursor, and where needs are shown, its session."""
    view = replace(view, item=_neighbour(view, before), over=None)
    need = view.need if view.tab is Tab.NEEDS else None
    return replace(view, selected=need.session) if need is not None else view


def _neighbour(view: View, before: tuple[Need, ...]) -> str:
    """Return the key of the need that follows the one under the cursor, or else of the last."""
    keys, open_keys = [need.key for need in before], {need.key for need in view.data.needs}
    later = keys[keys.index(view.item) + 1 :] if view.item in keys else []
    known = next((key for key in later if key in open_keys), None)
    if known is None and view.data.needs:
        known = view.data.needs[-1 if view.item in keys else 0].key
    return known or ""


def _is_answered_here(view: View, number: int) -> bool:
    request = view.data.ended.get(number)
    return request is not None and number == view.answering and request.answered_by is AnsweredBy.PERSON


def _too_late(view: View) -> View:
    """Tell that an answer did not count, because its request had ended in the same moment."""
    request = view.data.ended.get(view.answering)
    if request is None or request.answered_by is AnsweredBy.PERSON:
        return view
    told = f"too late: request {request.id} of {line(request.session)} {ended(request)}"
    return replace(view, answering=0, status=Status(told, "your answer did not count", bad=True))


def leave_ended(view: View) -> View:
    """Put away a permission request that has ended, and go on to the need after it."""
    if view.over is None or view.over.key != view.item:
        return view
    return _on_neighbour(view, view.needs)


def with_painted(view: View, item: str, now: float, *, whole: bool) -> View:
    """Use what the terminal shows under the cursor from now on: a need or nothing, and whether its end is in sight."""
    painted = view.painted
    if item != painted.item:
        return replace(view, painted=Painted(item, now, whole))
    return replace(view, painted=replace(painted, whole=True)) if whole and not painted.whole else view


def is_unread(view: View, now: float) -> bool:
    """Return whether the selected need has not been on the terminal for long enough to have been read."""
    return view.painted.item != view.item or now - view.painted.since < UNREAD
