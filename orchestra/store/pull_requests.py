"""The pull requests of sessions."""

from __future__ import annotations

import sqlite3
from typing import Any

from orchestra.model import PullRequest
from orchestra.store.connection import moment
from orchestra.store.part import Part

_TEXTS = ("remote", "web", "branch", "base", "pushed", "url", "state", "trouble")


class PullRequests(Part):
    """At most one pull request for each session, by the session's id."""

    def of(self, session: int) -> PullRequest | None:
        """Return a session's pull request, or None."""
        row = self._database.row("SELECT * FROM pull_requests WHERE session_id = ?", session)
        return _pull(row) if row else None

    def get(self, session: int) -> PullRequest:
        """Return a session's pull request, which must be known."""
        return _pull(self._database.rows("SELECT * FROM pull_requests WHERE session_id = ?", session)[0])

    def all(self) -> dict[int, PullRequest]:
        """Return every pull request, by its session's id."""
        return {row["session_id"]: _pull(row) for row in self._database.rows("SELECT * FROM pull_requests")}

    def open(self) -> list[PullRequest]:
        """Return those that are open, the oldest first."""
        return [pull for pull in sorted(self.all().values(), key=lambda pull: pull.opened_at) if pull.is_open]

    def put(self, session: int, **values: str | int) -> PullRequest:
        """Record a session's pull request in place of an earlier one."""
        row = {"session_id": session, "trouble": "", "state": "OPEN", "opened_at": self.now(), **values}
        marks = ", ".join("?" for _ in row)
        with self._database.change():
            self._database.rows(
                f"INSERT OR REPLACE INTO pull_requests ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 -- our own column names
                *row.values(),
            )
            return self.get(session)

    def update(self, session: int, **values: Any) -> None:  # noqa: ANN401 -- the fields of `PullRequest`
        """Change fields of a session's pull request."""
        changes = ", ".join(f"{name} = ?" for name in values)
        with self._database.change():
            self._database.rows(
                f"UPDATE pull_requests SET {changes} WHERE session_id = ?",  # noqa: S608 -- our own column names
                *values.values(),
                session,
            )


def _pull(row: sqlite3.Row) -> PullRequest:
    return PullRequest(
        session=row["session_id"],
        number=row["number"],
        follow=bool(row["follow"]),
        hooks=bool(row["hooks"]),
        opened_at=moment(row["opened_at"]),
        **{name: row[name] for name in _TEXTS},
    )
