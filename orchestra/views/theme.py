"""Themes: the palette's colours, or others in their place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.color import Color
from rich.style import Style

COLOURS: Mapping[str, int] = {
    "accent": 75,
    "muted": 246,
    "faint": 243,
    "rule": 239,
    "good": 78,
    "bad": 203,
    "warm": 214,
    "violet": 141,
    "selected": 237,
}
"""The colours that a person may choose, with their numbers in the palette; ``selected`` is a background."""
_LIGHT: Mapping[int, int] = {
    75: 25, 246: 240, 243: 244, 239: 250, 78: 28, 203: 160, 214: 130, 141: 91, 173: 130, 80: 30, 150: 64, 255: 232,
}  # fmt: skip
_LIGHT_BACK: Mapping[int, int] = {237: 254}
_NO_COLOURS = Style.from_color(Color.default(), Color.default())


class Theme:
    """Turns a style of the palette into that of a theme."""

    def __init__(self, fore: Mapping[int, Color], back: Mapping[int, Color], *, mono: bool = False) -> None:
        self._fore, self._back, self._mono = fore, back, mono
        self.style = lru_cache(maxsize=1024)(self._style)

    def _style(self, style: Style) -> Style:
        if self._mono:
            marked = style.bgcolor is not None and not style.bgcolor.is_default
            return style + _NO_COLOURS + Style(reverse=True if marked else None)
        return style + Style(color=_replaced(style.color, self._fore), bgcolor=_replaced(style.bgcolor, self._back))


def _replaced(colour: Color | None, others: Mapping[int, Color]) -> Color | None:
    return others.get(colour.number) if colour is not None and colour.number is not None else None


def theme(name: str, own: Mapping[str, str] | None = None) -> Theme | None:
    """Return a theme with the person's own colours over it; None for the palette as it is."""
    if name == "mono":
        return Theme({}, {}, mono=True)
    light = name == "light"
    fore = {number: Color.from_ansi(other) for number, other in _LIGHT.items()} if light else {}
    back = {number: Color.from_ansi(other) for number, other in _LIGHT_BACK.items()} if light else {}
    for role, text in (own or {}).items():
        colour = Color.from_ansi(int(text)) if text.isdigit() else Color.parse(text)
        (back if role == "selected" else fore)[COLOURS[role]] = colour
    return Theme(fore, back) if fore or back else None
