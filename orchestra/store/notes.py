"""Small facts about a project that have no table of their own."""

from __future__ import annotations

from orchestra.store.part import Part


class Notes(Part):
    """Texts by key."""

    def get(self, key: str) -> str | None:
        """Return the text kept under a key."""
        row = self._database.row("SELECT value FROM notes WHERE key = ?", key)
        return str(row["value"]) if row else None

    def set(self, key: str, value: str | None) -> None:
        """Keep a text under a key; None forgets it."""
        with self._database.change():
            if value is None:
                self._database.rows("DELETE FROM notes WHERE key = ?", key)
            else:
                self._database.rows("INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)", key, value)
