"""How the empty prompts look that were seen just after their programs said that they were ready."""

from __future__ import annotations

from orchestra.store.part import Part


class EmptyPrompts(Part):
    """One line for a session, with the time of the sign it was seen after, in seconds since 1970."""

    def get(self, session: int) -> tuple[float, str] | None:
        """Return when a session's agent said that it was ready, and the line that its cursor stood in then."""
        row = self._database.row("SELECT ready_at, line FROM prompts WHERE session_id = ?", session)
        return (float(row["ready_at"]), str(row["line"])) if row else None

    def note(self, session: int, ready_at: float, line: str) -> None:
        """Keep that line in place of an earlier one."""
        with self._database.change():
            self._database.rows(
                "INSERT OR REPLACE INTO prompts (session_id, ready_at, line) VALUES (?, ?, ?)", session, ready_at, line
            )
