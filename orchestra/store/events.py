"""The events of the sessions, in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
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

    def complete(self, session: str, kind: str, text: str) -> bool:
        """Replace the text of a session's last event; returns False if that is of another kind."""
        statement = """UPDATE events SET text = ?1 WHERE kind = ?2
            AND id = (SELECT max(id) FROM events WHERE session = ?3 AND session_id = ?4) RETURNING id"""
        return bool(self._database.rows(statement, text, kind, session, self._owner(session)))

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

    def of_kinds(self, kinds: Collection[str], after_id: int = 0) -> list[tuple[int, int, str]]:
        """Return the events of some kinds after ``after_id``, oldest first: number, session's id, and kind."""
        marks = ", ".join("?" for _ in kinds)
        rows = self._database.rows(
            f"SELECT id, session_id, kind FROM events WHERE id > ? AND +kind IN ({marks}) ORDER BY id",  # noqa: S608 -- only question marks
            *(after_id, *kinds),
        )
        return [(row["id"], row["session_id"], row["kind"]) for row in rows]

    def last_of(self, session: str, kinds: Collection[str]) -> str:
        """Return the kind of a session's newest event that is of one of some kinds; empty if there is none."""
        marks = ", ".join("?" for _ in kinds)
        row = self._database.row(
            f"""SELECT kind FROM events WHERE session_id = ? AND session = ? AND kind IN ({marks})
            ORDER BY id DESC LIMIT 1""",  # noqa: S608 -- only question marks
            *(self._owner(session), session, *kinds),
        )
        return str(row["kind"]) if row else ""

    def newest(self, session: str, *, without: Collection[str] = ()) -> int:
        """Return the number of a session's newest event that is of none of some kinds; 0 if there is none."""
        marks = ", ".join("?" for _ in without)
        row = self._database.row(
            f"SELECT MAX(id) AS id FROM events WHERE session_id = ? AND session = ? AND kind NOT IN ({marks})",  # noqa: S608 -- only question marks
            *(self._owner(session), session, *without),
        )
        return (row["id"] if row else None) or 0

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
