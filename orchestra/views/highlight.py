"""Syntax colours within a time limit, because an agent's code must not be able to block the screen."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType

from rich.style import Style
from rich.syntax import Syntax, SyntaxTheme
from rich.text import Text

from orchestra.views import palette

_COLOURED, _COLOURED_LINES, _COLOURED_LINE = 20_000, 1000, 1000
"""Characters, lines, and characters of one line that are worth colouring in one go."""
_SLOW = 0.03
"""Processor seconds after which a text is given up."""
_STRIKES = 3
"""So many slow texts, and their language is given up; one may be slow because something else runs in this process."""
_AGAIN = 0.001
_COLOURING = frozenset({"orchestra", "pygments", "re", "rich"})
"""The packages whose code colours texts."""
SHARE = 0.06
"""Processor seconds for the colours of one screen; the next screen continues."""


class _TooSlow(Exception):
    """Colouring took too long."""


class Highlighter:
    """Colours code until the time for a screen is spent; remembers which languages took too long."""

    def __init__(self, *, slow: float = _SLOW) -> None:
        self._slow = slow
        self._left = math.inf
        self._strikes: Counter[str] = Counter()

    def begin(self, *, share: float = SHARE) -> None:
        """Begin a new screen that may spend ``share`` processor seconds on colours."""
        self._left = share

    @property
    def spent(self) -> bool:
        """Whether the time for this screen is spent."""
        return self._left <= 0

    def paint(self, path: str, lines: Sequence[str]) -> list[Text] | None:
        """Return lines of code in the colours of the language of a file name.

        None where the language is unknown, the text is too long, or the time is spent.
        """
        language = _language(path)
        if language is None or self.spent or not self._worth(language, lines):
            return None
        begun = time.thread_time()
        try:
            with _within(self._slow):
                return list(language.highlight("\n".join(lines)).split("\n", allow_blank=True))
        except _TooSlow:
            self._strikes[_name(language)] += 1
            return None
        finally:
            self._left -= time.thread_time() - begun

    def _worth(self, language: Syntax, lines: Sequence[str]) -> bool:
        lengths = [len(text) for text in lines]
        within = len(lengths) <= _COLOURED_LINES and sum(lengths) <= _COLOURED
        return within and max(lengths, default=0) <= _COLOURED_LINE and self._strikes[_name(language)] < _STRIKES


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raise _TooSlow once the block has used so many processor seconds; does nothing outside the main thread.

    Python's regular expressions check for signals while they match (MAYBE_CHECK_SIGNALS in
    Modules/_sre), so that a slow one ends too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _give_up(_number: int, frame: FrameType | None) -> None:
    """Raise _TooSlow, but not where it would be lost, as in a callback of the garbage collector: then the next time."""
    module = frame.f_globals.get("__name__", "") if frame is not None else ""
    if module.partition(".")[0] in _COLOURING:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        raise _TooSlow


def _name(language: Syntax) -> str:
    return language.lexer.name if language.lexer else ""


class _Theme(SyntaxTheme):
    """The palette's colours for code, on the terminal's own background."""

    def get_style_for_token(self, token_type: tuple[str, ...]) -> Style:
        """Return the style of the nearest kind of token that has one."""
        name = str(token_type)
        while name not in palette.CODE and "." in name:
            name = name.rpartition(".")[0]
        return palette.CODE.get(name, palette.PLAIN)

    def get_background_style(self) -> Style:
        """Return the terminal's own background."""
        return palette.PLAIN


@lru_cache(maxsize=256)
def _language(path: str) -> Syntax | None:
    name = Syntax.guess_lexer(path)
    if name in {"default", "text"}:
        return None
    # With the lexer itself, which rich would otherwise look up again and again by its name.
    return Syntax("", Syntax("", name).lexer or name, theme=_Theme())
