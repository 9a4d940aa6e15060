"""Check the person's own keys and colours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestra.bindings import actions, doubled
from orchestra.config.schema import known_key
from orchestra.errors import BadConfig

_NAMED = "Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|PgUp|PgDn|DC|IC|F[1-9]|F1[0-2]"
_KEY = re.compile(rf"(?:[CM]-){{0,2}}(?:\S|{_NAMED})")
"""A key as tmux(1) names it."""
COLOUR_NAMES = ("accent", "muted", "faint", "rule", "good", "bad", "warm", "violet", "selected")
_COLOUR = re.compile(
    r"#[0-9a-fA-F]{6}|(?:bright_)?(?:black|red|green|yellow|blue|magenta|cyan|white)|\d{1,2}|1\d\d|2[0-4]\d|25[0-5]"
)


def check_keys(own: Mapping[str, tuple[str, ...]], where: str) -> None:
    """Raise BadConfig for an action that there is not, for what is no key, and for a key of two actions."""
    for action, keys in own.items():
        known_key(action, actions(), where, noun="action")
        for key in keys:
            if not _KEY.fullmatch(key):
                hint = "write one character, or a name such as Enter, PgDn, F5, C-n"
                raise BadConfig(f"{where}: keys: {action} cannot have the key {key!r}", hint=hint)
    if (both := doubled(own)) is not None:
        key, first, second = both
        message = f"{where}: keys: {key} would be the key of {first} and of {second}"
        raise BadConfig(message, hint=f"give {first if first not in own else second} another key too")


def check_colours(own: Mapping[str, str], where: str) -> None:
    """Raise BadConfig for a colour that there is not, and for what is no colour."""
    for name, colour in own.items():
        known_key(name, COLOUR_NAMES, where, noun="colour")
        if not _COLOUR.fullmatch(colour):
            hint = 'write "#rrggbb" (in quotes), a name such as red or bright_blue, or a number up to 255'
            raise BadConfig(f"{where}: colours: {name} cannot be {colour!r}", hint=hint)
