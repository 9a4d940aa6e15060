"""The versions of each session's spec."""

from __future__ import annotations

import sqlite3

from orchestra.errors import NotFound
from orchestra.model import Spec
from orchestra.store.connection import moment
from orchestra.store.part import Part

KEPT = 100
"""How many versions of a spec are kept, in addition to the first, which is the session's task."""


class Specs(Part):
    """The versions of specs, and which ones their sessions have read."""

    def save(self, session: str, text: str, author: str) -> Spec | None:
        """Store a new version; returns None if the text is unchanged."""
        with self._database.change():
            newest = self.get(session)
            if newest is not None and newest.text == text:
                return None
            rows = self._database.rows(
                """INSERT INTO specs (session_id, session, version, text, author, at)
                VALUES (?, ?, ?, ?, ?, ?) RETURNING *""",
                self._owner(session),
                session,
                newest.version + 1 if newest else 1,
                text,
                author,
                self.now(),
            )
            self._database.rows(
                "DELETE FROM specs WHERE session_id = ? AND session = ? AND version > 1 AND version <= ?",
                self._owner(session),
                session,
                rows[0]["version"] - KEPT,
            )
        return _spec(rows[0])

    def get(self, session: str, version: int | None = None) -> Spec | None:
        """Return one version of a session's spec, by default the newest."""
        row = self._database.row(
            """SELECT * FROM specs WHERE session_id = ?1 AND session = ?2 AND (?3 IS NULL OR version = ?3)
            ORDER BY version DESC LIMIT 1""",
            self._owner(session),
            session,
            version,
        )
        return _spec(row) if row else None

    def acknowledge(self, session: str, version: int) -> None:
        """Record that a session has read a version, and so all before it. Raises NotFound."""
        with self._database.change():
            rows = self._database.rows(
                """UPDATE specs SET acknowledged_at = COALESCE(acknowledged_at, ?)
                WHERE session_id = ? AND session = ? AND version = ? RETURNING version""",
                self.now(),
                self._owner(session),
                session,
                version,
            )
        if not rows:
            raise NotFound(f"the spec of {session} has no version {version}")

    def acknowledged(self, session: str) -> int:
        """Return the newest version a session has read, or 0."""
        row = self._database.row(
            """SELECT MAX(version) AS version FROM specs
            WHERE session_id = ? AND session = ? AND acknowledged_at IS NOT NULL""",
            self._owner(session),
            session,
        )
        return (row["version"] if row else None) or 0


def _spec(row: sqlite3.Row) -> Spec:
    return Spec(
        session=row["session"], version=row["version"], text=row["text"], author=row["author"], at=moment(row["at"])
    )
