"""Everything that waits for the person, each with the exact request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import chop_cells
from rich.style import Style
from rich.text import Text

from orchestra.attention import Need, NeedKind
from orchestra.bindings import Keymap
from orchestra.views import palette
from orchestra.views.text import age, block, fit, line, wrap

_GLYPHS: dict[NeedKind, tuple[str, Style]] = {
    NeedKind.PERMISSION: ("◆", palette.WARM),
    NeedKind.PROMPT: ("◆", palette.WARM),
    NeedKind.QUESTION: ("◆", palette.WARM),
    NeedKind.FAILED: ("✗", palette.BAD),
    NeedKind.TROUBLE: ("✗", palette.BAD),
    NeedKind.STUCK: ("?", palette.WARM),
    NeedKind.DONE: ("✓", palette.GOOD),
    NeedKind.MESSAGE: ("○", palette.ACCENT),
}
_WAYS = {
    NeedKind.PERMISSION: (("allow", "allow once"), ("always", "always in this session"), ("deny", "deny")),
    NeedKind.QUESTION: (("write", "answer"), ("switch", "go to the window")),
    NeedKind.MESSAGE: (("write", "reply"), ("seen", "put away as read"), ("switch", "go to the window")),
    NeedKind.DONE: (("diff", "see the diff"), ("review", "review"), ("merge", "merge")),
}
_JUMP = (("switch", "go to the window"),)


def need_lines(
    needs: Sequence[Need], *, selected: str, keymap: Keymap, now: datetime, width: int
) -> tuple[list[Text], dict[str, range]]:
    """Return the lines, none wider than ``width`` columns, and which of them are each need's."""
    lines: list[Text] = []
    places: dict[str, range] = {}
    for need in needs:
        if lines:
            lines.append(Text())
        start, chosen = len(lines), need.key == selected
        lines += [_heading(need, now, width, chosen=chosen), *_detail(need, width, chosen=chosen)]
        if chosen:
            lines.append(_keys(need, keymap, width))
        places[need.key] = range(start, len(lines))
    return lines, places


def _heading(need: Need, now: datetime, width: int, *, chosen: bool) -> Text:
    glyph, style = _GLYPHS[need.kind]
    old = f" {age(need.since, now):>3}"
    text = Text.assemble(("▌" if chosen else " ", palette.ACCENT), (f"{glyph} ", style), no_wrap=True)
    text.append(fit(line(need.session), width // 2), palette.STRONG).append(" ")
    text.append(fit(line(need.why), width - text.cell_len - len(old)), style)
    text.append(" " * max(0, width - text.cell_len - len(old))).append(old, palette.FAINT)
    text.truncate(width)
    if chosen:
        text.style = palette.SELECTED
    return text


def _detail(need: Need, width: int, *, chosen: bool) -> list[Text]:
    """Return the whole text, unless the heading has all of it."""
    if not need.detail or (need.why.endswith(need.detail) and len(need.why) < width // 2):
        return []
    bar = ("▌" if chosen else " ", palette.ACCENT)
    rows = _exact(need.detail, width - 3) if need.kind is NeedKind.PERMISSION else wrap(need.detail, width - 3)
    return [Text.assemble(bar, ("▏ ", palette.FAINT), row, no_wrap=True) for row in rows]


def _exact(text: str, width: int) -> list[str]:
    """Return a text's lines with every space in its place, those that are too long in pieces."""
    return [piece for row in block(text) for piece in chop_cells(row, max(2, width)) or [""]]


def _keys(need: Need, keymap: Keymap, width: int) -> Text:
    ways = _WAYS.get(need.kind, _JUMP)
    text = Text.assemble(("▌ ", palette.ACCENT), no_wrap=True)
    if need.kind in {NeedKind.PERMISSION, NeedKind.PROMPT} and not need.answerable:
        because = f"answer it there, because {line(need.note)}: " if need.note else "answer it there: "
        text.append(because, palette.MUTED)
        ways = _JUMP
    for action, label in ways:
        if key := keymap.key(action):
            text.append(f"{key.replace('Enter', '⏎')} ", palette.KEY).append(f"{label}  ", palette.MUTED)
    text.truncate(width, overflow="ellipsis")
    return text
