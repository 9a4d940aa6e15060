"""The colours of the palette, and others in their place."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style

from orchestra.config.looks import COLOUR_NAMES
from orchestra.views import palette
from orchestra.views.theme import COLOURS, Theme, theme


def shown(name: str, own: dict[str, str] | None = None) -> Theme:
    made = theme(name, own)
    assert made is not None
    return made


def test_the_dark_theme_is_the_palette_itself() -> None:
    assert theme("dark") is None


def test_a_light_theme_keeps_what_is_not_a_colour() -> None:
    style = shown("light").style(palette.KEY)
    assert style.color == Color.from_ansi(25)
    assert style.bold
    assert shown("light").style(palette.SELECTED) == Style(color=Color.from_ansi(232), bgcolor=Color.from_ansi(254))
    assert shown("light").style(Style(bold=True)) == Style(bold=True)


@pytest.mark.parametrize("style", [palette.BADGE, palette.ALARM, palette.TAB, palette.SELECTED])
def test_without_colours_a_background_is_reversed(style: Style) -> None:
    plain = shown("mono").style(style)
    assert plain.reverse
    assert (plain.color, plain.bgcolor) == (Color.default(), Color.default())


def test_without_colours_plain_text_stays_plain() -> None:
    assert not shown("mono").style(palette.BAD).reverse


def test_own_colours_are_over_those_of_a_theme() -> None:
    own = shown("light", {"accent": "#ff8700", "bad": "red", "good": "40", "selected": "17"})
    assert own.style(palette.ACCENT).color == Color.parse("#ff8700")
    assert own.style(palette.BAD).color == Color.parse("red")
    assert own.style(palette.GOOD).color == Color.from_ansi(40)
    assert own.style(palette.SELECTED).bgcolor == Color.from_ansi(17)
    assert own.style(palette.WARM).color == Color.from_ansi(130)


def test_every_colour_that_a_person_may_name_is_one_of_the_palette() -> None:
    assert sorted(COLOURS) == sorted(COLOUR_NAMES)
