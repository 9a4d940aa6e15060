"""The keys of a review, for its help and for the README."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import zip_longest

from rich.text import Text

from orchestra.bindings import IN_REVIEW, REVIEW_BINDINGS, Keymap, Where
from orchestra.views import palette
from orchestra.views.keys import HEADINGS, grouped

_TWO_COLUMNS = 120


def keys_lines(width: int, keymap: Keymap, absent: Collection[str] = ()) -> Iterator[Text]:
    """Yield one line for each action but those that are ``absent``, in two columns where there is room."""
    entries = [entry for place in IN_REVIEW for entry in _entries(place, keymap, absent)]
    columns = 2 if width >= _TWO_COLUMNS else 1
    half, room = -(-len(entries) // columns), width // columns
    for left, right in zip_longest(entries[:half], entries[half:] if columns > 1 else []):
        left.truncate(room - 1)
        left.append(" " * (room - left.cell_len))
        shown = left.append_text(right or Text())
        shown.truncate(width)
        yield shown


def _entries(place: Where, keymap: Keymap, absent: Collection[str]) -> Iterator[Text]:
    present = [one for one in keymap.at_place(place) if one.action not in absent]
    if present and place is not Where.REVIEW:
        yield Text(f"{'':>9} {HEADINGS[place]}", palette.STRONG)
    for keys, one in grouped(present, keymap.enter):
        yield Text.assemble((f"{keys:>9} ", palette.KEY), one.help)


def keys_markdown() -> str:
    """Return the keys as a Markdown table."""
    rows = ["| key | does | action |", "|---|---|---|"]
    where = Where.REVIEW
    for keys, binding in grouped(REVIEW_BINDINGS):
        if binding.where is not where:
            where = binding.where
            rows.append(f"| | *{HEADINGS[where].removeprefix('in a review, ')}* | |")
        shown = " ".join(f"`{key}`" for key in keys.split(" "))
        rows.append(f"| {shown} | {binding.help} | `{binding.action}` |")
    return "\n".join(rows) + "\n"
