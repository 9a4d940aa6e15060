"""The sessions, as the control pane's list and as a wide table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich import box
from rich.cells import cell_len
from rich.style import Style
from rich.table import Table
from rich.text import Text

from orchestra.model import DiffStat, SandboxKind, Session, State
from orchestra.views import palette
from orchestra.views.text import age, fit, line, short
from orchestra.views.usage import context_left, money

_ROOMY = 40
"""From this many columns on, the agent is shown beside the session's name."""


def in_tree(sessions: Sequence[Session]) -> list[tuple[Session, str]]:
    """Return every session once, each below its parent, with the branches drawn before its name."""
    names = {session.name for session in sessions}
    ordered: list[tuple[Session, str]] = []
    for session in sessions:
        if session.parent not in names:
            _grow(session, sessions, "", ordered)
    shown = {session.name for session, _ in ordered}
    return ordered + [(session, "") for session in sessions if session.name not in shown]


def _grow(session: Session, sessions: Sequence[Session], stem: str, ordered: list[tuple[Session, str]]) -> None:
    ordered.append((session, stem))
    children = [other for other in sessions if other.parent == session.name and other.name != session.name]
    base = stem.replace("├ ", "│ ").replace("└ ", "  ")
    for child in children:
        _grow(child, sessions, base + ("└ " if child is children[-1] else "├ "), ordered)


def session_lines(
    sessions: Sequence[Session],
    *,
    unread: Mapping[str, int],
    selected: str,
    now: datetime,
    width: int,
    height: int,
) -> list[Text]:
    """Return at most ``height`` lines of ``width`` columns: two lines per session if they fit, else one."""
    rows = in_tree(sessions)
    detailed = 2 * len(rows) <= height
    lines: list[Text] = []
    at = 0
    for session, stem in rows:
        chosen = session.name == selected
        at = len(lines) if chosen else at
        lines.append(_marked(_first(session, stem, unread, now, width - 1, detailed=detailed), chosen, width))
        if detailed:
            below = stem.replace("├ ", "│ ").replace("└ ", "  ")
            parent = any(other.parent == session.name for other, _ in rows)
            lines.append(_marked(_second(session, below + ("│ " if parent else "  "), width - 1), chosen, width))
    top = max(0, min(at - height // 2, len(lines) - height))
    return lines[top : top + height]


def _marked(row: Text, chosen: bool, width: int) -> Text:  # noqa: FBT001 -- called once for each line of a row
    whole = Text.assemble(("▌" if chosen else " ", palette.ACCENT), row, no_wrap=True)
    whole.pad_right(max(0, width - whole.cell_len))
    if chosen:
        whole.style = palette.SELECTED
    return whole


def _first(
    session: Session, stem: str, unread: Mapping[str, int], now: datetime, width: int, *, detailed: bool
) -> Text:
    marks = _marks(session, unread)
    room = width - cell_len(stem) - 2 - cell_len(session.name) - marks.cell_len - 5
    also = Text(f"{line(session.agent)} ", palette.FAINT) if detailed else _changed(session, files=False)
    if width + 1 >= _ROOMY and also.cell_len <= room:
        marks = Text.assemble(marks, also)
    marks.append(f"{age(session.state_since, now):>3} ", palette.MUTED)
    start = Text.assemble((stem, palette.RULE))
    start.append(f"{palette.STATE_GLYPHS[session.state]} ", palette.STATE_STYLES[session.state])
    room = width - cell_len(stem) - 2 - marks.cell_len
    start.append(fit(line(session.name), room), palette.STRONG)
    return _spread(start, marks, width)


def _marks(session: Session, unread: Mapping[str, int]) -> Text:
    marks = Text(" ")
    if number := unread.get(session.name, 0):
        marks.append(f" {short(number)} ", palette.BADGE).append(" ")
    if session.paired:
        marks.append("paired ", palette.VIOLET)
    if session.sandbox is SandboxKind.HOST:
        marks.append(" HOST ", palette.ALARM).append(" ")
    return marks


def _changed(session: Session, *, files: bool = True) -> Text:
    return changes(session.diff, files=files).append(" ") if session.diff.files else Text()


def _second(session: Session, stem: str, width: int) -> Text:
    right = _changed(session)
    room = width - cell_len(stem) - right.cell_len - 1
    style = _style(session)
    return _spread(Text.assemble((stem, palette.RULE), (fit(doing(session), room), style)), right, width)


_LOUD = {State.WAITING: palette.WARM, State.FAILED: palette.BAD}


def _style(session: Session) -> Style:
    return palette.BAD if session.trouble else _LOUD.get(session.state, palette.MUTED)


def doing(session: Session) -> str:
    """Describe in one line what a session does or waits for; its state if nothing more is known."""
    return line(session.trouble or session.evidence.text or session.summary) or session.state.value


def changes(diff: DiffStat, *, files: bool = True) -> Text:
    """Return the size of the changes: lines added, lines removed, number of files."""
    text = Text()
    if diff.uncounted:
        text.append("≥ ", palette.MUTED)
    text.append(f"+{short(diff.insertions)}", palette.ADDED).append(" ")
    text.append(f"−{short(diff.deletions)}", palette.REMOVED)
    if files:
        text.append(f" ▤{short(diff.files)}", palette.MUTED)
    return text


def _spread(left: Text, right: Text, width: int) -> Text:
    left.append(" " * max(0, width - left.cell_len - right.cell_len))
    left.append_text(right)
    left.truncate(width)
    return left


_COLUMNS = ("session", "state", "age", "agent", "changes", "commits", "cost", "context", "doing")
_RIGHT = frozenset({"age", "changes", "commits", "cost", "context"})
_DOING_LEAST = 16


def wide_table(sessions: Sequence[Session], *, unread: Mapping[str, int], now: datetime) -> Table:
    """Return every session in a table, without columns that would be empty."""
    rows = [_cells(session, stem, unread.get(session.name, 0), now) for session, stem in in_tree(sessions)]
    table = Table(
        box=box.SIMPLE_HEAD,
        header_style=palette.MUTED,
        border_style=palette.RULE,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    kept = [number for number in range(len(_COLUMNS)) if not rows or any(row[number].plain for row in rows)]
    for name in (_COLUMNS[number] for number in kept):
        if name == "doing":
            # The texts, not the column, refuse to wrap, so that rich makes this column narrower.
            table.add_column(name, overflow="ellipsis", min_width=_DOING_LEAST)
        else:
            table.add_column(name, no_wrap=True, justify="right" if name in _RIGHT else "left")
    for row in rows:
        table.add_row(*(row[number] for number in kept))
    return table


def _cells(session: Session, stem: str, unread: int, now: datetime) -> tuple[Text, ...]:
    on_host = session.sandbox is SandboxKind.HOST
    badge = (f" {short(unread)} ", palette.BADGE)
    return (
        Text.assemble((stem, palette.RULE), (line(session.name), palette.STRONG), *((" ", badge) if unread else ())),
        Text(f"{palette.STATE_GLYPHS[session.state]} {session.state}", palette.STATE_STYLES[session.state]),
        Text(age(session.state_since, now), palette.MUTED),
        Text.assemble((line(session.agent), palette.MUTED), *((" ", (" HOST ", palette.ALARM)) if on_host else ())),
        changes(session.diff) if session.diff.files else Text(),
        Text(str(session.commits or "")),
        Text("" if session.cost is None else money(session.cost)),
        Text(context_left(session.context), palette.MUTED),
        Text(doing(session), _style(session), no_wrap=True, overflow="ellipsis"),
    )
