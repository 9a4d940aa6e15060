"""What is tried in the person's checkout: nothing, or one session."""

from __future__ import annotations

from typing import Any

from orchestra.model import Tryout
from orchestra.model.sessions import LIVE
from orchestra.store.connection import moment
from orchestra.store.part import Part


class Tryouts(Part):
    """The one row of what is tried; the session has a note of it, too."""

    def get(self) -> Tryout | None:
        """Return what is tried, or None."""
        row = self._database.row("SELECT * FROM tryout")
        if row is None:
            return None
        texts = {name: row[name] for name in ("session", "ref", "anchor", "shown", "wanted", "mark", "stopped")}
        return Tryout(**texts, since=moment(row["since"]), with_index=bool(row["with_index"]))

    def begin(self, session: str, **values: str) -> None:
        """Record that a session is about to be tried."""
        row = {"session": session, "stopped": "", "with_index": False, "since": self.now(), **values}
        marks = ", ".join("?" for _ in row)
        with self._database.change():
            self._database.rows(f"INSERT INTO tryout ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608 -- our own column names
            self._note(session, LIVE)

    def update(self, **values: Any) -> None:  # noqa: ANN401 -- the fields of `Tryout`
        """Change fields of what is tried."""
        changes = ", ".join(f"{name} = ?" for name in values)
        with self._database.change():
            self._database.rows(f"UPDATE tryout SET {changes}", *values.values())  # noqa: S608 -- our own column names
            if (now := self.get()) is not None and "stopped" in values:
                self._note(now.session, now.stopped or LIVE)

    def end(self) -> None:
        """Record that nothing is tried any longer."""
        with self._database.change():
            self._database.rows("DELETE FROM tryout")
            self._database.rows("UPDATE sessions SET tried = '' WHERE tried != ''")

    def _note(self, session: str, how: str) -> None:
        self._database.rows("UPDATE sessions SET tried = ? WHERE name = ? AND deleted_at IS NULL", how, session)
