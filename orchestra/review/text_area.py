"""A text area with the project's own keys, in the terminal's colours."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from orchestra.bindings import Keymap, Where
from orchestra.review.keys import key
from orchestra.views.text import block, line


class PlainTextArea(TextArea):
    """A text area that says when what is written is complete, and when it is put away."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    PlainTextArea { height: 1; padding: 0 1; border: none; background: ansi_default; color: ansi_default; display: none;
        scrollbar-size: 0 0; }
    PlainTextArea:focus { border: none; background: ansi_default; }
    PlainTextArea .text-area--cursor { text-style: reverse; color: ansi_default; background: ansi_default; }
    PlainTextArea .text-area--cursor-line { background: ansi_default; }
    PlainTextArea .text-area--selection { text-style: reverse; background: ansi_default; }
    """

    class Sent(Message):
        """What is written is complete."""

    class PutAway(Message):
        """The text is put away for now."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(soft_wrap=True, show_line_numbers=False, tab_behavior="focus", highlight_cursor_line=False)
        self.cursor_blink = False
        self._keymap = keymap

    @property
    def is_one_line(self) -> bool:
        """Whether what is written has one line, so that Enter completes it."""
        return False

    async def _on_key(self, event: events.Key) -> None:
        pressed = key(event.key, event.character)
        action = self._keymap.does(pressed.name, Where.TEXT)
        if action == "send" or (self.is_one_line and pressed.name == "Enter"):
            self.post_message(self.Sent())
        elif action == "cancel":
            self.post_message(self.PutAway())
        else:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        lines = block(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        await super()._on_paste(events.Paste(line(event.text) if self.is_one_line else "\n".join(lines)))
        event.stop()
        event.prevent_default()
