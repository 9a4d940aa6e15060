"""Whether somebody's unsent words stand in an agent's prompt: what is typed would be sent together with them."""

from __future__ import annotations

import re
from collections.abc import Callable

_STYLE = re.compile(r"\x1b\[[0-9;:]*m")
_HINT = re.compile(r"\x1b\[(?:7m.\x1b\[(?:0|27)m|2m.*?(?:\x1b\[(?:0|22)m|$))")
"""The drawn cursor, and dim text: examples that stand in an empty prompt."""
_CLAUDES = "❯"
_CODEXS = "›"


def drafted(family: str, screen: str) -> bool:
    """Say whether a draft stands in the prompt of an agent; ``screen`` is its pane with escape sequences."""
    look = _FAMILIES.get(family)
    return look is not None and look(screen)


def _after(mark: str) -> Callable[[str], bool]:
    """Look at what follows the mark in the lowest line that begins with it."""

    def look(screen: str) -> bool:
        prompts = [line for line in screen.splitlines() if _STYLE.sub("", line).startswith(mark)]
        if not prompts:
            return False
        words = _HINT.sub("", prompts[-1].partition(mark)[2])
        return bool(_STYLE.sub("", words).strip())

    return look


_FAMILIES: dict[str, Callable[[str], bool]] = {"claude": _after(_CLAUDES), "codex": _after(_CODEXS)}
"""Seen in Claude Code 2.1.197 and Codex 0.169.0."""
