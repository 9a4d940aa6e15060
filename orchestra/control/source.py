"""What the control pane asks of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from orchestra.control.reviews import Window
from orchestra.control.state import Health


class Source(Window, Protocol):
    """What the control pane asks of a project; each is called in a thread of its own."""

    def perform(self, action: str, arguments: Mapping[str, Any]) -> object:
        """Run an action; raises its errors."""

    def budget(self) -> float:
        """Return what a session may cost, in US dollars; 0 for no limit."""

    def health(self, contained: bool) -> Health:  # noqa: FBT001 -- whether any session needs the engine
        """Check whether the service and the engine answer."""

    def fit(self) -> None:
        """Resize the pane to its layout."""

    def leave(self) -> bool:
        """Detach the person's terminal; returns whether the control pane stays."""
