"""Detect a draft in an agent's prompt, because typed text would be sent together with it."""

from __future__ import annotations

import re
from collections.abc import Callable

_STYLE = re.compile(r"\x1b\[[0-9;:]*m")
_HINT = re.compile(r"\x1b\[(?:7m.\x1b\[(?:0|27)m|2m.*?(?:\x1b\[(?:0|22)m|$))")
"""The drawn cursor, and dim text: hints that an empty prompt shows."""
_CLAUDES = "❯"
_CODEXS = "›"
_GEMINIS = re.compile(r" [>*!] ")
_ASKS_FOR_ONE = "Type your message or @path/to/file"
"""The hint in Gemini CLI's empty prompt, which has an ordinary colour."""


def reads(family: str) -> bool:
    """Return whether the prompt of this family's program can be recognised."""
    return family in _FAMILIES


def prompt_text(family: str, screen: str) -> str | None:
    """Return the text in an agent's prompt, empty if there is none, and None if no prompt is visible.

    ``screen`` is its pane with escape sequences.
    """
    look = _FAMILIES.get(family)
    return look(screen) if look is not None else None


def _after(mark: str) -> Callable[[str], str | None]:
    """Return the text after the mark in the lowest line that begins with it."""

    def look(screen: str) -> str | None:
        prompts = [line for line in screen.splitlines() if _STYLE.sub("", line).startswith(mark)]
        if not prompts:
            return None
        words = _HINT.sub("", prompts[-1].partition(mark)[2])
        return _STYLE.sub("", words).strip()

    return look


def _in_gemini(screen: str) -> str | None:
    """Read the lowest line with a prompt; without one, something else is open that would receive typed text."""
    prompts = [line for line in map(_plain, screen.splitlines()) if _GEMINIS.match(line)]
    if not prompts:
        return None
    words = prompts[-1][3:].strip()
    return "" if words == _ASKS_FOR_ONE else words


def _plain(line: str) -> str:
    return _STYLE.sub("", line)


_FAMILIES: dict[str, Callable[[str], str | None]] = {
    "claude": _after(_CLAUDES),
    "codex": _after(_CODEXS),
    "gemini": _in_gemini,
}
"""Seen in Claude Code 2.1.197, Codex 0.169.0 and Gemini CLI 0.61.0."""
