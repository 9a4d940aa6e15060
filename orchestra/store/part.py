"""What the parts of the store share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orchestra.store.connection import Database


class Part:
    """One subject of the store; all parts work on the same database."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.now = clock

    def _owner(self, name: str) -> int:
        """Return the id behind a session's name, the newest deleted one's if none lives; 0 for nobody's.

        A name may be used again after a delete: what is kept under it must not pass to the next.
        """
        row = self._database.row(
            "SELECT id FROM sessions WHERE name = ? ORDER BY deleted_at IS NOT NULL, id DESC LIMIT 1", name
        )
        return int(row["id"]) if row else 0
