"""What the agents have used: the last reading of each of their counters, and what came of it on each day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from orchestra.model import Spent
from orchestra.store.part import Part

COUNTERS = 500
"""How many counters of one session are kept; what further ones count is left out."""
_COUNTED = ("cost", "tokens_in", "tokens_out")


class UsageRecords(Part):
    """The usage of every session, deleted ones included."""

    def record(self, session: int, counter: str, reading: Spent) -> Spent:
        """Add what a counter has counted since its last reading, and return that.

        A reading below the last one means that the counter has started again at zero. A reading of
        zero says nothing: agents report it before they know what was counted earlier.
        """
        read = {name: getattr(reading, name) or None for name in _COUNTED}
        with self._database.change():
            if not any(read.values()) or not self._has_room(session, counter):
                return Spent()
            known = self._database.row(
                "SELECT * FROM usage_counters WHERE session_id = ? AND counter = ?", session, counter
            )
            before = dict(known) if known else dict.fromkeys(_COUNTED)
            grown = {name: _grown(before[name], read[name]) for name in _COUNTED}
            kept = [before[name] if read[name] is None else read[name] for name in _COUNTED]
            self._database.rows("INSERT OR REPLACE INTO usage_counters VALUES (?, ?, ?, ?, ?)", session, counter, *kept)
            if any(grown.values()):
                self._add(session, grown)
        return Spent(**grown)  # type: ignore[arg-type] # tokens are read as whole numbers

    def note(
        self, session: int, *, context: float | None, model: str, limited_until: datetime | None, limit_known: bool
    ) -> None:
        """Keep how full a session's context is, its model, and when a limit ends; what is unknown stays as it was."""
        self._database.rows(
            """UPDATE sessions SET context = COALESCE(?, context), used_model = COALESCE(NULLIF(?, ''), used_model),
            limited_until = CASE WHEN ? THEN ? ELSE limited_until END WHERE id = ?""",
            context,
            model,
            limit_known,
            limited_until,
            session,
        )

    def spent(self, day: date | None = None) -> Mapping[int, Spent]:
        """Return what each session has used, on one day or, without it, ever."""
        rows = self._database.rows(
            """SELECT session_id, SUM(cost) AS cost, SUM(tokens_in) AS tokens_in, SUM(tokens_out) AS tokens_out
            FROM usage_days WHERE ?1 IS NULL OR day = ?1 GROUP BY session_id""",
            day.isoformat() if day else None,
        )
        return {row["session_id"]: Spent(*(row[name] for name in _COUNTED)) for row in rows}

    def total_cost(self) -> float:
        """Return what all sessions have cost, as far as their agents tell."""
        return float(self._database.rows("SELECT COALESCE(SUM(cost), 0) AS cost FROM usage_days")[0]["cost"])

    def today(self) -> date:
        """Return the day to which usage is added now, in this machine's time zone."""
        return self.now().astimezone().date()

    def _has_room(self, session: int, counter: str) -> bool:
        """Return whether a counter may be kept, because an agent can name any number of them."""
        row = self._database.rows(
            "SELECT COUNT(*) AS number, SUM(counter = ?) AS known FROM usage_counters WHERE session_id = ?",
            counter,
            session,
        )[0]
        return bool(row["known"]) or row["number"] < COUNTERS

    def _add(self, session: int, grown: Mapping[str, float | None]) -> None:
        values = [grown[name] for name in _COUNTED]
        self._database.rows(
            f"""INSERT INTO usage_days (session_id, day, cost, tokens_in, tokens_out) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (session_id, day) DO UPDATE SET {", ".join(map(_summed, _COUNTED))}""",  # noqa: S608 -- our own names
            session,
            self.today().isoformat(),
            *values,
        )
        changes = ", ".join(f"{name} = CASE WHEN ?{at} IS NULL THEN {name} ELSE COALESCE({name}, 0) + ?{at} END"
                            for at, name in enumerate(_COUNTED, 1))  # fmt: skip
        self._database.rows(f"UPDATE sessions SET {changes} WHERE id = ?4", *values, session)  # noqa: S608 -- our own names


def _summed(name: str) -> str:
    both = f"COALESCE(usage_days.{name}, 0) + COALESCE(excluded.{name}, 0)"
    return f"{name} = CASE WHEN COALESCE(usage_days.{name}, excluded.{name}) IS NULL THEN NULL ELSE {both} END"


def _grown(before: float | None, now: float | None) -> float | None:
    """Return what a counter has counted since its last reading; None if it says nothing."""
    if now is None:
        return None
    return now - before if before is not None and now >= before else now
