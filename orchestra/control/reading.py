"""Read from the store what the control pane shows."""

from __future__ import annotations

from collections.abc import Collection

from orchestra.actions.session.items import open_items
from orchestra.actions.workspace.open_needs import open_needs, questions_of
from orchestra.control.state import Data
from orchestra.events import Event
from orchestra.model import Message
from orchestra.store import Store

_EVENTS, _MESSAGES = 40, 60


def read(records: Store, selected: str, followed: Collection[int] = ()) -> Data:
    """Return all data for a view whose selected session is ``selected``; raises StoreError.

    ``followed`` are the numbers of permission requests of which the view must know how they end.
    """
    sessions = tuple(records.sessions.all())
    questions = questions_of(records, sessions)
    left = open_items(records, sessions)
    waiting = open_needs(records, sessions, questions, left)
    events, messages = about(records, selected)
    requests = [request for number in followed if (request := records.permissions.get(number)) is not None]
    ended = {request.id: request for request in requests if request.answered_by is not None}
    return Data(
        sessions,
        records.messages.unread_counts(),
        events,
        messages,
        waiting,
        questions,
        ended=ended,
        forecast=records.forecasts.all(),
        left=left,
    )


def about(records: Store, name: str) -> tuple[tuple[Event, ...], tuple[Message, ...]]:
    """Return the events and the messages of one session, oldest first."""
    if not name:
        return (), ()
    sent = records.messages.select(sender=name, limit=_MESSAGES)
    received = records.messages.select(recipient=name, limit=_MESSAGES)
    messages = {message.id: message for message in (*sent, *received)}
    return tuple(records.events.select(name, limit=_EVENTS)), tuple(messages[number] for number in sorted(messages))
