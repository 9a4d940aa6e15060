"""What is remembered of sessions and is no field of theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from orchestra.store.connection import moment
from orchestra.store.part import Part


class SessionNotes(Part):
    """Columns of the sessions that are read and written one at a time, by the session's id."""

    def diff_mark(self, session: int) -> str:
        """Return the mark of what was last seen of a session's changes: another mark, another diff."""
        return str(self._noted(session, "diff_mark") or "")

    def note_diff(self, session: int, mark: str, tree: str = "", tip: str = "") -> None:
        """Keep that mark, and the tree that was seen on top of the commit ``tip``, whose objects the look has.

        Nothing is written where they are the same.
        """
        seen = {"diff_mark": mark, "seen_tree": tree, "seen_tip": tip}
        row = self._database.row("SELECT diff_mark, seen_tree, seen_tip FROM sessions WHERE id = ?", session)
        if row is not None and dict(row) != seen:
            self._note(session, **seen)

    def seen_trees(self) -> dict[int, tuple[str, str]]:
        """Return the tree last seen in each session's worktree and the commit below it, by the session's id."""
        rows = self._database.rows("SELECT id, seen_tree, seen_tip FROM sessions WHERE seen_tree <> ''")
        return {row["id"]: (row["seen_tree"], row["seen_tip"]) for row in rows}

    def note_refusal(self, session: int, reason: str) -> bool:
        """Keep why a session's commits were refused, and say whether that is another reason than before."""
        if reason == self._noted(session, "refusal"):
            return False
        self._note(session, refusal=reason)
        return True

    def covered(self, session: int) -> tuple[str, ...] | None:
        """Return the repositories that a session's container was made to cover; None where that is not known."""
        noted = self._noted(session, "covered")
        return None if noted is None else tuple(json.loads(str(noted)))

    def note_covered(self, session: int, paths: Iterable[str]) -> None:
        """Keep which repositories a session's container covers, each once."""
        self._note(session, covered=json.dumps(sorted(set(paths))))

    def note_reviewed(self, session: int) -> None:
        """Keep that the person has now seen a session's result."""
        self._note(session, reviewed_at=self.now())

    def reviewed(self) -> dict[int, datetime]:
        """Return when the person last saw each session's result, by the session's id."""
        rows = self._database.rows("SELECT id, reviewed_at FROM sessions WHERE reviewed_at NOTNULL")
        return {row["id"]: moment(row["reviewed_at"]) for row in rows}

    def _noted(self, session: int, column: str) -> object:
        row = self._database.row(f"SELECT {column} FROM sessions WHERE id = ?", session)  # noqa: S608 -- our own names
        return row[column] if row else None

    def _note(self, session: int, **values: object) -> None:
        changes = ", ".join(f"{column} = ?" for column in values)
        with self._database.change():
            self._database.rows(f"UPDATE sessions SET {changes} WHERE id = ?", *values.values(), session)  # noqa: S608 -- our own names
