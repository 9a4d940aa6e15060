"""Requests that change something, stored so that a repeated one gets the first answer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orchestra.store.connection import moment
from orchestra.store.part import Part

KEPT = 1000
"""How many requests are stored."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with the id that its caller chose.

    ``arguments`` is a hash of the arguments, ``note`` what the action needs when it is repeated
    after a crash, ``answer`` the answer as JSON, empty until there is one.
    """

    id: str
    action: str
    arguments: str
    begun_at: datetime
    note: str = ""
    answer: str = ""


class Requests(Part):
    """The stored requests, so that nothing is done twice if an answer was lost."""

    def begin(self, number: str, action: str, arguments: str) -> Request:
        """Record a request, or return the stored one with this id."""
        with self._database.change():
            self._database.rows(
                "INSERT INTO requests (id, action, arguments, begun_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                number,
                action,
                arguments,
                self.now(),
            )
            # By number, not by time, because a clock may be set back.
            self._database.rows("DELETE FROM requests WHERE number <= (SELECT MAX(number) FROM requests) - ?", KEPT)
            return _request(self._database.rows("SELECT * FROM requests WHERE id = ?", number)[0])

    def get(self, number: str) -> Request | None:
        """Return a stored request."""
        row = self._database.row("SELECT * FROM requests WHERE id = ?", number)
        return _request(row) if row else None

    def note(self, number: str, note: str) -> None:
        """Record what the action needs when it is repeated."""
        with self._database.change():
            self._database.rows("UPDATE requests SET note = ? WHERE id = ?", note, number)

    def answer(self, number: str, answer: str) -> None:
        """Record the answer, unless there is one."""
        with self._database.change():
            self._database.rows("UPDATE requests SET answer = ? WHERE id = ? AND answer = ''", answer, number)

    def forget(self, numbers: Iterable[str]) -> None:
        """Remove requests whose answers have arrived."""
        with self._database.change():
            self._database.rows(
                "DELETE FROM requests WHERE id IN (SELECT value FROM json_each(?))", json.dumps(list(numbers))
            )


def _request(row: sqlite3.Row) -> Request:
    return Request(row["id"], row["action"], row["arguments"], moment(row["begun_at"]), row["note"], row["answer"])
