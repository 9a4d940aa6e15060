"""Whether somebody's unsent words stand in an agent's prompt: what is typed would be sent together with them."""

from __future__ import annotations

import re
from collections.abc import Callable

_STYLE = re.compile(r"\x1b\[[0-9;:]*m")
_HINT = re.compile(r"\x1b\[(?:7m.\x1b\[(?:0|27)m|2m.*?(?:\x1b\[(?:0|22)m|$))")
"""The drawn cursor, and dim text: examples that stand in an empty prompt."""
_CLAUDES = "❯"


def drafted(family: str, screen: str) -> bool:
    """Say whether a draft stands in the prompt of an agent; ``screen`` is its pane with escape sequences."""
    look = _FAMILIES.get(family)
    return look is not None and look(screen)


def _in_claude(screen: str) -> bool:
    """Look at the lowest line that begins with Claude Code's mark (seen in 2.1.197)."""
    prompts = [line for line in screen.splitlines() if _STYLE.sub("", line).startswith(_CLAUDES)]
    if not prompts:
        return False
    words = _HINT.sub("", prompts[-1].partition(_CLAUDES)[2])
    return bool(_STYLE.sub("", words).strip())


_FAMILIES: dict[str, Callable[[str], bool]] = {"claude": _in_claude}
