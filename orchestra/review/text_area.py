"""A text area with the project's own keys, in the terminal's colours."""

from __future__ import annotations

from enum import Enum, auto
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from orchestra.bindings import Keymap, Where
from orchestra.review.keys import key
from orchestra.review.ordered_keys import Typed
from orchestra.views.text import block, line

_EDITS = {binding.key: binding.action for binding in Binding.make_bindings(TextArea.BINDINGS)}
"""The actions of a text area by Textual's names of their keys."""


class Ending(Enum):
    """How writing ends: complete, or put away for now."""

    SENT = auto()
    PUT_AWAY = auto()


class PlainTextArea(TextArea, inherit_bindings=False):
    """A text area that is given its keys, and says when what is written is complete, or put away."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    PlainTextArea { height: 1; padding: 0 1; border: none; background: ansi_default; color: ansi_default; display: none;
        scrollbar-size: 0 0; }
    PlainTextArea:focus { border: none; background: ansi_default; }
    PlainTextArea .text-area--cursor { text-style: reverse; color: ansi_default; background: ansi_default; }
    PlainTextArea .text-area--cursor-line { background: ansi_default; }
    PlainTextArea .text-area--selection { text-style: reverse; background: ansi_default; }
    """

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(soft_wrap=True, show_line_numbers=False, tab_behavior="focus", highlight_cursor_line=False)
        self.cursor_blink = False
        self._keymap = keymap

    @property
    def is_one_line(self) -> bool:
        """Whether what is written has one line, so that Enter completes it."""
        return False

    async def take_input(self, typed: Typed) -> Ending | None:
        """Take a key or pasted text; returns how the writing ends, if it does."""
        if isinstance(typed, events.Paste):
            lines = block(typed.text.replace("\r\n", "\n").replace("\r", "\n"))
            await self._on_paste(events.Paste(line(typed.text) if self.is_one_line else "\n".join(lines)))
            return None
        pressed = key(typed.key, typed.character).name
        action = self._keymap.does(pressed, Where.TEXT)
        if action == "send" or (self.is_one_line and pressed == "Enter"):
            return Ending.SENT
        if action == "cancel":
            return Ending.PUT_AWAY
        if not typed.is_printable and typed.key in _EDITS:
            await self.run_action(_EDITS[typed.key])
        else:
            await self._on_key(typed)
        return None
