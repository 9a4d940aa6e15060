"""Deliveries: by which channel a message is on its way; noted first, so that no crash doubles or loses one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestra.model import Channel
from orchestra.store.part import Part


class Fate(StrEnum):
    """What is known of one delivery.

    OFFERED: noted, and perhaps not gone yet. SENT: gone; the agent's next sign confirms it. PASSED: sent, and then
    something else was, before any sign: the next sign is not about it. NO_SIGN: typed, and nothing showed that it was
    taken. UNKNOWN: the service was killed when the sign of it may have come. What is confirmed is in the message's
    state.
    """

    OFFERED = "offered"
    SENT = "sent"
    PASSED = "passed"
    NO_SIGN = "no-sign"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way by one channel.

    ``offered_at`` is in seconds of the machine's own clock, which starts anew with it. ``after`` is the session's last
    event before it was typed, ``service`` the process that typed it; ``listener`` is whom it was given to.
    """

    message: int
    channel: Channel
    fate: Fate
    offered_at: float
    after: int = 0
    service: str = ""
    listener: int = 0


class Deliveries(Part):
    """What is on its way to the sessions' agents, and not known to have arrived."""

    def deliveries(self, session: int) -> list[Delivery]:
        """Return the deliveries to a session of what is still queued, by message."""
        rows = self._database.rows(
            """SELECT deliveries.* FROM deliveries JOIN messages ON messages.id = deliveries.message_id
            WHERE deliveries.session_id = ? AND messages.state = 'queued' ORDER BY message_id, channel""",
            session,
        )
        return [_delivery(row) for row in rows]

    def note_deliveries(self, session: int, deliveries: Iterable[Delivery]) -> None:
        """Record what is on its way to a session now; an earlier delivery of a message by the same channel is over."""
        with self._database.change():
            self._database.rows(
                """DELETE FROM deliveries WHERE session_id = ?
                AND message_id IN (SELECT id FROM messages WHERE state <> 'queued')""",
                session,
            )
            for one in deliveries:
                self._database.rows(
                    """INSERT OR REPLACE INTO deliveries
                    (message_id, session_id, channel, fate, offered_at, after_event, service, listener)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                    *(one.message, session, one.channel, one.fate, one.offered_at, one.after, one.service),
                    one.listener,
                )

    def settle_deliveries(self, messages: Iterable[int], channel: Channel, fate: Fate) -> None:
        """Record what has become known of the deliveries of messages by one channel."""
        with self._database.change():
            self._database.rows(
                "UPDATE deliveries SET fate = ? WHERE channel = ? AND message_id IN (SELECT value FROM json_each(?))",
                fate,
                channel,
                json.dumps(list(messages)),
            )

    def forget_deliveries(self, messages: Iterable[int], channel: Channel) -> None:
        """Take the record back of what did not go by a channel after all."""
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
