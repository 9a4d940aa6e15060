"""Which steps of an action were begun and not finished."""

from __future__ import annotations

from orchestra.store.part import Part


class Steps(Part):
    """The record by which `reconcile` can say what it resumes."""

    def begin_step(self, session: str, step: str) -> None:
        """Record that a step begins, or begins again."""
        with self._database.change():
            self._database.rows(
                "INSERT OR REPLACE INTO steps (session_id, session, step, begun_at) VALUES (?, ?, ?, ?)",
                self._owner(session),
                session,
                step,
                self.now(),
            )

    def finish_step(self, session: str, step: str) -> None:
        """Record that a step has been finished."""
        with self._database.change():
            self._database.rows(
                "UPDATE steps SET finished_at = ? WHERE session_id = ? AND session = ? AND step = ?",
                self.now(),
                self._owner(session),
                session,
                step,
            )

    def unfinished_steps(self, session: str) -> list[str]:
        """Return the steps that were begun and not finished, in the order they began."""
        rows = self._database.rows(
            """SELECT step FROM steps WHERE session_id = ? AND session = ? AND finished_at IS NULL
            ORDER BY begun_at, rowid""",
            self._owner(session),
            session,
        )
        return [row["step"] for row in rows]
