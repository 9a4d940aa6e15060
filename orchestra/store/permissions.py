"""Permissions that agents asked for: open requests, what each was answered, and what is allowed for a whole session."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import timedelta

from orchestra.errors import Refused
from orchestra.model import AnsweredBy, Decision, PermissionRequest, ToolUse
from orchestra.store.connection import moment
from orchestra.store.part import Part

MOST_OPEN = 16
"""The most requests of one session that may be open."""
TOO_LATE = timedelta(seconds=3)
"""How long an answer may be said to have come too late."""
KEPT = 2000
"""How many answered requests of a session are kept."""
KEPT_BYTES = 16 * 1024 * 1024
"""How many bytes of text of a session's answered requests are kept."""

_SELECT = "SELECT permissions.*, sessions.name FROM permissions JOIN sessions ON sessions.id = permissions.session_id"


class Permissions(Part):
    """The permission requests of every session; an answered one stays as the record of its answer."""

    def ask(self, session: int, key: str, digest: str, use: ToolUse, *, note: str = "") -> PermissionRequest:
        """Record a request, or return the one with this key, which its asker chose.

        ``digest`` identifies what is asked. With a ``note``, only the agent's own window takes an answer. Raises
        Refused for a key that stands for another request, and for a session with too many open ones.
        """
        with self._database.change():
            if (known := self._with_key(session, key)) is not None:
                if known["asked"] != digest:
                    raise Refused("this key stands for another request", hint="ask each time with a key of its own")
                return _request(known)
            if len(self.open_of(session)) >= MOST_OPEN:
                raise Refused(f"{MOST_OPEN} requests of this session are open, which is the limit")
            self._database.rows(
                """INSERT INTO permissions (session_id, key, at, asked, tool, subject, summary, detail, note)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                *(session, key, self.now(), digest),
                *(use.tool, use.subject, use.summary, use.detail, note),
            )
            self._forget_oldest(session)
            return _request(self._database.rows(f"{_SELECT} WHERE session_id = ? AND key = ?", session, key)[0])

    def with_key(self, session: int, key: str) -> PermissionRequest | None:
        """Return the request of a session with this key, or None."""
        row = self._with_key(session, key)
        return _request(row) if row else None

    def is_closed(self, number: int) -> bool:
        """Return whether a request takes no answer any more, or only one in its agent's window."""
        row = self._database.row("SELECT answered_by, note FROM permissions WHERE id = ?", number)
        return row is None or bool(row["answered_by"] or row["note"])

    def _with_key(self, session: int, key: str) -> sqlite3.Row | None:
        return self._database.row(f"{_SELECT} WHERE session_id = ? AND key = ?", session, key)

    def _forget_oldest(self, session: int) -> None:
        """Limit what is kept, because an agent can ask any number of times."""
        self._database.rows(
            """DELETE FROM permissions WHERE answered_by IS NOT NULL AND id IN (
                SELECT id FROM (
                    SELECT id, ROW_NUMBER() OVER newest AS number,
                        SUM(LENGTH(detail) + LENGTH(subject)) OVER newest AS size
                    FROM permissions WHERE session_id = ? WINDOW newest AS (ORDER BY id DESC)
                ) WHERE number > ? OR size > ?
            )""",
            session,
            KEPT,
            KEPT_BYTES,
        )

    def open(self) -> tuple[PermissionRequest, ...]:
        """Return the open requests of all sessions that are not deleted, oldest first."""
        rows = self._database.rows(
            f"{_SELECT} WHERE answered_by IS NULL AND sessions.deleted_at IS NULL ORDER BY permissions.id"
        )
        return tuple(_request(row) for row in rows)

    def open_of(self, session: int) -> tuple[PermissionRequest, ...]:
        """Return the open requests of one session, oldest first."""
        rows = self._database.rows(
            f"{_SELECT} WHERE session_id = ? AND answered_by IS NULL ORDER BY permissions.id", session
        )
        return tuple(_request(row) for row in rows)

    def get(self, number: int) -> PermissionRequest | None:
        """Return a request, open or answered."""
        row = self._database.row(f"{_SELECT} WHERE permissions.id = ?", number)
        return _request(row) if row else None

    def answer(
        self, number: int, by: AnsweredBy, decision: Decision | None = None, *, rule: str = "", reason: str = ""
    ) -> bool:
        """Close a request; returns False, changing nothing, if it is closed already.

        ALWAYS also allows the same to its session from now on.
        """
        with self._database.change():
            rows = self._database.rows(
                """UPDATE permissions SET decision = ?, answered_by = ?, answered_at = ?, rule = ?, reason = ?
                WHERE id = ? AND answered_by IS NULL RETURNING session_id, tool, subject""",
                *(decision, by, self.now(), rule, reason, number),
            )
            if rows and decision is Decision.ALWAYS:
                self._database.rows(
                    "INSERT OR IGNORE INTO granted (session_id, tool, subject, at) VALUES (?, ?, ?, ?)",
                    *(rows[0]["session_id"], rows[0]["tool"], rows[0]["subject"], self.now()),
                )
        return bool(rows)

    def close(self, requests: Iterable[PermissionRequest], by: AnsweredBy) -> list[PermissionRequest]:
        """Close requests that ended without an answer from us; returns those that were still open."""
        with self._database.change():
            return [request for request in requests if self.answer(request.id, by)]

    def take_back(self, number: int, by: AnsweredBy) -> None:
        """Close a request that nobody waits for, also one that was answered a moment too late.

        The answer then counts for nothing, and stays on record: only the agent says that it came too late.
        """
        with self._database.change():
            self._database.rows(
                """DELETE FROM granted WHERE (session_id, tool, subject) IN (SELECT session_id, tool, subject
                FROM permissions WHERE id = ? AND decision = ? AND answered_at > ?)""",
                *(number, Decision.ALWAYS, self.now() - TOO_LATE),
            )
            self._database.rows(
                """UPDATE permissions SET late_by = CASE WHEN decision IS NULL THEN late_by ELSE answered_by END,
                late_at = CASE WHEN decision IS NULL THEN late_at ELSE answered_at END,
                late_decision = COALESCE(decision, late_decision), answered_by = ?, answered_at = ?, decision = NULL
                WHERE id = ? AND (answered_by IS NULL OR answered_at > ?)""",
                *(by, self.now(), number, self.now() - TOO_LATE),
            )

    def leave_to_window(self, number: int, note: str) -> bool:
        """Record that from now on only the agent's window takes the answer; returns False if that is too late."""
        with self._database.change():
            rows = self._database.rows(
                "UPDATE permissions SET note = ? WHERE id = ? AND answered_by IS NULL AND note = '' RETURNING id",
                note,
                number,
            )
        return bool(rows)

    def asker(self, number: int) -> tuple[int, str]:
        """Return the id of the session that asked, and the subject of its request; empty if there is none."""
        row = self._database.row("SELECT session_id, subject FROM permissions WHERE id = ?", number)
        return (int(row["session_id"]), str(row["subject"])) if row else (0, "")

    def is_granted(self, session: int, use: ToolUse) -> bool:
        """Return whether the same was allowed to a session for all times."""
        row = self._database.row(
            "SELECT 1 FROM granted WHERE session_id = ? AND tool = ? AND subject = ?", session, use.tool, use.subject
        )
        return row is not None

    def granted(self, session: int) -> list[tuple[str, str]]:
        """Return the tool and the subject of everything that a session was allowed for all times."""
        rows = self._database.rows("SELECT tool, subject FROM granted WHERE session_id = ? ORDER BY at", session)
        return [(str(row["tool"]), str(row["subject"])) for row in rows]

    def end(self, session: int) -> None:
        """Close everything of a session that is deleted, and forget what it was allowed for all times."""
        with self._database.change():
            self.close(self.open_of(session), AnsweredBy.ENDED)
            self._database.rows("DELETE FROM granted WHERE session_id = ?", session)

    def answers(self, session: str | None = None, limit: int = 200) -> list[PermissionRequest]:
        """Return the newest ``limit`` closed requests, of one session or of all, oldest first."""
        rows = self._database.rows(
            f"""{_SELECT} WHERE answered_by IS NOT NULL AND (?1 IS NULL OR session_id = ?2)
            ORDER BY answered_at DESC, permissions.id DESC LIMIT ?3""",
            session,
            self._owner(session) if session else 0,
            limit,
        )
        return [_request(row) for row in reversed(rows)]


def _request(row: sqlite3.Row) -> PermissionRequest:
    return PermissionRequest(
        id=row["id"],
        session=row["name"],
        at=moment(row["at"]),
        tool=row["tool"],
        summary=row["summary"],
        detail=row["detail"],
        answerable=not row["note"] and row["answered_by"] is None,
        note=row["note"],
        decision=Decision(row["decision"]) if row["decision"] else None,
        answered_by=AnsweredBy(row["answered_by"]) if row["answered_by"] else None,
        answered_at=moment(row["answered_at"]) if row["answered_at"] else None,
        rule=row["rule"],
        reason=row["reason"],
        late_decision=Decision(row["late_decision"]) if row["late_decision"] else None,
        late_by=AnsweredBy(row["late_by"]) if row["late_by"] else None,
        late_at=moment(row["late_at"]) if row["late_at"] else None,
    )
