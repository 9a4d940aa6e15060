"""A tmux server of a test's own, and a person at a terminal in front of it (an outer tmux plays the terminal)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from orchestra.drivers.tmux.driver import Tmux

PREFIX = "C-b"
UNHURRIED = "set-option -g assume-paste-time 0\n"
"""On a busy machine keys pressed one after another are read at once, and tmux takes such for a paste (tmux(1))."""
T = TypeVar("T")


def until(look: Callable[[], T], what: str = "", *, seconds: float = 60.0) -> T:
    """Look again and again until there is something to see, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.02)
    raise AssertionError(f"not seen within {seconds} s: {what or look}")


@dataclass
class Place:
    """The server under test and the tmux session that windows are opened in."""

    tmux: Tmux
    session: str
    root: Path
    outer: Tmux

    def option(self, *words: str) -> str:
        """Return what a tmux command prints."""
        return self.tmux.server.ask(words).text

    @contextmanager
    def terminal(self, session: str = "", *, size: tuple[int, int] = (120, 40)) -> Iterator[Terminal]:
        """Attach a terminal of ``size`` columns and rows for as long as the block lasts."""
        name = f"terminal-{time.monotonic_ns()}"
        before = {client.name for client in self.tmux.clients()}
        outer = self.outer.start(name, self.root, size)
        command = ("env", "-u", "TMUX", *self.tmux.attach_command(session or self.session))
        window = self.outer.windows.open_agent(outer, "t", command, session="t", project="t", cwd=self.root)
        self.outer.server.ask(("set-option", "-t", outer, "status", "off"))
        name = until(lambda: next((c.name for c in self.tmux.clients() if c.name not in before), ""), "a client")
        try:
            yield Terminal(self.outer, window.pane, name, self.tmux)
        finally:
            self.outer.close_session(outer)


@dataclass
class Terminal:
    """What a person has in front of them."""

    outer: Tmux
    pane: str
    client: str
    inner: Tmux

    def press(self, *keys: str) -> None:
        """Press keys one after another, by tmux's names for them; in one go tmux would take them for a paste."""
        for key in keys:
            self.outer.server.ask(("send-keys", "-t", self.pane, key))

    def begins_a_chord(self) -> None:
        """Press the prefix, again where a popup or window that was closing took it."""
        look = ("display-message", "-p", "-c", self.client, "#{client_key_table}")
        for _ in range(5):
            self.press(PREFIX)
            with contextlib.suppress(AssertionError):
                until(lambda: self.inner.server.line(look) == "prefix", seconds=3)
                return
        pytest.fail(f"the prefix key reaches no window:\n{self.screen()}")

    def screen(self) -> str:
        """Return what is to be seen."""
        return self.outer.panes.capture(self.pane)

    def shows(self, text: str) -> None:
        """Wait until a text is to be seen."""
        until(lambda: text in self.screen(), f"{text!r} on the screen")


@contextmanager
def tmux_place(monkeypatch: pytest.MonkeyPatch, *, config: str = "") -> Iterator[Place]:
    """Start a server with a person's configuration file, and end it afterwards."""
    root = Path(tempfile.mkdtemp(prefix="ot-"))
    (root / ".tmux.conf").write_text(f"{UNHURRIED}{config}")
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("TMUX_TMPDIR", str(root))
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("TMUX_PANE", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    tmux, outer = Tmux.own("inner"), Tmux.own("outer")
    try:
        yield Place(tmux, tmux.start("work", root), root, outer)
    finally:
        for server in (outer, tmux):
            server.server.ask(("kill-server",), check=False)
        shutil.rmtree(root, ignore_errors=True)
