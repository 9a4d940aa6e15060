"""Take what is typed in its order, however fast it comes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from textual import events
from textual.app import App

Typed = events.Key | events.Paste


@runtime_checkable
class TakesKeys(Protocol):
    """A screen that takes keys itself."""

    async def take_input(self, typed: Typed) -> bool:
        """Take a key or pasted text; returns False for what is Textual's."""


class OrderedKeys(App[None]):
    """An app that has dealt with each key before it looks at the next.

    Textual puts a key into the queue of a widget, of its screen and of the app, one after the other. Of keys that come
    together, the second goes to the widget that had the focus before the first, and a letter overtakes a backspace.
    """

    async def on_event(self, event: events.Event) -> None:
        """Let the screen take what is typed; everything else goes Textual's way."""
        if isinstance(event, Typed) and not event.is_forwarded:
            self.app_focus = True
            if await self.take_input(event):
                return
        await super().on_event(event)

    async def take_input(self, typed: Typed) -> bool:
        """Take a key or pasted text; returns False for what is Textual's."""
        return isinstance(self.screen, TakesKeys) and await self.screen.take_input(typed)
