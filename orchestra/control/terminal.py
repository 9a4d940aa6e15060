"""The terminal of the control pane: take it over, paint on it, restore it."""

from __future__ import annotations

import os
import select
import termios
import time
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.color import ColorSystem
from rich.segment import Segment

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J\x1b[H"
_LEAVE = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l"
# DEC private mode 2026: terminals that know it show the frame at once, the others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_WRITE_DEADLINE = 5.0
_CHUNK = 4096


class Terminal:
    """A terminal in raw mode on its alternate screen, for as long as the ``with`` block lasts."""

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self._target = target
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self.source)
        tty.setraw(self.source)
        self.write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.write(_LEAVE)
            if self._before is not None:
                termios.tcsetattr(self.source, termios.TCSADRAIN, self._before)
        except (OSError, termios.error):
            # The terminal is gone (SIGHUP), so there is nothing to restore.
            return

    def size(self) -> tuple[int, int]:
        """Return columns and rows."""
        size = os.get_terminal_size(self._target)
        return size.columns, size.lines

    def read(self) -> bytes:
        """Return the available bytes; empty if the terminal is gone."""
        try:
            return os.read(self.source, _CHUNK)
        except OSError:
            return b""

    def write(self, text: str) -> None:
        """Write everything; what a stuck terminal does not accept within 5 seconds is dropped."""
        data = memoryview(text.encode("utf-8", "replace"))
        end = time.monotonic() + _WRITE_DEADLINE
        while data and time.monotonic() < end:
            if select.select([], [self._target], [], 0.5)[1]:
                data = data[os.write(self._target, data[:_CHUNK]) :]


class Painter:
    """Turns frames into the bytes that update the screen."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def forget(self) -> None:
        """Paint everything next time, because the terminal was resized or overwritten."""
        self._shown = []

    def frame(self, lines: Sequence[Sequence[Segment]]) -> str:
        """Return what to write, empty when nothing changed."""
        fresh = len(self._shown) != len(lines)
        wanted = [_encoded(segments) for segments in lines]
        changed = [
            f"\x1b[{row};1H{text}" for row, text in enumerate(wanted, 1) if fresh or text != self._shown[row - 1]
        ]
        self._shown = wanted
        return f"{_BEGIN}{''.join(changed)}{_END}" if changed else ""


def _encoded(segments: Sequence[Segment]) -> str:
    parts = [
        segment.style.render(printable(segment.text), color_system=ColorSystem.EIGHT_BIT)
        if segment.style
        else printable(segment.text)
        for segment in segments
        if not segment.control
    ]
    return f"\x1b[0m{''.join(parts)}"


def printable(text: str) -> str:
    """Return a text without any unprintable characters that the views missed."""
    return text if text.isprintable() else "".join(character for character in text if character.isprintable())
