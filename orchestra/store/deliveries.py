"""Deliveries: the channel of each message on its way, recorded first so that no crash loses or repeats one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestra.model import Channel
from orchestra.store.part import Part


class Fate(StrEnum):
    """The state of one delivery.

    OFFERED: recorded, perhaps not sent yet. SENT: sent; the agent's next sign confirms it. PASSED:
    sent, but another one was sent before any sign, so the next sign is not about this one. NO_SIGN:
    typed, but nothing confirmed it. UNKNOWN: the service was killed when its sign may have arrived.
    Confirmed deliveries are in the message's state.
    """

    OFFERED = "offered"
    SENT = "sent"
    PASSED = "passed"
    NO_SIGN = "no-sign"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way by one channel.

    ``offered_at`` is in seconds of the machine's monotonic clock, which starts again at boot.
    ``after`` is the session's last event before it was typed, ``service`` the process that typed
    it; ``listener`` is the listener that got it.
    """

    message: int
    channel: Channel
    fate: Fate
    offered_at: float
    after: int = 0
    service: str = ""
    listener: int = 0


class Deliveries(Part):
    """The unconfirmed deliveries to the sessions' agents."""

    def of(self, session: int) -> list[Delivery]:
        """Return the deliveries of queued messages to a session, by message."""
        rows = self._database.rows(
            """SELECT deliveries.* FROM deliveries JOIN messages ON messages.id = deliveries.message_id
            WHERE deliveries.session_id = ? AND messages.state = 'queued' ORDER BY message_id, channel""",
            session,
        )
        return [_delivery(row) for row in rows]

    def note(self, session: int, deliveries: Iterable[Delivery]) -> None:
        """Record deliveries to a session; they replace earlier deliveries of the same messages by the same channel."""
        with self._database.change():
            self._database.rows(
                """DELETE FROM deliveries WHERE session_id = ?
                AND message_id IN (SELECT id FROM messages WHERE state <> 'queued')""",
                session,
            )
            for delivery in deliveries:
                self._database.rows(
                    """INSERT OR REPLACE INTO deliveries
                    (message_id, session_id, channel, fate, offered_at, after_event, service, listener)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                    *(delivery.message, session, delivery.channel, delivery.fate, delivery.offered_at),
                    *(delivery.after, delivery.service, delivery.listener),
                )

    def set_fate(self, messages: Iterable[int], channel: Channel, fate: Fate) -> None:
        """Record the state of the deliveries of messages by one channel."""
        with self._database.change():
            self._database.rows(
                "UPDATE deliveries SET fate = ? WHERE channel = ? AND message_id IN (SELECT value FROM json_each(?))",
                fate,
                channel,
                json.dumps(list(messages)),
            )

    def forget(self, messages: Iterable[int], channel: Channel) -> None:
        """Remove the deliveries of messages that were not sent by a channel after all."""
        with self._database.change():
            self._database.rows(
                "DELETE FROM deliveries WHERE channel = ? AND message_id IN (SELECT value FROM json_each(?))",
                channel,
                json.dumps(list(messages)),
            )


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        message=row["message_id"],
        channel=Channel(row["channel"]),
        fate=Fate(row["fate"]),
        offered_at=row["offered_at"],
        after=row["after_event"],
        service=row["service"],
        listener=row["listener"],
    )
