"""Textual's filter for a theme."""

from __future__ import annotations

import os

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from orchestra.config.settings import Settings
from orchestra.views.theme import Theme, theme


class ThemeFilter(LineFilter):
    """Shows everything in the colours of a theme."""

    def __init__(self, shown: Theme) -> None:
        super().__init__()
        self._theme = shown

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in other colours."""
        _ = background
        changed = self._theme.style
        return [Segment(text, changed(style) if style else style, control) for text, style, control in segments]


def filters(settings: Settings) -> tuple[LineFilter, ...]:
    """Return the filter for the theme in the settings, and for NO_COLOR (no-color.org)."""
    shown = theme("mono" if os.environ.get("NO_COLOR") else settings.theme, settings.colours)
    return (ThemeFilter(shown),) if shown is not None else ()
