"""The look that all tables have."""

from __future__ import annotations

from rich import box
from rich.table import Table

from orchestra.views import palette


def plain_table() -> Table:
    """Return a table without columns: one line below its heading, and nothing around it."""
    return Table(
        box=box.SIMPLE_HEAD,
        header_style=palette.MUTED,
        border_style=palette.RULE,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
