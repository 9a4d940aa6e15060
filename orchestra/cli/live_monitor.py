"""The monitor, printed once or updated on the screen."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.text import Text

from orchestra.actions.work.accounts import Accounts
from orchestra.protocol import plain
from orchestra.views.monitor import monitor_view
from orchestra.views.palette import MUTED

if TYPE_CHECKING:
    from orchestra.account import Account
    from orchestra.model import Session
    from orchestra.project import Project

_PERIOD = 0.25
_KEYS = 64
_LEAVE = {b"q", b"\x1b", b""}
"""The keys that end it, and the end of input."""


def monitor(project: Project, names: list[str], *, follow: bool) -> None:
    """Print what sessions do; with ``follow``, update it until ^C, q or Escape."""
    console, accounts = Console(highlight=False), Accounts(project.store)
    if not follow:
        console.print(_view(accounts, project, names))
        return
    shown = Live(_with_foot(accounts, project, names), console=console, screen=True, auto_refresh=False)
    # ^C is the normal end of following, so it is no failure and a popup closes.
    with contextlib.suppress(KeyboardInterrupt), _letter_by_letter(), shown as live:
        seen = (project.store.data_version(), _second(project))
        while not _leave_pressed(_PERIOD):
            now = (project.store.data_version(), _second(project))
            if now != seen:
                seen = now
                live.update(_with_foot(accounts, project, names), refresh=True)


def accounts(project: Project, names: list[str]) -> list[dict[str, Any]]:
    """Return the accounts of sessions as plain data."""
    made, found = Accounts(project.store), [project.store.sessions.get(name) for name in names]
    return [_plain(session, made.of(session)) for session in found]


def _plain(session: Session, account: Account) -> dict[str, Any]:
    basic = {key: getattr(session, key) for key in ("name", "state", "summary", "diff", "commits")}
    parts = {"now": account.now, "so_far": account.so_far, "next": account.next, "model_summary": account.said}
    return plain({**basic, **parts})  # type: ignore[no-any-return]  # a mapping gives one


def _second(project: Project) -> int:
    """Return the current second, because ages are shown."""
    return int(project.store.now().timestamp())


@contextmanager
def _letter_by_letter() -> Iterator[None]:
    """Let the terminal pass on each key at once; without a terminal there are no keys."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _leave_pressed(seconds: float) -> bool:
    if not sys.stdin.isatty():
        time.sleep(seconds)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and os.read(sys.stdin.fileno(), _KEYS) in _LEAVE


def _with_foot(accounts: Accounts, project: Project, names: list[str]) -> RenderableType:
    """Return the content of the whole screen; the last line says how to close it."""
    whole = Layout()
    whole.split_column(Layout(_view(accounts, project, names), ratio=1), Layout(Text("q closes this", MUTED), size=1))
    return whole


def _view(accounts: Accounts, project: Project, names: list[str]) -> RenderableType:
    views = [_session_view(accounts, project, name) for name in names]
    return Group(*views, *([] if names else ["there are no sessions yet; to begin, type: orchestra up"]))


def _session_view(accounts: Accounts, project: Project, name: str) -> RenderableType:
    store = project.store
    session = store.sessions.get(name)
    events = store.events.select(name, limit=12)
    messages = store.messages.select(sender=name, limit=1)
    expected = store.forecasts.all().get(name, ())
    return monitor_view(session, accounts.of(session), events, messages, now=store.now(), expected=expected)
