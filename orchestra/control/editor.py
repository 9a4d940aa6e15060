"""The text area in which the person writes to sessions."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from orchestra.bindings import Keymap, Where
from orchestra.control.keys import key
from orchestra.control.state import ONE_LINE, Draft
from orchestra.views.text import block, line


class Editor(TextArea):
    """A text area that keeps what was written for each purpose until it is sent."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    Editor { height: 1; padding: 0 1; border: none; background: ansi_default; color: ansi_default; display: none;
        scrollbar-size: 0 0; }
    Editor:focus { border: none; background: ansi_default; }
    Editor .text-area--cursor { text-style: reverse; color: ansi_default; background: ansi_default; }
    Editor .text-area--cursor-line { background: ansi_default; }
    Editor .text-area--selection { text-style: reverse; background: ansi_default; }
    """

    class Sent(Message):
        """What is written is complete."""

    class PutAway(Message):
        """The text is put away for now."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(soft_wrap=True, show_line_numbers=False, tab_behavior="focus", highlight_cursor_line=False)
        self.cursor_blink = False
        self._keymap = keymap
        self._drafts: dict[Draft, str] = {}
        self._draft: Draft | None = None

    def opens(self, draft: Draft | None) -> None:
        """Show what was written for a purpose, or nothing; keeps what was written before."""
        if draft == self._draft:
            return
        if self._draft is not None:
            self._drafts[self._draft] = self.text
        self._draft = draft
        self.load_text(self._drafts.get(draft, "") if draft is not None else "")
        self.move_cursor(self.document.end)

    def forgets(self, draft: Draft) -> None:
        """Drop what was written, because it was sent."""
        self._drafts.pop(draft, None)
        if draft == self._draft:
            self._draft = None

    async def _on_key(self, event: events.Key) -> None:
        pressed = key(event.key, event.character)
        action = self._keymap.does(pressed.name, Where.TEXT)
        one_line = self._draft is not None and self._draft.purpose in ONE_LINE
        if action == "send" or (one_line and pressed.name == "Enter"):
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
        one_line = self._draft is not None and self._draft.purpose in ONE_LINE
        await super()._on_paste(events.Paste(line(event.text) if one_line else "\n".join(lines)))
        event.stop()
        event.prevent_default()
