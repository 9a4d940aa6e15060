"""The events of the sessions, in order."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from orchestra.events import Event, Outcome, ToolCall
from orchestra.model import State
from orchestra.store.connection import moment
from orchestra.store.part import Part

KEPT = 5000
"""How many events of a session are kept."""
_EVERY = 100


class Events(Part):
    """The events of every session."""

    def log(
        self,
        session: str,
        kind: str,
        text: str,
        *,
        at: datetime | None = None,
        state: State | None = None,
        call: ToolCall | None = None,
    ) -> Event:
        """Record an event of a session, with its state from then on and the tool call that it tells of, if it does."""
        with self._database.change():
            rows = self._database.rows(
                """INSERT INTO events (session, session_id, at, kind, text, state,
                    outcome, tool, subject, call_key, exit_code, passed, failed)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *""",
                *(session, self._owner(session), at or self.now(), kind, text, state),
                *(_columns(call) if call else [None] * 7),
            )
            if rows[0]["id"] % _EVERY == 0:
                self._forget_oldest(session)
        return _event(rows[0])

    def _forget_oldest(self, session: str) -> None:
        """Limit the events, because an agent can report any number of them."""
        self._database.rows(
            """DELETE FROM events WHERE session = ?1 AND session_id = ?2 AND id <= (
                SELECT id FROM events WHERE session = ?1 AND session_id = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3
            )""",
            session,
            self._owner(session),
            KEPT,
        )

    def select(self, session: str | None = None, after_id: int = 0, limit: int = 200) -> list[Event]:
        """Return the newest ``limit`` events after ``after_id``, oldest first."""
        rows = self._database.rows(
            """SELECT * FROM events
            WHERE id > ?1 AND (?2 IS NULL OR (session = ?2 AND session_id = ?3))
            ORDER BY id DESC LIMIT ?4""",
            after_id,
            session,
            self._owner(session) if session else 0,
            limit,
        )
        return [_event(row) for row in reversed(rows)]

    def since(self, session: str, after_id: int = 0) -> list[Event]:
        """Return all recorded events of a session after ``after_id``, oldest first."""
        rows = self._database.rows(
            "SELECT * FROM events WHERE session_id = ? AND session = ? AND id > ? ORDER BY id",
            self._owner(session),
            session,
            after_id,
        )
        return [_event(row) for row in rows]


def _columns(call: ToolCall) -> tuple[object, ...]:
    return call.outcome, call.tool, call.subject, call.key, call.code, call.passed, call.failed


def _event(row: sqlite3.Row) -> Event:
    return Event(
        id=row["id"],
        session=row["session"],
        at=moment(row["at"]),
        kind=row["kind"],
        text=row["text"],
        state=State(row["state"]) if row["state"] else None,
        call=_call(row) if row["outcome"] else None,
    )


def _call(row: sqlite3.Row) -> ToolCall:
    return ToolCall(
        tool=row["tool"],
        outcome=Outcome(row["outcome"]),
        subject=row["subject"],
        key=row["call_key"],
        code=row["exit_code"],
        passed=row["passed"],
        failed=row["failed"],
    )
