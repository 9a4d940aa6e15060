"""The keys of a review, for its help and for the README."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from rich.text import Text

from orchestra.bindings import REVIEW_BINDINGS
from orchestra.views import palette
from orchestra.views.keys import grouped

_TWO_COLUMNS = 120


def keys_lines(width: int) -> Iterator[Text]:
    """Yield one line for each action, in two columns where there is room."""
    entries = [Text.assemble((f"{keys:>9} ", palette.KEY), one.help) for keys, one in grouped(REVIEW_BINDINGS)]
    columns = 2 if width >= _TWO_COLUMNS else 1
    half, room = -(-len(entries) // columns), width // columns
    for left, right in zip_longest(entries[:half], entries[half:] if columns > 1 else []):
        left.truncate(room - 1)
        left.append(" " * (room - left.cell_len))
        shown = left.append_text(right or Text())
        shown.truncate(width)
        yield shown


def keys_markdown() -> str:
    """Return the keys as a Markdown table."""
    rows = ["| key | does |", "|---|---|"]
    for keys, binding in grouped(REVIEW_BINDINGS):
        shown = " ".join(f"`{key}`" for key in keys.split(" "))
        rows.append(f"| {shown} | {binding.help} |")
    return "\n".join(rows) + "\n"
