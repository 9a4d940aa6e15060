"""The few colours that every view uses, chosen to read well on dark and on light terminals.

All are from the 256-colour cube, and look the same inside tmux whatever the outer terminal.
"""

from __future__ import annotations

from rich.color import Color
from rich.style import Style

from orchestra.model import MessageKind, MessageState, State


def _colour(number: int, *, bold: bool = False, italic: bool = False) -> Style:
    return Style(color=Color.from_ansi(number), bold=bold or None, italic=italic or None)


PLAIN = Style.null()
STRONG = Style(bold=True)
ACCENT = _colour(75)
MUTED = _colour(246)
FAINT = _colour(243)
RULE = _colour(239)
GOOD = _colour(78)
BAD = _colour(203)
WARM = _colour(214)
VIOLET = _colour(141)
ADDED = GOOD
REMOVED = BAD
ADDED_WORDS = Style(color=Color.from_ansi(78), bold=True, underline=True)
REMOVED_WORDS = Style(color=Color.from_ansi(203), bold=True, underline=True)
FOUND = Style(reverse=True)
ALARM = Style(color=Color.from_ansi(231), bgcolor=Color.from_ansi(160), bold=True)
BADGE = Style(color=Color.from_ansi(16), bgcolor=Color.from_ansi(214), bold=True)
KEY = _colour(75, bold=True)
EARLY = FAINT
"""A key that does not count yet: without colours, it is not bold as the others are."""
TAB = Style(color=Color.from_ansi(231), bgcolor=Color.from_ansi(25), bold=True)
SELECTED = Style(color=Color.from_ansi(255), bgcolor=Color.from_ansi(237))

STATE_GLYPHS: dict[State, str] = {
    State.STARTING: "◌",
    State.WORKING: "●",
    State.WAITING: "◆",
    State.IDLE: "○",
    State.DONE: "✓",
    State.FAILED: "✗",
    State.STOPPED: "■",
    State.UNKNOWN: "?",
}
"""One column each, and distinguishable without colour."""

STATE_STYLES: dict[State, Style] = {
    State.STARTING: VIOLET,
    State.WORKING: ACCENT,
    State.WAITING: _colour(214, bold=True),
    State.IDLE: MUTED,
    State.DONE: GOOD,
    State.FAILED: _colour(203, bold=True),
    State.STOPPED: FAINT,
    State.UNKNOWN: VIOLET,
}

KIND_STYLES: dict[str, Style] = {
    MessageKind.MESSAGE: ACCENT,
    MessageKind.COMPLETE: GOOD,
    MessageKind.ERROR: BAD,
    MessageKind.QUESTION: WARM,
    MessageKind.PROGRESS: MUTED,
    MessageKind.SPEC: VIOLET,
    MessageKind.NOTICE: MUTED,
}

MESSAGE_GLYPHS: dict[str, str] = {MessageState.QUEUED: "○", MessageState.DELIVERED: "◐", MessageState.READ: "●"}

CODE: dict[str, Style] = {
    "Token.Keyword": _colour(141),
    "Token.Keyword.Constant": _colour(173),
    "Token.Name.Function": ACCENT,
    "Token.Name.Class": ACCENT,
    "Token.Name.Decorator": _colour(173),
    "Token.Name.Builtin": _colour(80),
    "Token.Name.Tag": ACCENT,
    "Token.Name.Attribute": _colour(80),
    "Token.Literal.String": _colour(150),
    "Token.Literal.Number": _colour(173),
    "Token.Operator.Word": _colour(141),
    "Token.Comment": _colour(244, italic=True),
    "Token.Generic.Heading": ACCENT,
    "Token.Generic.Strong": STRONG,
}
"""The colour of code by Pygments' token names, each including all tokens below it."""
