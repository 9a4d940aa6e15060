"""What sessions say shows the items of their specs, and how it ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from orchestra.model import CheckRun, Claim
from orchestra.store.connection import moment
from orchestra.store.part import Part
from orchestra.store.queue import KEPT_OUTPUT


class Claims(Part):
    """At most one claim for each item of a session's spec, by the session's id."""

    def add(self, session: int, mark: str, item: str, command: str) -> Claim:
        """Record a claim; one that is repeated keeps its run only if that succeeded."""
        with self._database.change():
            self._database.rows(
                """INSERT INTO claims (session_id, mark, item, command, at) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (session_id, mark) DO UPDATE SET command = ?4, at = ?5,
                ran_at = CASE WHEN command = ?4 AND code = 0 THEN ran_at END""",
                *(session, mark, item, command, self.now()),
            )
            return next(claim for claim in self.of(session) if claim.mark == mark)

    def of(self, session: int) -> list[Claim]:
        """Return the claims of a session, the oldest first."""
        return [
            _claim(row)
            for row in self._database.rows("SELECT * FROM claims WHERE session_id = ? ORDER BY at, rowid", session)
        ]

    def keep(self, session: int, marks: Collection[str]) -> None:
        """Forget the claims of a session for all other items."""
        with self._database.change():
            for claim in self.of(session):
                if claim.mark not in marks:
                    self._database.rows("DELETE FROM claims WHERE session_id = ? AND mark = ?", session, claim.mark)

    def record(self, session: int, claims: Iterable[Claim]) -> None:
        """Record how the commands of a session's claims ended on one tree; what did not run there is unproved again.

        A claim that names another command by now keeps no run.
        """
        with self._database.change():
            self._database.rows("UPDATE claims SET ran_at = NULL WHERE session_id = ?", session)
            for claim, run in ((claim, claim.run) for claim in claims):
                if run is not None:
                    self._database.rows(
                        """UPDATE claims SET tree = ?, code = ?, output = ?, seconds = ?, ran_at = ?
                        WHERE session_id = ? AND mark = ? AND command = ?""",
                        *(run.tree, run.code, run.output[-KEPT_OUTPUT:], run.seconds, run.at),
                        *(session, claim.mark, claim.command),
                    )


def _claim(row: sqlite3.Row) -> Claim:
    return Claim(
        session=row["session_id"],
        mark=row["mark"],
        item=row["item"],
        command=row["command"],
        at=moment(row["at"]),
        run=_run(row) if row["ran_at"] else None,
    )


def _run(row: sqlite3.Row) -> CheckRun:
    return CheckRun(
        entry=0,
        tree=row["tree"],
        name=row["item"],
        command=row["command"],
        code=row["code"],
        output=row["output"],
        seconds=row["seconds"],
        at=moment(row["ran_at"]),
    )
