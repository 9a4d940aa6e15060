"""The sessions, as the control pane's list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from orchestra.model import DiffStat, SandboxKind, Session, State
from orchestra.model.sessions import LIVE
from orchestra.views import palette
from orchestra.views.text import age, fit, line, short
from orchestra.views.usage import context_left, money

_ROOMY, _WIDE = 40, 64
"""From these many columns on, the agent, and the branch, are shown beside the session's name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One session in the list.

    ``stem`` is the branches of the tree before its name. ``why`` says in words what it needs the
    person for, empty if nothing. ``folded`` is the number of sessions hidden below it. ``red_check`` is
    whether the last check before its merge failed, ``over_budget`` whether it has cost too much. ``place`` is
    its place in the queue of a branch, ``left`` what is open in its spec although it is done, ``comments`` what is
    open of the person's comments on it, all in words, and ``conflict`` with whom it will conflict.
    """

    session: Session
    stem: str = ""
    why: str = ""
    asks: bool = False
    unread: int = 0
    parent: bool = False
    folded: int = 0
    red_check: bool = False
    over_budget: bool = False
    place: str = ""
    conflict: str = ""
    left: str = ""
    comments: str = ""


def in_tree(
    sessions: Sequence[Session], order: Callable[[Session], int] = lambda _: 0, folded: Collection[str] = ()
) -> list[tuple[Session, str]]:
    """Return every session once, each below its parent, with the branches drawn before its name.

    Sessions with the same parent are sorted by ``order``. What is below a ``folded`` one is left out.
    """
    names = {session.name for session in sessions}
    below: dict[str | None, list[Session]] = {}
    for session in sorted(sessions, key=order):
        below.setdefault(session.parent if session.parent in names else None, []).append(session)
    tree = _Tree(below, folded)
    for session in below.get(None, []):
        tree.grow(session, "", tree.ordered)
    # Sessions that are each other's parents hang below nobody.
    return tree.ordered + [(session, "") for session in sessions if session.name not in tree.reached]


class _Tree:
    """The sessions in the order of the tree, and the names of those that it has reached, folded ones too."""

    def __init__(self, below: Mapping[str | None, list[Session]], folded: Collection[str]) -> None:
        self._below, self._folded = below, folded
        self.ordered: list[tuple[Session, str]] = []
        self.reached: set[str] = set()

    def grow(self, session: Session, stem: str, shown: list[tuple[Session, str]]) -> None:
        """Add a session and what is below it."""
        if session.name in self.reached:
            return
        self.reached.add(session.name)
        shown.append((session, stem))
        children = self._below.get(session.name, [])
        base = stem.replace("├ ", "│ ").replace("└ ", "  ")
        for child in children:
            branch = "└ " if child is children[-1] else "├ "
            self.grow(child, base + branch, [] if session.name in self._folded else shown)


def session_lines(rows: Sequence[Row], *, selected: str, now: datetime, width: int, detailed: bool) -> list[Text]:
    """Return lines of ``width`` columns: two for each session if ``detailed``, else one."""
    lines: list[Text] = []
    for row in rows:
        old = age(row.session.state_since, now)
        lines += _lines_of(row, old, width, detailed, row.session.name == selected)
    return lines


@lru_cache(maxsize=1024)
def _lines_of(row: Row, old: str, width: int, detailed: bool, chosen: bool) -> tuple[Text, ...]:  # noqa: FBT001 -- a key of the cache
    """Return the lines of one session, the same objects as long as nothing about it changes."""
    first = _marked(_first(row, old, width - 1, detailed=detailed), chosen, width)
    if not detailed:
        return (first,)
    below = row.stem.replace("├ ", "│ ").replace("└ ", "  ")
    return first, _marked(_second(row, below + ("│ " if row.parent else "  "), width - 1), chosen, width)


def _marked(row: Text, chosen: bool, width: int) -> Text:  # noqa: FBT001 -- called once for each line of a row
    whole = Text.assemble(("▌" if chosen else " ", palette.ACCENT), row, no_wrap=True)
    whole.pad_right(max(0, width - whole.cell_len))
    if chosen:
        whole.style = palette.SELECTED
    return whole


def _first(row: Row, old: str, width: int, *, detailed: bool) -> Text:
    session = row.session
    least = min(cell_len(line(session.name)), 12)
    right = Text(" ").append_text(badges(row, width - cell_len(row.stem) - least - _AROUND))
    for extra in _extras(row, width, detailed=detailed):
        if extra.cell_len + right.cell_len + cell_len(row.stem) + least + _AROUND <= width:
            right.append_text(extra)
    right.append(f"{old:>3} ", palette.MUTED)
    start = Text.assemble((row.stem, palette.RULE))
    start.append(f"{palette.STATE_GLYPHS[session.state]} ", palette.STATE_STYLES[session.state])
    room = width - start.cell_len - right.cell_len
    name = fit(line(session.name), room)
    start.append(name, palette.STRONG)
    if row.folded and cell_len(name) + 4 <= room:
        start.append(f" +{short(row.folded)}", palette.MUTED)
    if not detailed and (left := width - start.cell_len - right.cell_len - 2) >= _WHY_LEAST:
        start.append(f"  {fit(words(row), left)}", _style(row))
    return _spread(start, right, width)


_WHY_LEAST = 12
_AROUND = 8
"""The columns of the state's glyph, the age, and the spaces around them."""


def _extras(row: Row, width: int, *, detailed: bool) -> list[Text]:
    """Return what else is shown of a session if there is room, the most important first."""
    session = row.session
    if width + 1 < _ROOMY:
        return []
    agent = Text(f"{line(session.agent)} ", palette.FAINT)
    if not detailed:
        return [_changed(session, files=False), agent] if width >= _WIDE else [_changed(session, files=False)]
    branch = Text(f"{fit(line(session.branch), 28)} ", palette.FAINT) if width >= _WIDE else Text()
    return [agent, used(session), branch]


def used(session: Session) -> Text:
    """Return the context left and the cost of a session, empty where its agent tells neither."""
    text = Text()
    if session.context is not None:
        little = session.context > _NEARLY_FULL
        text.append(f"{context_left(session.context)} left ", palette.WARM if little else palette.FAINT)
    if session.cost is not None:
        text.append(f"{money(session.cost)} ", palette.FAINT)
    return text


_NEARLY_FULL = 80
"""Percent of the context from which on what is left stands out."""


def badges(row: Row, room: int | None = None) -> Text:
    """Return what stands out about a session, each with a space after it; with ``room``, only as much as fits."""
    session = row.session
    known = (
        (bool(row.unread), f" {short(row.unread)} ", palette.BADGE),
        (bool(session.trouble), " ! ", palette.ALARM),
        (session.sandbox is SandboxKind.HOST, " HOST ", palette.ALARM),
        (row.red_check, "red check", palette.BAD),
        (bool(row.comments), row.comments, palette.WARM),
        (row.over_budget, "over budget", palette.WARM),
        (bool(row.conflict), "conflict", palette.WARM),
        (bool(session.stuck), "stuck", palette.WARM),
        (session.limited_until is not None, "limit", palette.WARM),
        (session.paired, "paired", palette.VIOLET),
        (bool(session.tried), "tried", palette.VIOLET if session.tried == LIVE else palette.WARM),
    )
    shown = Text()
    for _, words, style in (one for one in known if one[0]):
        if room is None or shown.cell_len + len(words) + 1 <= room:
            shown.append(words, style).append(" ")
    return shown


def _changed(session: Session, *, files: bool = True) -> Text:
    shown = counted(session, files=files)
    return shown.append(" ") if shown else shown


def counted(session: Session, *, files: bool = True) -> Text:
    """Return the size of a session's changes, with a word if they are not counted at once."""
    how = session.counting.partition(":")[0]
    size = changes(session.diff, files=files) if session.diff.files else Text()
    return Text(" ").join(part for part in (Text(how, palette.WARM), size) if part)


def _second(row: Row, stem: str, width: int) -> Text:
    right = _changed(row.session)
    room = width - cell_len(stem) - right.cell_len - 1
    return _spread(Text.assemble((stem, palette.RULE), (fit(words(row), room), _style(row))), right, width)


def words(row: Row) -> str:
    """Say in one line why a session needs the person, or else what it does."""
    if row.why:
        return line(row.why)
    conflict = f"will conflict with {line(row.conflict)}" if row.conflict else ""
    return " · ".join(
        part for part in (line(row.place), conflict, "" if row.place else left(row) + doing(row.session)) if part
    )


def left(row: Row) -> str:
    """Return how much of its spec a session that is done has left open, to be put before its report."""
    return f"{line(row.left)}: " if row.left else ""


def _style(row: Row) -> Style:
    return words_style(row.session, asks=row.asks)


_LOUD = {State.WAITING: palette.WARM, State.FAILED: palette.BAD}


def words_style(session: Session, *, asks: bool = False) -> Style:
    """Return how loudly what a session does is shown."""
    if session.trouble:
        return palette.BAD
    return _LOUD.get(session.state, palette.WARM if asks else palette.MUTED)


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
