"""What models said of the sessions, and how often they were asked on each day."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, datetime

from orchestra.model import ModelSummary, MonitorDay, Spent
from orchestra.store.connection import moment
from orchestra.store.part import Part


class Summaries(Part):
    """One row for each session that a model was asked about, and one for each day."""

    def of(self, session: int) -> ModelSummary | None:
        """Return what a model said last of a session; None if none was ever asked."""
        row = self._database.row("SELECT * FROM model_summaries WHERE session_id = ?", session)
        return _summary(row) if row else None

    def all(self) -> dict[int, ModelSummary]:
        """Return what models said last, by the session's id."""
        return {row["session_id"]: _summary(row) for row in self._database.rows("SELECT * FROM model_summaries")}

    def tried(self, session: int) -> tuple[str, datetime] | None:
        """Return the mark of what the last try saw, and its time; None if there was none."""
        row = self._database.row("SELECT seen, tried_at FROM model_summaries WHERE session_id = ?", session)
        return (row["seen"], moment(row["tried_at"])) if row else None

    def begin(self, session: int, seen: str) -> None:
        """Record that a model is asked now, before it is: a try that is cut off counts too."""
        with self._database.change():
            self._database.rows(
                """INSERT INTO model_summaries (session_id, tried_at, seen, under_way) VALUES (?1, ?2, ?3, 1)
                ON CONFLICT (session_id) DO UPDATE SET tried_at = ?2, seen = ?3, under_way = 1""",
                session, self.now(), seen,
            )  # fmt: skip
            self._database.rows(
                """INSERT INTO monitor_days (day, calls) VALUES (?, 1)
                ON CONFLICT (day) DO UPDATE SET calls = calls + 1""",
                self.today().isoformat(),
            )

    def keep(self, session: int, summary: ModelSummary) -> None:
        """Keep what a model said; an earlier trouble is over."""
        self._database.rows(
            """UPDATE model_summaries SET lines = ?, drift = ?, at = ?, profile = ?, trouble = '', under_way = 0
            WHERE session_id = ?""",
            json.dumps(summary.lines), summary.drift, summary.at, summary.by, session,
        )  # fmt: skip

    def fail(self, session: int, trouble: str) -> None:
        """Keep why a model said nothing; what one said before stays."""
        self._database.rows(
            "UPDATE model_summaries SET trouble = ?, under_way = 0 WHERE session_id = ?", trouble, session
        )

    def forget_cut_off(self) -> None:
        """Let tries that were cut off, with their process, be made again."""
        self._database.rows("UPDATE model_summaries SET seen = '', under_way = 0 WHERE under_way")

    def spend(self, spent: Spent) -> None:
        """Add what a model used; what it did not tell stays unknown."""
        changes = ", ".join(
            f"{name} = CASE WHEN ?{at} IS NULL THEN {name} ELSE COALESCE({name}, 0) + ?{at} END"
            for at, name in enumerate(("cost", "tokens_in", "tokens_out"), 1)
        )
        # Midnight may have come since it was asked.
        self._database.rows("INSERT OR IGNORE INTO monitor_days (day, calls) VALUES (?, 0)", self.today().isoformat())
        self._database.rows(
            f"UPDATE monitor_days SET {changes} WHERE day = ?4",  # noqa: S608 -- our own names
            spent.cost, spent.tokens_in, spent.tokens_out, self.today().isoformat(),
        )  # fmt: skip

    def day(self, day: date | None = None) -> MonitorDay:
        """Return what was used on one day or, without it, ever."""
        row = self._database.rows(
            """SELECT COALESCE(SUM(calls), 0) AS calls, SUM(cost) AS cost, SUM(tokens_in) AS tokens_in,
            SUM(tokens_out) AS tokens_out FROM monitor_days WHERE ?1 IS NULL OR day = ?1""",
            day.isoformat() if day else None,
        )[0]
        return MonitorDay(row["calls"], row["cost"], row["tokens_in"], row["tokens_out"])

    def today(self) -> date:
        """Return the day to which usage is added now, in this machine's time zone."""
        return self.now().astimezone().date()


def _summary(row: sqlite3.Row) -> ModelSummary:
    at = moment(row["at"]) if row["at"] else None
    return ModelSummary(tuple(json.loads(row["lines"])), row["drift"], at, row["profile"], row["trouble"])
