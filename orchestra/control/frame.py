"""What stands around the list and the body: the header, the tabs, messages, questions and the reminder of keys."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from orchestra.attention import NeedKind
from orchestra.control import diff_tab
from orchestra.control.state import ONE_LINE, Draft, Mode, Purpose, Tab, View
from orchestra.model import State
from orchestra.views import palette
from orchestra.views.text import count, fit, line, wrap

LEAST_WIDTH, LEAST_HEIGHT = 20, 6
HEADER = 2
WIDE = 140
"""From this many columns on, the list is beside the body."""
_NAMED_LIGHTS = 32
"""The least width at which lights that are on have names."""
_NOTICE_LINES = 8
_SHARE = 0.45
"""The largest share of the height for the list of sessions, until the person drags the border."""
_FEWEST = 3
_NARROW_LIST, _WIDE_LIST = 44, 72
_REMINDED = (
    "help", "open", "needs", "new", "write", "next-need", "spec", "terminal", "switch", "diff", "review", "monitor",
    "merge", "compare", "take", "delete", "pair", "try", "layout", "filter", "search", "quit",
)  # fmt: skip
"""Actions whose keys are shown, the most needed first; as many as fit."""
_OF_GROUPS = ("compare", "take")
_IN_MODE = {
    Mode.FOUND: (
        ("open", "go there"), ("next", "next"), ("previous", "back"), ("search", "search"), ("close", "close"),
    ),
    Mode.COMPARED: (
        ("next", "next"), ("review", "diffs"), ("take", "take"), ("compare", "run checks"), ("open", "go there"),
        ("close", "close"),
    ),
}  # fmt: skip
"""What the keys do where something is shown in place of all else."""
_ANSWERS = ("allow", "always", "deny")
_NAMED_KEYS = {"Escape": "Esc", "C-c": "^C", "Down": "↓", "Up": "↑"}


def too_small(width: int, height: int) -> list[Text]:
    """Return what a terminal shows that is too small for the rest."""
    return [Text(fit(words, width)) for words in ("orchestra", "needs more room")][:height]


def list_height(view: View, room: int) -> int:
    """Return the rows for the list when it is above the body."""
    if view.split is not None:
        return max(1, min(round(room * view.split), room - 2))
    number = len(view.rows)
    most = max(_FEWEST, int(room * _SHARE))
    return max(1, min(2 * number if 2 * number <= most else number, most, room - 2))


def list_width(view: View, width: int) -> int:
    """Return the columns for the list when it is beside the body."""
    wanted = round(width * view.split_across) if view.split_across is not None else min(width // 3, _WIDE_LIST)
    return max(_NARROW_LIST, min(wanted, width - _NARROW_LIST))


def header(view: View, width: int) -> list[Text]:
    """Return the project with the health of its parts, and how many sessions do what."""
    health = view.health
    lights = (("settings", health.settings), ("engine", health.engine), ("service", health.service))
    named = width >= _NAMED_LIGHTS and health.settings is not False
    right = Text.assemble(*(_light(label, well, named=named) for label, well in lights))
    title = Text.assemble(" ", (fit(line(view.project), width - right.cell_len - 2), palette.STRONG), no_wrap=True)
    title.append(" " * max(0, width - title.cell_len - right.cell_len)).append_text(right)
    words = _counts(view, width)
    rule = ("─" * max(0, width - words.cell_len), palette.RULE)
    return [title, Text.assemble(words, rule, no_wrap=True)]


def _light(label: str, well: bool | None, *, named: bool) -> Text:  # noqa: FBT001 -- what the light shows
    """Return one light; if there is little room, only lights that are out have names."""
    if well is None:
        return Text()
    name = f"{label} " if named or not well else ""
    return Text.assemble(("● " if well else "✗ ", palette.GOOD if well else palette.BAD), (name, palette.MUTED))


def _counts(view: View, width: int) -> Text:
    """Return who needs the person, who works and how many there are, as far as there is room."""
    calling = len({need.session for need in view.data.needs})
    working = sum(session.state in {State.WORKING, State.STARTING} for session in view.data.sessions)
    number = len(view.data.sessions)
    parts = [(f"{calling} need you" if calling > 1 else "1 needs you", palette.WARM)] if calling else []
    parts += [(f"{working} working", palette.ACCENT)] if working else []
    parts += [(count(number, "session") if number else "no sessions", palette.MUTED)]
    if view.filter:
        parts.insert(0, (f"/{line(view.filter)} {len(view.rows)} of {number}", palette.VIOLET))
    while len(parts) > 1 and sum(len(words) + 3 for words, _ in parts) > width:
        parts.pop()
    text = Text(" ", no_wrap=True)
    for place, (words, style) in enumerate(parts):
        text.append(" · " if place else "", palette.RULE).append(fit(words, width - 2), style)
    return text.append(" ")


def tab_bar(view: View, width: int, position: str = "") -> tuple[Text, dict[Tab, range]]:
    """Return the bar with the tabs, and the columns of each tab's name."""
    bar, places = _tab_names(view)
    for tight in (False, True):
        if bar.cell_len + len(position) > width:
            bar, places = _tab_names(view, short=True, tight=tight)
    if bar.cell_len + len(position) > width:
        position = ""
        bar, places = _tab_names(view, short=True)
    if bar.cell_len > width:
        bar, places = _only_shown(view)
    name = f" {line(view.selected)} " if view.selected and view.tab is not Tab.NEEDS else ""
    if width - bar.cell_len - len(position) < len(name) + 2:
        name = ""
    bar.append("─" * max(0, width - bar.cell_len - len(name) - len(position) - 1), palette.RULE)
    bar.append(name, palette.FAINT).append(position, palette.ACCENT).append("─", palette.RULE)
    bar.truncate(width)
    return bar, places


def _tab_names(view: View, *, short: bool = False, tight: bool = False) -> tuple[Text, dict[Tab, range]]:
    """Return the tabs; ``short`` ones have one word, ``tight`` ones no spaces around it, except the one shown."""
    bar, places = Text("", no_wrap=True), {}
    for tab in Tab:
        bar.append("─", palette.RULE)
        number = len(view.data.needs) if tab is Tab.NEEDS else 0
        start, space = bar.cell_len, "" if tight and tab is not view.tab else " "
        words = f"{tab.partition(' ')[0] if short else tab}{f' {number}' if number else ''}"
        bar.append(f"{space}{words}{space}", _tab_style(tab, view.tab, calls=bool(number)))
        places[tab] = range(start, bar.cell_len)
    return bar, places


def _tab_style(tab: Tab, shown: Tab, *, calls: bool) -> Style:
    if tab is shown:
        return palette.TAB
    return palette.WARM if calls else palette.MUTED


def _only_shown(view: View) -> tuple[Text, dict[Tab, range]]:
    """Return the shown tab alone; a click on it shows the next one."""
    tabs = list(Tab)
    at = tabs.index(view.tab)
    bar = Text.assemble(("─", palette.RULE), (f" {view.tab} ", palette.TAB), no_wrap=True)
    bar.append(f"{at + 1} of {len(tabs)} ", palette.MUTED)
    return bar, {tabs[(at + 1) % len(tabs)]: range(bar.cell_len)}


def notice(view: View, width: int, most: int) -> list[Text]:
    """Return the lines above the text area or the keys, at most ``most``: a question, or what happened."""
    rows = _notice(view, width)
    # Rules are the first to go where there is no room.
    return rows if len(rows) <= most else [row for row in rows if not row.plain.startswith("─")][:most]


def _notice(view: View, width: int) -> list[Text]:
    if view.mode is Mode.CONFIRM and view.question is not None:
        asked = [Text(f" {row}", palette.WARM) for row in wrap(view.question.text, width - 2)]
        kept = [Text(f" {row}", palette.MUTED) for row in wrap(view.question.keeps, width - 2)]
        return [_rule(width), *asked, *kept]
    if view.mode is Mode.WRITE and view.draft is not None:
        return [_rule(width, writing_for(view.draft)), *_status(view, width)]
    return _status(view, width) or [_rule(width)]


def writing_for(draft: Draft) -> str:
    """Say what a text is written for."""
    about = line(draft.session)
    return {
        Purpose.TITLE: "new session: its title",
        Purpose.TASK: f"new session: {line(draft.title)}: its task, or nothing",
        Purpose.MESSAGE: f"to {about}",
        Purpose.ANSWER: f"answer to {about}",
        Purpose.REASON: f"why {about} may not, or nothing",
        Purpose.FILTER: "show only sessions with",
        Purpose.SEARCH: "search everything for",
    }[draft.purpose]


def _rule(width: int, words: str = "") -> Text:
    label = f" {fit(words, width - 4)} " if words else ""
    bar = Text.assemble(("─" if label else "", palette.RULE), (label, palette.MUTED), no_wrap=True)
    return bar.append("─" * max(0, width - bar.cell_len), palette.RULE)


def _status(view: View, width: int) -> list[Text]:
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


def reminder(view: View, width: int) -> tuple[Text, dict[str, range]]:
    """Return the keys that matter now, as many as fit, and the columns of each."""
    text, places = Text("", no_wrap=True), {}
    named = {**_NAMED_KEYS, "Enter": view.keymap.enter}
    for key, word in _reminded(view):
        shown = named.get(key, key.replace("C-", "^"))
        early = view.keymap.does(key, view.where) in view.early
        part = Text.assemble(" ", (shown, palette.EARLY if early else palette.KEY), " ", (word, palette.MUTED), " ")
        if text.cell_len + part.cell_len > width:
            break
        places[key] = range(text.cell_len, text.cell_len + part.cell_len)
        text.append_text(part)
    return text, places


def _reminded(view: View) -> Sequence[tuple[str, str]]:
    keymap = view.keymap
    if view.mode is Mode.CONFIRM:
        return [(keymap.key(action), action) for action in ("yes", "no")]
    if view.mode is Mode.HELP:
        return [("any key", "back"), (f"{keymap.key('down')} {keymap.key('up')}", "scroll")]
    if view.mode in _IN_MODE:
        return [(keymap.key(action), word) for action, word in _IN_MODE[view.mode]]
    if view.mode is Mode.WRITE and view.draft is not None:
        return _while_writing(view, view.draft)
    need = view.need if view.tab is Tab.NEEDS else None
    answers = _ANSWERS if need is not None and need.kind is NeedKind.PERMISSION and need.answerable else ()
    reviews = diff_tab.shown(view) is not None
    # Only one key for each word.
    hidden = {"review" if reviews else "switch", *(() if view.session and view.session.group_name else _OF_GROUPS)}
    actions = [one for one in _REMINDED if one not in hidden]
    shown = [keymap[action] for action in (*answers, *actions)]
    return [(one.keys[0], "review" if reviews and one.action == "open" else one.word) for one in shown if one.keys]


def _while_writing(view: View, draft: Draft) -> list[tuple[str, str]]:
    words = {Purpose.TITLE: "next", Purpose.TASK: "create", Purpose.FILTER: "done", Purpose.REASON: "deny"}
    words |= {Purpose.SEARCH: "search"}
    send = "Enter" if draft.purpose in ONE_LINE else view.keymap.key("send")
    return [(send, words.get(draft.purpose, "send")), (view.keymap.key("cancel"), "cancel")]
