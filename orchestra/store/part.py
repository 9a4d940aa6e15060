"""The common base of the parts of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orchestra.store.connection import Database


class Part:
    """One part of the store; all parts use the same database."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.now = clock

    def _owner(self, name: str) -> int:
        """Return the id of the session with a name, or else of the last deleted one; 0 if there is none.

        A name may be used again after a delete, and the next session must not get the data of the
        first.
        """
        row = self._database.row(
            "SELECT id FROM sessions WHERE name = ? ORDER BY deleted_at IS NOT NULL, id DESC LIMIT 1", name
        )
        return int(row["id"]) if row else 0
