"""Read from the store what the control pane shows."""

from __future__ import annotations

from collections.abc import Sequence

from orchestra.attention import needs
from orchestra.control.state import Data
from orchestra.model import Event, Message, Session
from orchestra.store import Store

_EVENTS, _MESSAGES = 40, 60


def read(records: Store, selected: str) -> Data:
    """Return all data for a view whose selected session is ``selected``; raises StoreError."""
    sessions = tuple(records.sessions.all())
    questions = _questions(records, sessions)
    open_needs = needs(
        sessions,
        questions=questions,
        requests=records.permissions.open(),
        reviewed=records.notes.reviewed(),
    )
    events, messages = about(records, selected)
    return Data(sessions, records.messages.unread_counts(), events, messages, open_needs, questions)


def about(records: Store, name: str) -> tuple[tuple[Event, ...], tuple[Message, ...]]:
    """Return the events and the messages of one session, oldest first."""
    if not name:
        return (), ()
    sent = records.messages.select(sender=name, limit=_MESSAGES)
    received = records.messages.select(recipient=name, limit=_MESSAGES)
    messages = {message.id: message for message in (*sent, *received)}
    return tuple(records.events.select(name, limit=_EVENTS)), tuple(messages[number] for number in sorted(messages))


def _questions(records: Store, sessions: Sequence[Session]) -> dict[int, Message]:
    """Return the messages that sessions wait for an answer to, by number."""
    numbers = [session.waits_for for session in sessions if session.waits_for is not None]
    found = ((number, records.messages.get(number)) for number in numbers)
    return {number: message for number, message in found if message is not None}
