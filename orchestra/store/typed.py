"""Messages that are typed into a window: noted before the paste, so that no crash makes one be typed twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from orchestra.store.part import Part


class Fate(IntEnum):
    """What is known of a message that was typed."""

    UNDER_WAY = 0
    NO_SIGN = 1
    UNKNOWN = 2
    """The service was killed when the sign of it may have come."""


@dataclass(frozen=True, slots=True)
class Typed:
    """One message that was, or was about to be, typed.

    ``after`` is the session's last event before that, ``service`` the process that typed. ``fate`` is what the
    person was told of it.
    """

    message: int
    after: int
    service: str
    fate: Fate


class TypedMessages(Part):
    """What was typed and is not known to have arrived; what has arrived is in the message's state."""

    def note_typed(self, session: int, messages: Iterable[int], after: int, service: str) -> None:
        """Record that messages are about to be typed into a session's window."""
        with self._database.change():
            self._database.rows(
                """INSERT OR REPLACE INTO typed (message_id, session_id, after_event, service, fate)
                SELECT value, ?, ?, ?, 0 FROM json_each(?)""",
                session,
                after,
                service,
                json.dumps(list(messages)),
            )

    def typed(self, session: int) -> list[Typed]:
        """Return what was typed into a session's window and is still queued."""
        rows = self._database.rows(
            """SELECT typed.* FROM typed JOIN messages ON messages.id = typed.message_id
            WHERE typed.session_id = ? AND messages.state = 'queued' ORDER BY message_id""",
            session,
        )
        return [Typed(row["message_id"], row["after_event"], row["service"], Fate(row["fate"])) for row in rows]

    def forget_typed(self, messages: Iterable[int]) -> None:
        """Take the record back of what was not typed after all."""
        with self._database.change():
            self._database.rows(
                "DELETE FROM typed WHERE message_id IN (SELECT value FROM json_each(?))", json.dumps(list(messages))
            )

    def settle_typed(self, messages: Iterable[int], fate: Fate) -> None:
        """Record what the person was told of typed messages."""
        with self._database.change():
            self._database.rows(
                "UPDATE typed SET fate = ? WHERE message_id IN (SELECT value FROM json_each(?))",
                int(fate),
                json.dumps(list(messages)),
            )
