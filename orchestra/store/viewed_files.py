"""Which changed files the person has viewed, until they change."""

from __future__ import annotations

import os

from orchestra.store.part import Part

MOST = 20_000
"""The most files of one session that are remembered; the oldest are forgotten first."""


class ViewedFiles(Part):
    """One mark for each viewed file of a session, by the session's id; another mark means another content."""

    def marks(self, session: int) -> dict[str, str]:
        """Return the marks of a session's viewed files, by path."""
        rows = self._database.rows("SELECT path, mark FROM viewed_files WHERE session_id = ?", session)
        return {os.fsdecode(row["path"]): row["mark"] for row in rows}

    def add(self, session: int, path: str, mark: str) -> None:
        """Remember that a file was viewed with this mark."""
        with self._database.change():
            self._database.rows(
                "INSERT OR REPLACE INTO viewed_files (session_id, path, mark, at) VALUES (?, ?, ?, ?)",
                session, os.fsencode(path), mark, self.now(),
            )  # fmt: skip
            self._database.rows(
                "DELETE FROM viewed_files WHERE session_id = ? AND rowid NOT IN"
                " (SELECT rowid FROM viewed_files WHERE session_id = ? ORDER BY at DESC, rowid DESC LIMIT ?)",
                session, session, MOST,
            )  # fmt: skip

    def discard(self, session: int, path: str) -> None:
        """Forget that a file was viewed."""
        with self._database.change():
            self._database.rows(
                "DELETE FROM viewed_files WHERE session_id = ? AND path = ?", session, os.fsencode(path)
            )
