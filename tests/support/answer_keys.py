"""What the control pane shows of the keys that answer: bold once they count."""

from __future__ import annotations

import re

from rich.console import Console
from rich.text import Text

from orchestra.bindings import Keymap, Where

_CONSOLE = Console()


def is_counted(screen: str, key: str) -> bool:
    """Return whether a screen with its colours shows a key as one whose answer counts now."""
    keymap = Keymap()
    word = next(one.word for place in (Where.QUESTION, Where.NEEDS) if (one := keymap.at(key, place)))
    # tmux tells only what changes, from one line to the next too.
    text = Text.from_ansi(screen)
    places = [found.start() for found in re.finditer(rf"(?<!\w){re.escape(f'{key} {word}')}", text.plain)]
    return any(text.get_style_at_offset(_CONSOLE, at).bold for at in places)
