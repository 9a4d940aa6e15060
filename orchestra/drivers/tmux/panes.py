"""Read a pane's screen, and paste text into its program."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from orchestra.drivers.tmux.escaping import identifier, typed
from orchestra.drivers.tmux.server import Server
from orchestra.errors import CommandFailed, NotFound

_BEGIN, _END = "\x1b[200~", "\x1b[201~"


class Panes:
    """What panes show, and what is typed into them."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def paste(
        self,
        pane: str,
        text: str,
        *,
        pause: float = 0.3,
        bracketed: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Paste text into a pane's program, then press Enter after ``pause`` seconds.

        ``bracketed`` marks the text as a paste with our own bytes, because tmux adds the marks only
        if it has seen the program ask for them, which it has not after a re-attach. The text passes
        through a temporary buffer. Raises NotFound for a pane that is gone or whose program has
        ended.
        """
        body = typed(text)
        self._put(pane, f"{_BEGIN}{body}{_END}" if bracketed else body)
        sleep(pause)
        # As a paste, so that it reaches the program even if a person has scrolled back.
        self._put(pane, "\r")

    def capture(self, pane: str, *, colour: bool = False) -> str:
        """Return the visible screen of a pane; with ``colour``, escape sequences for colours stay in."""
        lines = self._server.objects.pane(pane).capture_pane(escape_sequences=colour)
        return "\n".join(lines or ())

    def cursor_line(self, pane: str) -> str:
        """Return the line of a pane with the cursor, including spaces before the cursor."""
        cursor = self._server.line(("display-message", "-p", "-t", identifier(pane), "#{cursor_x} #{cursor_y}"))
        column, row = (int(number) for number in cursor.split())
        return (self.capture(pane).split("\n") + [""] * (row + 1))[row].rstrip().ljust(column)

    def _put(self, pane: str, text: str) -> None:
        if self._server.line(("display-message", "-p", "-t", identifier(pane), "#{pane_dead}")) != "0":
            raise NotFound(f"no program runs in tmux pane {pane}", hint="to start it again: orchestra up")
        name = f"orchestra-{uuid.uuid4().hex}"
        load = ("load-buffer", "-b", name, "-")
        paste = ("paste-buffer", "-r", "-d", "-b", name, "-t", pane)
        try:
            self._server.ask(load, paste, stdin=text.encode("utf-8", "replace"))
        except (NotFound, CommandFailed):
            self._server.ask(("delete-buffer", "-b", name), check=False)
            raise
