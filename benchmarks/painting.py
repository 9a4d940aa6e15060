"""The raw work beside what is painted: rich colours one page, Textual moves in a table of as many lines."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.syntax import Syntax

from benchmarks.terminal import SIZE, Terminal

STATIC_TABLE = """\
import sys
from textual.app import App
from textual.widgets import DataTable
class Static(App):
    def compose(self):
        yield DataTable(cursor_type="row", show_header=False)
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("name", "state", "changes", "what it does")
        for number in range(int(sys.argv[1])):
            table.add_row(f"session-{number:03}", "idle", "+120 -4", f"works on part {number} of what there is to do")
        table.focus()
Static().run()
"""
DOWN = b"\x1b[B"


def page(code: Callable[[int], str]) -> float:
    """Return the seconds in which rich colours one page of lines, by their numbers, and writes it for a terminal."""
    rows, columns = SIZE
    lines = "\n".join(code(number) for number in range(rows))
    began = time.perf_counter()
    console = Console(file=io.StringIO(), force_terminal=True, width=columns, color_system="truecolor")
    console.print(Syntax(lines, "python", line_numbers=True))
    return time.perf_counter() - began


def static_table(rows: int) -> Terminal:
    """Open a table of so many rows that nothing changes."""
    return Terminal(sys.executable, "-c", STATIC_TABLE, str(rows))
