"""The messages of one session, by whom it exchanged them with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from orchestra.model import Message
from orchestra.names import PERSON
from orchestra.views import palette
from orchestra.views.monitor import message_lines
from orchestra.views.text import count, fit, line


def threads(session: str, messages: Sequence[Message]) -> list[tuple[str, list[Message]]]:
    """Return who else wrote or was written to, with the messages oldest first; the latest thread comes first."""
    found: dict[str, list[Message]] = {}
    for message in messages:
        found.setdefault(message.recipient if message.sender == session else message.sender, []).append(message)
    return sorted(found.items(), key=lambda item: -item[1][-1].id)


def thread_lines(session: str, messages: Sequence[Message], now: datetime, width: int) -> Iterator[Text]:
    """Return the lines of all threads of a session, none wider than ``width`` columns."""
    waiting = _unanswered(messages)
    for number, (other, exchanged) in enumerate(threads(session, messages)):
        if number:
            yield Text()
        yield _heading(other, exchanged, width)
        for message in exchanged:
            indent = "  " if message.answers else ""
            for row in message_lines(message, now, width - len(indent)):
                yield Text.assemble(indent, row) if indent else row
            if message.id in waiting:
                yield Text(fit("  no answer yet", width), palette.WARM)


def _unanswered(messages: Sequence[Message]) -> set[int]:
    answered = {message.answers for message in messages}
    return {message.id for message in messages if message.kind == "question" and message.id not in answered}


def _heading(other: str, exchanged: Sequence[Message], width: int) -> Text:
    words = "you" if other == PERSON else line(other)
    number = f" {count(len(exchanged), 'message')} "
    text = Text(fit(f"{words} ", width - len(number) - 2), palette.STRONG, no_wrap=True)
    text.append("─" * max(0, width - text.cell_len - len(number)), palette.RULE).append(number, palette.MUTED)
    text.truncate(width)
    return text
