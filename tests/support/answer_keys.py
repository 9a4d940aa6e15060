"""What the control pane shows in bold: the keys that answer once they count, and the tab that is shown."""

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
    return is_bold(screen, rf"(?<!\w){re.escape(f'{key} {word}')}")


def is_bold(screen: str, pattern: str) -> bool:
    """Return whether a match's beginning, or its group's, is bold on a screen with its colours."""
    # tmux tells only what changes, from one line to the next too.
    text = Text.from_ansi(screen)
    places = [found.start(found.lastindex or 0) for found in re.finditer(pattern, text.plain)]
    return any(text.get_style_at_offset(_CONSOLE, at).bold for at in places)
