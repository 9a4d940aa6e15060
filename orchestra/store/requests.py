"""Requests to change something, remembered so that one asked again gets the first answer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orchestra.store.connection import moment
from orchestra.store.part import Part

KEPT = 1000
"""The newest requests that are remembered."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request by the id that its caller chose.

    ``arguments`` is a hash of what was asked for, ``note`` what the action itself must know when it is asked again
    after a crash, ``answer`` the reply as JSON, empty while none was given.
    """

    id: str
    action: str
    arguments: str
    begun_at: datetime
    note: str = ""
    answer: str = ""


class Requests(Part):
    """The record by which nothing is done twice when the answer to a request was lost."""

    def begin_request(self, number: str, action: str, arguments: str) -> Request:
        """Record a request, or return what is known of one with this id."""
        with self._database.change():
            self._database.rows(
                "INSERT INTO requests (id, action, arguments, begun_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                number,
                action,
                arguments,
                self.now(),
            )
            # By number, not by time: a clock may be set back.
            self._database.rows("DELETE FROM requests WHERE number <= (SELECT MAX(number) FROM requests) - ?", KEPT)
            return _request(self._database.rows("SELECT * FROM requests WHERE id = ?", number)[0])

    def request(self, number: str) -> Request | None:
        """Return what is known of a request."""
        row = self._database.row("SELECT * FROM requests WHERE id = ?", number)
        return _request(row) if row else None

    def note_request(self, number: str, note: str) -> None:
        """Record what the action must know when it is asked again."""
        with self._database.change():
            self._database.rows("UPDATE requests SET note = ? WHERE id = ?", note, number)

    def answer_request(self, number: str, answer: str) -> None:
        """Record the answer; the first one stays."""
        with self._database.change():
            self._database.rows("UPDATE requests SET answer = ? WHERE id = ? AND answer = ''", answer, number)

    def forget_requests(self, numbers: Iterable[str]) -> None:
        """Forget requests whose answers have arrived."""
        with self._database.change():
            self._database.rows(
                "DELETE FROM requests WHERE id IN (SELECT value FROM json_each(?))", json.dumps(list(numbers))
            )


def _request(row: sqlite3.Row) -> Request:
    return Request(row["id"], row["action"], row["arguments"], moment(row["begun_at"]), row["note"], row["answer"])
