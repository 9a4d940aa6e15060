"""Collect what waits for the person, for everything that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestra.actions.session.items import open_items
from orchestra.attention import Need, needs
from orchestra.model import EntryState, MessageState
from orchestra.names import PERSON

if TYPE_CHECKING:
    from orchestra.model import Message, Session
    from orchestra.project import Project
    from orchestra.store import Store


_LETTERS = 50
"""The most unread messages to the person that are listed, the newest."""


def list_needs(project: Project) -> tuple[Need, ...]:
    """Return everything that waits for the person, oldest first."""
    sessions = project.store.sessions.all()
    return open_needs(project.store, sessions, questions_of(project.store, sessions))


def open_needs(
    store: Store,
    sessions: Sequence[Session],
    questions: Mapping[int, Message],
    left: Mapping[int, str] | None = None,
) -> tuple[Need, ...]:
    """Return what waits for the person of these sessions.

    ``questions`` are those of `questions_of`, ``left`` is what `open_items` returns, if that is known.
    """
    return needs(
        sessions,
        questions=questions,
        requests=store.permissions.open(),
        reviewed=store.notes.reviewed(),
        proposals=[entry for entry in store.queue.open() if entry.state is EntryState.PROPOSED],
        comments=store.comments.progress(),
        left=open_items(store, sessions) if left is None else left,
        unread=store.messages.select(recipient=PERSON, states=[MessageState.QUEUED], limit=_LETTERS),
    )


def questions_of(store: Store, sessions: Sequence[Session]) -> dict[int, Message]:
    """Return the messages that sessions wait for an answer to, by number."""
    numbers = [session.waits_for for session in sessions if session.waits_for is not None]
    found = ((number, store.messages.get(number)) for number in numbers)
    return {number: message for number, message in found if message is not None}
