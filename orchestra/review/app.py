"""A program that shows one review, for the command line."""

from __future__ import annotations

import os

from orchestra.bindings import Keymap
from orchestra.model import Scope
from orchestra.review.ordered_keys import OrderedKeys
from orchestra.review.screen import ReviewScreen
from orchestra.review.source import ReviewSource


class ReviewApp(OrderedKeys):
    """Shows a review, and ends with it; ``bug`` is what went wrong in it."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; }"

    def __init__(self, source: ReviewSource, scope: Scope = Scope.BRANCH, keymap: Keymap | None = None) -> None:
        super().__init__(ansi_color=True)
        self._source, self._scope, self._own = source, scope, keymap
        self.bug: Exception | None = None

    def on_mount(self) -> None:
        """Show the review."""
        self.push_screen(ReviewScreen(self._source, self._scope, keymap=self._own), lambda _: self.exit())

    def _handle_exception(self, error: Exception) -> None:
        # Textual would print its own report, with the values of all variables.
        self.bug = self.bug or error
        self._exception = self._exception or error
        self.exit(return_code=1)


def run(source: ReviewSource, scope: Scope = Scope.BRANCH, keymap: Keymap | None = None) -> None:
    """Show a review until the person leaves it; raises what went wrong."""
    # Textual believes these before the terminal, and a tmux server that a Python program started hands them on.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    app = ReviewApp(source, scope, keymap)
    app.run()
    if app.bug is not None:
        raise app.bug
