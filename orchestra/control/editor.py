"""The text area in which the person writes to sessions."""

from __future__ import annotations

from orchestra.bindings import Keymap
from orchestra.control.state import ONE_LINE, Draft, Purpose
from orchestra.review.text_area import PlainTextArea


class Editor(PlainTextArea):
    """A text area that keeps what was written for each purpose until it is sent."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._drafts: dict[Draft, str] = {}
        self._draft: Draft | None = None

    @property
    def is_one_line(self) -> bool:
        """Whether what is written has one line, so that Enter completes it."""
        return self._draft is not None and self._draft.purpose in ONE_LINE

    def opens(self, draft: Draft | None) -> None:
        """Show what was written for a purpose, or nothing; keeps what was written before."""
        if draft == self._draft:
            return
        if self._draft is not None:
            self._drafts[self._draft] = self.text
        self._draft = draft
        self.load_text(self._drafts.get(draft, "") if draft is not None else "")
        self.move_cursor(self.document.end)
        if draft is not None and draft.purpose is Purpose.SEARCH:
            # What was searched for last is searched for again, or typed over.
            self.select_all()

    def forgets(self, draft: Draft) -> None:
        """Drop what was written, because it was sent."""
        self._drafts.pop(draft, None)
        if draft == self._draft:
            self._draft = None
