"""The monitor of a session, from its account and its recorded events, and the messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from orchestra.account import Account
from orchestra.events import Event
from orchestra.model import Expected, Message, SandboxKind, Session, State
from orchestra.views import palette
from orchestra.views.account import fact, heading, next_lines, said_lines, so_far_lines
from orchestra.views.session_list import changes
from orchestra.views.text import age, count, fit, line, wrap

_MESSAGE_LINES = 5
_ROOMY = 60
"""From this many columns on, the state of a message is a word."""
_KINDS: dict[str, tuple[str, str]] = {
    "launched": ("▸", "violet"),
    "ready": ("○", "muted"),
    "turn-started": ("▸", "accent"),
    "tool-used": ("·", "muted"),
    "prompted": ("◆", "warm"),
    "turn-ended": ("○", "muted"),
    "turn-failed": ("✗", "bad"),
    "asked": ("◆", "warm"),
    "answered": ("▸", "accent"),
    "completed": ("✓", "good"),
    "reported-error": ("✗", "bad"),
    "exited": ("✗", "bad"),
    "vanished": ("?", "violet"),
    "stopped": ("■", "faint"),
    "commit": ("◉", "good"),
    "merged": ("✓", "good"),
    "handed": ("▸", "violet"),
    "forked": ("▸", "violet"),
    "conflict": ("✗", "bad"),
    "check-failed": ("✗", "bad"),
    "check-passed": ("✓", "good"),
    "trouble": ("✗", "bad"),
    "refused": ("✗", "bad"),
}
_STYLES = {
    "violet": palette.VIOLET,
    "muted": palette.MUTED,
    "accent": palette.ACCENT,
    "warm": palette.WARM,
    "bad": palette.BAD,
    "good": palette.GOOD,
    "faint": palette.FAINT,
}


class Lines:
    """Lines that depend on the width alone."""

    def lines(self, width: int) -> Iterator[Text]:
        """Return the lines, none wider than ``width`` columns."""
        raise NotImplementedError

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.lines(options.max_width)


class MonitorView(Lines):
    """What one session does, did and waits for."""

    def __init__(
        self,
        session: Session,
        account: Account,
        events: Sequence[Event],
        messages: Sequence[Message],
        *,
        now: datetime,
        expected: Sequence[Expected] = (),
    ) -> None:
        self._session = session
        self._expected = expected
        self._account = account
        self._events = events
        self._messages = messages
        self._now = now

    def lines(self, width: int) -> Iterator[Text]:
        """Return the lines, none wider than ``width`` columns."""
        yield self._title(width)
        yield from self._now_doing(width)
        yield Text()
        yield from self._facts(width)
        yield from said_lines(self._account.said, self._now, width)
        yield from so_far_lines(self._account, self._now, width)
        yield from next_lines(self._account.next, width)
        yield from self._last_message(width)
        yield from self._happened(width)

    def _title(self, width: int) -> Text:
        session = self._session
        style = palette.STATE_STYLES[session.state]
        title = Text(no_wrap=True)
        title.append(f"{palette.STATE_GLYPHS[session.state]} {session.state}", style)
        title.append(f" for {age(session.state_since, self._now)}", palette.MUTED)
        name = fit(line(session.name), width - title.cell_len - 2)
        title.append(" " * max(1, width - title.cell_len - len(name)))
        return title.append(name, palette.STRONG)

    def _now_doing(self, width: int) -> Iterator[Text]:
        doing = self._account.now
        waits = self._session.state is State.WAITING
        words = (doing.asks if waits else "") or self._session.evidence.text or doing.doing
        yield from _said(words, palette.WARM if waits else palette.PLAIN, width)
        if doing.running:
            since = age(doing.running.began, self._now)
            yield from _said(f"running for {since}: {doing.running.command}", palette.ACCENT, width)
        if doing.asks and not waits:
            yield from _said(doing.asks, palette.WARM, width)
        if doing.stuck:
            yield from _said(f"stuck: {doing.stuck}", palette.BAD, width)

    def _facts(self, width: int) -> Iterator[Text]:
        session = self._session
        if session.diff.files:
            changed = changes(session.diff, files=False)
            changed.append(f" in {count(session.diff.files, 'file')}", palette.MUTED)
        else:
            changed = Text("nothing yet", palette.FAINT)
        yield fact("changed", changed, width)
        for one in self._expected:
            if one.paths:
                yield fact("conflict", Text(f"will conflict with {line(str(one))}", palette.WARM), width)
        commits = count(session.commits, "commit") if session.commits else "no commits"
        yield fact("branch", Text(f"{line(session.branch)} · {commits}"), width)
        agent = Text(line(session.agent))
        if session.model:
            agent.append(f" · {line(session.model)}", palette.MUTED)
        if session.sandbox is SandboxKind.HOST:
            agent.append(" ").append(" HOST ", palette.ALARM)
        yield fact("agent", agent, width)

    def _last_message(self, width: int) -> Iterator[Text]:
        if not self._messages:
            return
        yield from heading("last message", width)
        yield from message_lines(self._messages[-1], self._now, width, most=_MESSAGE_LINES)

    def _happened(self, width: int) -> Iterator[Text]:
        if not self._events:
            return
        yield from heading("what happened", width)
        for event in reversed(self._events):
            yield _event_line(event, self._now, width)


def _said(words: str, style: Style, width: int) -> Iterator[Text]:
    for row in wrap(line(words), width - 2)[:3] if words else []:
        yield Text(f"  {row}", style, no_wrap=True)


def _event_line(event: Event, now: datetime, width: int) -> Text:
    glyph, style = _KINDS.get(event.kind, ("·", "muted"))
    words = line(event.text) or event.kind.replace("-", " ")
    quiet = style in {"muted", "faint"}
    return Text.assemble(
        (f"{age(event.at, now):>4} ", palette.FAINT),
        (f"{glyph} ", _STYLES[style]),
        (fit(words, width - 7), palette.MUTED if quiet else palette.PLAIN),
        no_wrap=True,
    )


def message_lines(
    message: Message, now: datetime, width: int, *, most: int = 1000, numbered: bool = False
) -> Iterator[Text]:
    """Return one message: sender, recipient, kind and state, then at most ``most`` lines of text."""
    kind = palette.KIND_STYLES[message.kind]
    state = f"{palette.MESSAGE_GLYPHS[message.state]} {message.state if width >= _ROOMY else ''}".rstrip()
    right = Text(f" {state} {age(message.sent_at, now):>3}", palette.FAINT)
    head = Text(f"{message.id}  " if numbered else "", palette.FAINT, no_wrap=True)
    room = max(2, (width - head.cell_len - right.cell_len - len(message.kind) - 6) // 2)
    head.append(fit(line(message.sender), room), palette.STRONG).append(" → ", palette.FAINT)
    head.append(fit(line(message.recipient), room)).append(" ").append(message.kind, kind)
    head.truncate(max(0, width - right.cell_len))
    head.append(" " * max(0, width - head.cell_len - right.cell_len)).append_text(right)
    head.truncate(width)
    yield head
    lines = wrap(message.text.lstrip().removeprefix(f"{message.kind.upper()}:"), width - 2)
    for number, row in enumerate(lines[:most]):
        cut = "…" if number == most - 1 and len(lines) > most else ""
        yield Text.assemble(("▏", kind), (f" {row}" if not cut else f" {fit(row, width - 3)}{cut}", ""), no_wrap=True)


class MessagesView(Lines):
    """Messages, newest first; ``numbered`` shows their ids and puts the newest last."""

    def __init__(self, messages: Sequence[Message], now: datetime, *, numbered: bool = False) -> None:
        self._messages = messages if numbered else tuple(reversed(messages))
        self._now = now
        self._numbered = numbered

    def lines(self, width: int) -> Iterator[Text]:
        """Return the lines, none wider than ``width`` columns."""
        for number, message in enumerate(self._messages):
            if number:
                yield Text()
            yield from message_lines(message, self._now, width, numbered=self._numbered)


def monitor_view(
    session: Session,
    account: Account,
    events: Sequence[Event],
    messages: Sequence[Message],
    *,
    now: datetime,
    expected: Sequence[Expected] = (),
) -> MonitorView:
    """Return the account of a session, and what happened; events and messages come oldest first."""
    return MonitorView(session, account, events, messages, now=now, expected=expected)
