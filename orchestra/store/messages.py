"""Messages: durable, ordered, kept until they are read; their states only move forward."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable

from orchestra.model import Message, MessageKind, MessageState
from orchestra.store.connection import moment
from orchestra.store.part import Part

_ORDER = (MessageState.QUEUED, MessageState.DELIVERED, MessageState.READ)


class Messages(Part):
    """The messages between sessions, the person and Orchestra itself."""

    def post(
        self,
        sender: str,
        recipient: str,
        kind: MessageKind,
        text: str,
        *,
        dedupe: str | None = None,
        answers: int | None = None,
    ) -> Message:
        """Queue a message; if this sender has used the ``dedupe`` key before, return the first message instead."""
        now = self.now()
        with self._database.change():
            sender_id = self._owner(sender)
            values = (sender, sender_id, recipient, self._owner(recipient), kind, text, now, now, answers, dedupe)
            rows = self._database.rows(
                """INSERT INTO messages
                (sender, sender_id, recipient, recipient_id, kind, text, sent_at, changed_at, answers, dedupe, state)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued')
                ON CONFLICT (sender, sender_id, dedupe) DO NOTHING RETURNING *""",
                *values,
            )
            if rows and sender_id:
                self._database.rows(
                    """INSERT INTO sent (session_id, bytes) VALUES (?, ?)
                    ON CONFLICT (session_id) DO UPDATE SET bytes = bytes + excluded.bytes""",
                    sender_id,
                    len(text.encode("utf-8", "replace")),
                )
            rows = rows or self._database.rows(
                "SELECT * FROM messages WHERE sender = ? AND sender_id = ? AND dedupe = ?", sender, sender_id, dedupe
            )
        return _message(rows[0])

    def select(
        self,
        recipient: str | None = None,
        sender: str | None = None,
        states: Collection[MessageState] | None = None,
        after_id: int = 0,
        limit: int | None = None,
        *,
        before_id: int = 0,
    ) -> list[Message]:
        """Return the newest ``limit`` (or all) messages after ``after_id`` and before ``before_id``, oldest first."""
        rows = self._database.rows(
            """SELECT * FROM messages
            WHERE id > ?1 AND (?8 = 0 OR id < ?8)
                AND (?2 IS NULL OR (recipient = ?2 AND recipient_id = ?3))
                AND (?4 IS NULL OR (sender = ?4 AND sender_id = ?5))
                AND state IN (SELECT value FROM json_each(?6))
            ORDER BY id DESC LIMIT ?7""",
            after_id,
            recipient,
            self._owner(recipient) if recipient else 0,
            sender,
            self._owner(sender) if sender else 0,
            json.dumps(list(_ORDER if states is None else states)),
            -1 if limit is None else limit,
            before_id,
        )
        return [_message(row) for row in reversed(rows)]

    def queued(self, recipient: str, limit: int) -> list[Message]:
        """Return the oldest ``limit`` queued messages for a recipient, oldest first."""
        rows = self._database.rows(
            """SELECT * FROM messages WHERE recipient = ? AND recipient_id = ? AND state = 'queued'
            ORDER BY id LIMIT ?""",
            recipient,
            self._owner(recipient),
            limit,
        )
        return [_message(row) for row in rows]

    def unread(self, recipient: str, limit: int) -> list[Message]:
        """Return the oldest ``limit`` unread messages of a recipient, oldest first."""
        rows = self._database.rows(
            """SELECT * FROM messages WHERE recipient = ? AND recipient_id = ? AND state IN ('queued', 'delivered')
            ORDER BY id LIMIT ?""",
            recipient,
            self._owner(recipient),
            limit,
        )
        return [_message(row) for row in rows]

    def waiting_from(self, recipient: str, sender: str) -> tuple[int, int]:
        """Return how many messages from one sender, and from all sessions, are queued for a recipient."""
        row = self._database.rows(
            """SELECT COALESCE(SUM(sender_id = ?), 0) AS own, COALESCE(SUM(sender_id > 0), 0) AS everyone
            FROM messages WHERE recipient = ? AND recipient_id = ? AND state = 'queued'""",
            self._owner(sender),
            recipient,
            self._owner(recipient),
        )[0]
        return int(row["own"]), int(row["everyone"])

    def sent_bytes(self, sender: str) -> int:
        """Return how many bytes of text a session has sent."""
        row = self._database.row("SELECT bytes FROM sent WHERE session_id = ?", self._owner(sender))
        return int(row["bytes"]) if row else 0

    def waits(self, recipient: str) -> bool:
        """Return whether a message is queued for a recipient, without reading its text."""
        statement = "SELECT 1 FROM messages WHERE recipient = ? AND recipient_id = ? AND state = 'queued' LIMIT 1"
        return self._database.row(statement, recipient, self._owner(recipient)) is not None

    def recipients(self) -> set[str]:
        """Return the names of recipients with queued messages, without reading any text."""
        rows = self._database.rows("SELECT DISTINCT recipient FROM messages WHERE state = 'queued'")
        return {row["recipient"] for row in rows}

    def waited_for(self) -> set[int]:
        """Return the ids of sessions, deleted ones too, with queued messages, without reading any text."""
        rows = self._database.rows("SELECT DISTINCT recipient_id FROM messages WHERE state = 'queued'")
        return {row["recipient_id"] for row in rows}

    def get(self, number: int) -> Message | None:
        """Return one message by its id."""
        row = self._database.row("SELECT * FROM messages WHERE id = ?", number)
        return _message(row) if row else None

    def sent(self, sender: str, dedupe: str) -> Message | None:
        """Return the message that this sender sent with a ``dedupe`` key."""
        row = self._database.row(
            "SELECT * FROM messages WHERE sender = ? AND sender_id = ? AND dedupe = ?",
            sender,
            self._owner(sender),
            dedupe,
        )
        return _message(row) if row else None

    def is_addressed(self, number: int, recipient: str) -> bool:
        """Return whether a message was sent to this session, not to an earlier one with its name."""
        owner = self._owner(recipient)
        statement = "SELECT 1 FROM messages WHERE id = ? AND recipient = ? AND recipient_id = ?"
        return self._database.row(statement, number, recipient, owner) is not None

    def claim(self, recipient: str, to_state: MessageState = MessageState.DELIVERED) -> list[Message]:
        """Move a recipient's messages in earlier states to ``to_state``; return them oldest first.

        Two processes never claim the same message.
        """
        with self._database.change():
            rows = self._database.rows(
                """UPDATE messages SET state = ?, changed_at = ?
                WHERE recipient = ? AND recipient_id = ? AND state IN (SELECT value FROM json_each(?))
                RETURNING *""",
                to_state,
                self.now(),
                recipient,
                self._owner(recipient),
                _before(to_state),
            )
        return sorted((_message(row) for row in rows), key=lambda message: message.id)

    def mark(self, ids: Iterable[int], state: MessageState) -> None:
        """Move the messages in earlier states to ``state``; the others stay unchanged."""
        with self._database.change():
            self._database.rows(
                """UPDATE messages SET state = ?, changed_at = ?
                WHERE id IN (SELECT value FROM json_each(?)) AND state IN (SELECT value FROM json_each(?))""",
                state,
                self.now(),
                json.dumps(list(ids)),
                _before(state),
            )

    def counts(self, session: str) -> tuple[int, int, int]:
        """Return how many messages a session has sent, how many it was sent, and how many of those it has not read."""
        owner = self._owner(session)
        sent = self._database.rows("SELECT COUNT(*) FROM messages WHERE sender_id = ? AND sender = ?", owner, session)
        given = self._database.rows(
            """SELECT COUNT(*), COALESCE(SUM(state <> 'read'), 0) FROM messages
            WHERE recipient = ? AND recipient_id = ?""",
            session,
            owner,
        )
        return sent[0][0], given[0][0], given[0][1]

    def unread_counts(self) -> dict[str, int]:
        """Return the number of unread messages of each recipient, without deleted sessions."""
        rows = self._database.rows(
            """SELECT recipient, COUNT(*) AS number FROM messages
            WHERE state <> 'read'
                AND (recipient_id = 0 OR recipient_id IN (SELECT id FROM sessions WHERE deleted_at IS NULL))
            GROUP BY recipient"""
        )
        return {row["recipient"]: row["number"] for row in rows}


def _before(state: MessageState) -> str:
    return json.dumps(_ORDER[: _ORDER.index(state)])


def _message(row: sqlite3.Row) -> Message:
    return Message(
        id=row["id"],
        sender=row["sender"],
        recipient=row["recipient"],
        kind=MessageKind(row["kind"]),
        text=row["text"],
        sent_at=moment(row["sent_at"]),
        state=MessageState(row["state"]),
        changed_at=moment(row["changed_at"]),
        answers=row["answers"],
    )
