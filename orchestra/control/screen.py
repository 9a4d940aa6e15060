"""Render the control pane's frame with rich, from a view value alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO

from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderResult
from rich.layout import Layout
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from orchestra.control.state import Input, Mode, Tab, View, measured
from orchestra.model import Session, State
from orchestra.views import palette
from orchestra.views.keys import keys_table
from orchestra.views.monitor import MessagesView, monitor_view
from orchestra.views.session_list import session_lines
from orchestra.views.text import age, code, count, fit, fit_path, line, wrap

LEAST_WIDTH, LEAST_HEIGHT = 20, 6
_HEADER = 2
_SHARE = 0.45
"""The largest share of the height for the list of sessions."""
_FEWEST = 3
_NAMED_LIGHTS = 32
"""The least width at which lights that are on have names."""
_NOTICE_LINES = 8
_KEYS = (
    ("?", "help"), ("⏎", "go"), ("N", "new"), ("s", "spec"), ("t", "term"), ("d", "diff"), ("m", "monitor"),
    ("M", "merge"), ("D", "delete"), ("p", "pair"), ("q", "leave"),
)  # fmt: skip
"""Reminders of keys, the most needed first; as many as fit are shown."""

Line = list[Segment]


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole screen by lines, and the view with its measured values."""

    lines: list[Line]
    view: View


class _Block:
    """Finished lines that rich can lay out."""

    def __init__(self, lines: Iterable[Text]) -> None:
        self._lines = list(lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for row in self._lines:
            row.no_wrap = True
            yield row


class Screen:
    """Composes frames; its only state is rich's console."""

    def __init__(self) -> None:
        self._console = Console(
            file=StringIO(),
            force_terminal=True,
            color_system="256",
            legacy_windows=False,
            highlight=False,
            markup=False,
        )

    def compose(self, view: View, width: int, height: int, now: datetime) -> Frame:
        """Return the frame of a view on a terminal of that many columns and rows."""
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return Frame(self._lines(_Block(_too_small(width, height)), width, height), view)
        foot = _clipped(view, _foot(view, width), max(1, height - LEAST_HEIGHT + 1))
        room = height - _HEADER - len(foot)
        if view.mode is Mode.HELP:
            return self._help(view, foot, width, height)
        listed = _list_height(view, room)
        body, view = _body(view, width, max(0, room - listed - 1), now)
        layout = Layout()
        layout.split_column(
            Layout(_Block(_header(view, width)), size=_HEADER),
            Layout(_Block(_listing(view, width, listed, now)), size=listed),
            Layout(_Block([_tabs(view, width)]), size=1),
            Layout(_Block(body), ratio=1),
            Layout(_Block(foot), size=len(foot)),
        )
        return Frame(self._lines(layout, width, height), view)

    def _help(self, view: View, foot: list[Text], width: int, height: int) -> Frame:
        room = height - _HEADER - len(foot)
        rendered = self._console.render_lines(keys_table(view.prefix_key), self._options(width - 2, None), pad=False)
        rows = [Text.assemble(" ", *((part.text, part.style or "") for part in row)) for row in rendered]
        view = measured(view, room, max(0, len(rows) - room))
        layout = Layout()
        layout.split_column(
            Layout(_Block(_header(view, width)), size=_HEADER),
            Layout(_Block(rows[view.scroll : view.scroll + room]), ratio=1),
            Layout(_Block(foot), size=len(foot)),
        )
        return Frame(self._lines(layout, width, height), view)

    def _options(self, width: int, height: int | None) -> ConsoleOptions:
        return self._console.options.update(width=width, height=height)

    def _lines(self, shown: Layout | _Block, width: int, height: int) -> list[Line]:
        self._console.size = ConsoleDimensions(width, height)
        lines = self._console.render_lines(shown, self._options(width, height), pad=True)
        blank = [Segment(" " * width)]
        return [*lines[:height], *([blank] * (height - len(lines)))]


def _too_small(width: int, height: int) -> list[Text]:
    return [Text(fit(words, width)) for words in ("orchestra", "needs more room")][:height]


def ages(view: View, now: datetime) -> tuple[str, ...]:
    """Return every age that a frame of this view shows; while none changes, no new frame is needed."""
    moments = [session.state_since for session in view.data.sessions]
    if view.tab is Tab.MONITOR:
        moments += [event.at for event in view.data.events]
    if view.tab is not Tab.DIFF:
        moments += [message.sent_at for message in view.data.messages]
    return tuple(age(moment, now) for moment in moments)


def _header(view: View, width: int) -> list[Text]:
    health = view.health
    lights = (("settings", health.settings), ("engine", health.engine), ("service", health.service))
    named = width >= _NAMED_LIGHTS and health.settings is not False
    right = Text.assemble(*(_light(label, well, named=named) for label, well in lights))
    title = Text.assemble(" ", (fit(line(view.project), width - right.cell_len - 2), palette.STRONG))
    title.append(" " * max(0, width - title.cell_len - right.cell_len))
    title.append_text(right)
    waiting = sum(session.state is State.WAITING for session in view.data.sessions)
    number = len(view.data.sessions)
    number_text = count(number, "session") if number else "no sessions"
    calls = Text.assemble(("· ", palette.RULE), (f"{waiting} waiting ", palette.WARM)) if waiting else Text()
    if len(number_text) + 2 + calls.cell_len > width:
        number_text = str(number)
    words = Text.assemble((f" {number_text} ", palette.MUTED), calls)
    return [title, Text.assemble(words, ("─" * max(0, width - words.cell_len), palette.RULE))]


def _light(label: str, well: bool | None, *, named: bool) -> Text:  # noqa: FBT001 -- what the light shows
    """Return one light; if there is little room, only lights that are out have names."""
    if well is None:
        return Text()
    name = f"{label} " if named or not well else ""
    return Text.assemble(("● " if well else "✗ ", palette.GOOD if well else palette.BAD), (name, palette.MUTED))


def _list_height(view: View, room: int) -> int:
    number = len(view.data.sessions)
    most = max(_FEWEST, int(room * _SHARE))
    return max(1, min(2 * number if 2 * number <= most else number, most, room - 2))


def _listing(view: View, width: int, height: int, now: datetime) -> list[Text]:
    if not view.data.sessions:
        return [Text(fit(" press N to create a session", width), palette.MUTED)]
    return session_lines(
        view.data.sessions, unread=view.data.unread, selected=view.selected, now=now, width=width, height=height
    )


def _tabs(view: View, width: int) -> Text:
    bar = _tab_names(view.tab)
    if bar.cell_len > width:
        bar = Text.assemble(("─", palette.RULE), (f" {view.tab} ", palette.TAB), (_of_all(view.tab), palette.MUTED))
    position = ""
    if view.last:
        position = f" {100 * view.scroll // view.last}% "
    name = f" {line(view.selected)} " if view.selected else ""
    if width - bar.cell_len - len(position) < len(name) + 2:
        name = ""
    bar.append("─" * max(0, width - bar.cell_len - len(name) - len(position) - 1), palette.RULE)
    bar.append(name, palette.FAINT).append(position, palette.ACCENT).append("─", palette.RULE)
    bar.truncate(width)
    return bar


def _tab_names(shown: Tab) -> Text:
    bar = Text("", no_wrap=True)
    for tab in Tab:
        bar.append("─", palette.RULE)
        bar.append(f" {tab} ", palette.TAB if tab is shown else palette.MUTED)
    return bar


def _of_all(shown: Tab) -> str:
    tabs = list(Tab)
    return f"{tabs.index(shown) + 1} of {len(tabs)} "


def _body(view: View, width: int, height: int, now: datetime) -> tuple[list[Text], View]:
    inner = width - 2
    session = view.session
    if session is None:
        return [], measured(view, height, 0)
    if view.tab is Tab.DIFF:
        return _diff(view, session, inner, height)
    rows = _monitor(view, session, now, inner) if view.tab is Tab.MONITOR else _messages(view, now, inner)
    view = measured(view, height, max(0, len(rows) - height))
    return _indented(rows[view.scroll : view.scroll + height]), view


def _diff(view: View, session: Session, width: int, height: int) -> tuple[list[Text], View]:
    if view.diff_of != session.name or (view.diff is None and not view.diff_error):
        return _indented([Text("reading the diff…", palette.FAINT)]), measured(view, height, 0)
    if view.diff is None or not len(view.diff):
        words = view.diff_error or f"{session.name} has changed nothing yet"
        rows = [Text(row, palette.BAD if view.diff_error else palette.FAINT) for row in wrap(words, width)]
        return _indented(rows[:height]), measured(view, height, 0)
    view = measured(view, height, max(0, len(view.diff) - height))
    shown = view.diff.lines(width, view.scroll, height) if view.diff is not None else ()
    return _indented(shown), view


def _monitor(view: View, session: Session, now: datetime, width: int) -> list[Text]:
    sent = [message for message in view.data.messages if message.sender == session.name]
    return list(monitor_view(session, view.data.events, sent[-1:], now=now).lines(width))


def _messages(view: View, now: datetime, width: int) -> list[Text]:
    rows = list(MessagesView(view.data.messages, now).lines(width))
    return rows or [Text("no messages yet", palette.FAINT)]


def _indented(rows: Iterable[Text]) -> list[Text]:
    return [Text.assemble(" ", row) for row in rows]


def _foot(view: View, width: int) -> list[Text]:
    if view.mode is Mode.CONFIRM and view.question is not None:
        asked = [Text(f" {row}", palette.WARM) for row in wrap(view.question.text, width - 2)]
        kept = [Text(f" {row}", palette.MUTED) for row in wrap(view.question.keeps, width - 2)]
        return [_rule(width), *asked, *kept, _reminder((("y", "yes"), ("n", "no")), width)]
    if view.mode is Mode.INPUT and view.input is not None:
        rule = _rule(width, f"new session: {line(view.input.title)}" if view.input.title else "new session")
        ends = (("⏎", "next" if view.input.label == "title" else "create"), ("Esc", "cancel"))
        return [rule, *_notice(view, width), _typing(view.input, width), _reminder(ends, width)]
    keys = (("any key", "back"), ("J K", "scroll")) if view.mode is Mode.HELP else _KEYS
    return [*(_notice(view, width) or [_rule(width)]), _reminder(keys, width)]


def _clipped(view: View, foot: list[Text], most: int) -> list[Text]:
    """Return the footer in so many rows: the question or message first, then the keys for it."""
    if len(foot) <= most:
        return foot
    rows = foot[1:] if view.mode in {Mode.CONFIRM, Mode.INPUT} else foot
    return [*rows[: most - 1], rows[-1]] if most > 1 else rows[:1]


def _rule(width: int, words: str = "") -> Text:
    label = f" {fit(words, width - 4)} " if words else ""
    bar = Text.assemble(("─" if label else "", palette.RULE), (label, palette.MUTED))
    return bar.append("─" * max(0, width - bar.cell_len), palette.RULE)


def _typing(typed: Input, width: int) -> Text:
    label = f" {typed.label}: "
    room = width - len(label) - 2
    ghost = "⏎ to use only the title" if typed.label == "task" and not typed.text else ""
    return Text.assemble(
        (label, palette.ACCENT),
        fit_path(code(typed.text.replace("\n", "⏎")), room),
        ("▏", palette.ACCENT),
        (fit(ghost, room - 1), palette.FAINT),
    )


def _notice(view: View, width: int) -> list[Text]:
    """Return the status line: the running action, or the result of the last one and what to type next."""
    if view.busy:
        return [Text(fit(f" ◌ {line(view.busy[-1])}…", width), palette.VIOLET)]
    status = view.status
    if not status.text:
        return []
    mark, style = ("✗", palette.BAD) if status.bad else ("✓", palette.GOOD)
    rows = _hanging(mark, status.text, width, style)
    if status.hint:
        rows += _hanging("→", status.hint, width, palette.MUTED)
    if len(rows) > _NOTICE_LINES:
        rows[_NOTICE_LINES - 1].append(" …")
    return rows[:_NOTICE_LINES]


def _hanging(mark: str, words: str, width: int, style: Style) -> list[Text]:
    rows = wrap(line(words), width - 4)
    return [Text(f" {' ' if number else mark} {row}", style) for number, row in enumerate(rows)]


def _reminder(keys: Sequence[tuple[str, str]], width: int) -> Text:
    text = Text("", no_wrap=True)
    for key, word in keys:
        part = Text.assemble(" ", (key, palette.KEY), " ", (word, palette.MUTED), " ")
        if text.cell_len + part.cell_len > width:
            break
        text.append_text(part)
    return text
