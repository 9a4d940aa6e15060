"""Everything that waits for the person, each with the exact request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from rich.cells import cell_len, chop_cells
from rich.style import Style
from rich.text import Text

from orchestra.attention import Need, NeedKind
from orchestra.bindings import Keymap
from orchestra.model import MOST_LINES
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
    NeedKind.MERGE: ("✓", palette.WARM),
    NeedKind.MESSAGE: ("○", palette.ACCENT),
}
_WAYS = {
    NeedKind.PERMISSION: (("allow", "allow once"), ("always", "always in this session"), ("deny", "deny")),
    NeedKind.QUESTION: (("write", "answer"), ("open", "go to the window")),
    NeedKind.MESSAGE: (("write", "reply"), ("seen", "put away as read"), ("open", "go to the window")),
    NeedKind.MERGE: (("diff", "see the diff"), ("review", "review"), ("merge", "merge")),
    NeedKind.DONE: (("diff", "see the diff"), ("review", "review"), ("merge", "merge")),
}
KEY = "key"
"""What tells in a style's ``meta`` which key is named there, so that a click presses it."""
_FIRST = 24
"""The most lines of a permission request that is not selected."""
_JUMP = (("open", "go to the window"),)
_Ways = Sequence[tuple[str, str]]
"""Actions, each with what it does to a need."""


def need_lines(
    needs: Sequence[Need],
    *,
    selected: str,
    keymap: Keymap,
    now: datetime,
    width: int,
    early: frozenset[str] = frozenset(),
) -> tuple[list[Text], dict[str, range]]:
    """Return the lines, none wider than ``width`` columns, and which of them are each need's.

    ``early`` are the actions whose keys do not count yet.
    """
    lines: list[Text] = []
    places: dict[str, range] = {}
    for need in needs:
        if lines:
            lines.append(Text())
        start, chosen = len(lines), need.key == selected
        lines += [_heading(need, now, width, chosen=chosen), *_detail(need, width, chosen=chosen)]
        if chosen:
            lines += _keys(need, keymap, width, early)
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
    """Return the whole text, unless the heading has all of it; of a permission request always exactly."""
    if not need.detail:
        return []
    if need.kind is NeedKind.PERMISSION:
        whole = chosen and need.detail.count("\n") < MOST_LINES
        return list(_whole(need.detail, width)) if whole else _beginning(need, width, chosen=chosen)
    if need.why.endswith(need.detail) and cell_len(need.why) < width // 2:
        return []
    return [_row(row, chosen=chosen) for row in wrap(need.detail, width - 3)]


@lru_cache(maxsize=2)
def _whole(detail: str, width: int) -> tuple[Text, ...]:
    """Return the lines of the request under the cursor; they are made once, because there may be thousands."""
    return tuple(_row(row, chosen=True) for row in _exact(detail, width - 3))


def _beginning(need: Need, width: int, *, chosen: bool) -> list[Text]:
    """Return the first lines of a request, and that there are more: agents may ask for much in many requests."""
    start = need.detail[: _FIRST * width]
    rows = _exact(start, width - 3)
    more = len(rows) > _FIRST or len(start) < len(need.detail)
    words = "… it is too long to be shown whole" if chosen else "… it goes on; select it to read the rest"
    return [_row(row, chosen=chosen) for row in (*rows[:_FIRST], *((words,) if more else ()))]


def _row(row: str, *, chosen: bool) -> Text:
    return Text.assemble(("▌" if chosen else " ", palette.ACCENT), ("▏ ", palette.FAINT), row, no_wrap=True)


def _exact(text: str, width: int) -> list[str]:
    """Return a text's lines with every space in its place, those that are too long in pieces."""
    return [piece for row in block(text) for piece in chop_cells(row, max(2, width)) or [""]]


def _keys(need: Need, keymap: Keymap, width: int, early: frozenset[str]) -> list[Text]:
    """Return what can be done about the selected need, or what became of it."""
    if need.over:
        return _told(f"this request {need.over}", palette.WARM, width)
    elsewhere = need.kind in {NeedKind.PERMISSION, NeedKind.PROMPT} and not need.answerable
    because = f"answer it there, because {line(need.note)}:" if need.note else "answer it there:"
    ways = _JUMP if elsewhere else _WAYS.get(need.kind, _JUMP)
    whole = _spelled(ways, keymap, early)
    told = _told(because, palette.MUTED, width) if elsewhere else []
    if told and told[-1].cell_len + 1 + whole.cell_len <= width:
        return [*told[:-1], Text.assemble(told[-1], " ", whole, no_wrap=True)]
    fits = whole.cell_len + 2 <= width
    last = Text.assemble(
        ("▌ ", palette.ACCENT), whole if fits else _spelled(_in_words(ways, keymap), keymap, early), no_wrap=True
    )
    last.truncate(width, overflow="ellipsis")
    return [*told, last]


def _told(words: str, style: Style, width: int) -> list[Text]:
    return [Text.assemble(("▌ ", palette.ACCENT), (row, style), no_wrap=True) for row in wrap(words, width - 2)]


def _in_words(ways: _Ways, keymap: Keymap) -> _Ways:
    return tuple((action, keymap[action].word or label) for action, label in ways)


def _spelled(ways: _Ways, keymap: Keymap, early: frozenset[str]) -> Text:
    text = Text()
    for action, label in ways:
        if key := keymap.key(action):
            here = Style(meta={KEY: key})
            style = palette.EARLY if action in early else palette.KEY
            text.append("  " if text else "").append(f"{key.replace('Enter', keymap.enter)} ", style + here)
            text.append(label, palette.MUTED + here)
    return text
