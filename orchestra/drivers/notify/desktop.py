"""Show notifications on the person's desktop, by notify-send."""

from __future__ import annotations

import shutil
from html import escape

from orchestra.drivers.process import run
from orchestra.errors import CommandFailed, ToolMissing

PROGRAM = "notify-send"
_DEADLINE = 5.0


def require() -> None:
    """Raise ToolMissing if this machine has no program to show notifications."""
    if shutil.which(PROGRAM) is None:
        raise ToolMissing("there is no notify-send here", hint="install it: sudo apt-get install libnotify-bin")


def show(title: str, body: str) -> None:
    """Show a notification; raises ToolMissing, CommandFailed, DeadlineExceeded.

    The body may hold markup (Desktop Notifications Specification), so that an agent's is escaped.
    """
    require()
    words = (PROGRAM, "--app-name=Orchestra", "--", title, escape(body, quote=False))
    done = run(words, deadline=_DEADLINE, check=False)
    if done.code != 0:
        raise CommandFailed("notify-send could not reach your desktop", hint="type `orchestra up` in a terminal of it")
