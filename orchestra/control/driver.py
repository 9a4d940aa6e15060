"""The terminal of the control pane: Textual's driver, with what tmux and a vanished terminal need."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Any, cast

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from orchestra.terminal_text import ERRORS, encoding

_WRITE_DEADLINE = 5.0
_CHUNK = 4096
_TICK, _TICKS = 0.05, 3
"""Seconds between looks at what could be the beginning of a key, and how many; Textual takes it for one after 0.1."""


def accepts(terminal: int, patience: float) -> bool:
    """Return whether a terminal accepts output within some seconds."""
    return bool(select.select([], [terminal], [], patience)[1])


class Output:
    """A terminal to write to; what it does not accept within 5 seconds, or when it is gone, is dropped.

    What is written then is dropped at once until it accepts something again, so that the app can end.
    """

    def __init__(
        self,
        target: int,
        *,
        deadline: float = _WRITE_DEADLINE,
        wait: Callable[[int, float], bool] | None = None,
    ) -> None:
        self._target = target
        self._own = _own_opening(target)
        self._deadline = deadline
        self._wait = wait or accepts
        self._encoding = encoding()
        self._stuck = False

    def write(self, text: str) -> None:
        """Write everything."""
        data = memoryview(text.encode(self._encoding, ERRORS if self._encoding == "ascii" else "replace"))
        end = time.monotonic() + (0.0 if self._stuck else self._deadline)
        with contextlib.suppress(OSError):
            while data and self._wait(self._own, max(0.0, end - time.monotonic())):
                written = _write(self._own, data[:_CHUNK])
                if not written and time.monotonic() >= end:
                    break
                data = data[written:]
        self._stuck = bool(data)

    def flush(self) -> None:
        """Do nothing, because nothing is kept."""

    def fileno(self) -> int:
        """Return the number of the file."""
        return self._target


def _write(terminal: int, data: memoryview) -> int:
    try:
        return os.write(terminal, data)
    except BlockingIOError:
        return 0


def _own_opening(target: int) -> int:
    """Open a terminal once more, so that a write takes what fits; with the file itself it would wait for the rest.

    Others share that file, so it must stay as it is. What is no terminal is returned.
    """
    try:
        return os.open(os.ttyname(target), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return target


class PaneDriver(LinuxDriver):
    """Writes to stdout, ends the app when the terminal is gone, and sleeps while nothing is typed."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._target = sys.__stdout__.fileno() if sys.__stdout__ else 1
        self._file = cast("Any", Output(self._target))
        self._awake, self._wake = os.pipe()

    def _get_terminal_size(self) -> tuple[int, int]:
        # Not from COLUMNS and LINES, which tmux's server may have from the terminal it was started in.
        try:
            size = os.get_terminal_size(self._target)
        except OSError:
            return 80, 24
        return size.columns, size.lines

    def _enable_mouse_support(self) -> None:
        # Movements only while a button is pressed: the pane does nothing with others, and each would wake it.
        self.write("\x1b[?1000h\x1b[?1002h\x1b[?1006h")

    def _disable_mouse_support(self) -> None:
        self.write("\x1b[?1000l\x1b[?1002l\x1b[?1006l")

    def disable_input(self) -> None:
        """Wake the thread that reads keys, so that it ends."""
        with contextlib.suppress(OSError):
            os.write(self._wake, b"\0")
        super().disable_input()

    def run_input_thread(self) -> None:
        """Turn what is typed into events until the app ends or the terminal is gone."""
        parser = XTermParser(debug=self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        ticks = 0
        while not self.exit_event.is_set():
            ready = select.select([self.fileno, self._awake], [], [], _TICK if ticks else None)[0]
            ticks = _TICKS if self.fileno in ready else max(0, ticks - 1)
            if self.fileno in ready:
                data = self._read()
                if not data:
                    self._app.call_later(self._app.exit)
                    return
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, _CHUNK)
        except OSError:
            return b""
