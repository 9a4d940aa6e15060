"""The messages, events and specs that can be searched, in the order in which they were stored."""

from __future__ import annotations

import sqlite3

from orchestra.store.connection import moment
from orchestra.store.part import Part
from orchestra.store.search_index import Document


class Searchable(Part):
    """What the database holds for the index; a deleted session's rows stay, and so can be found."""

    def messages(self, after: int, limit: int) -> list[Document]:
        """Return the oldest messages after the one with this id."""
        rows = self._database.rows("SELECT * FROM messages WHERE id > ? ORDER BY id LIMIT ?", after, limit)
        return [_message(row) for row in rows]

    def events(self, after: int, limit: int) -> list[Document]:
        """Return the oldest events after the one with this id; commits are found as such."""
        rows = self._database.rows(
            "SELECT * FROM events WHERE id > ? AND kind <> 'commit' ORDER BY id LIMIT ?", after, limit
        )
        return [
            Document(
                "events", str(row["id"]), row["session"], row["session_id"], moment(row["at"]), row["kind"], row["text"]
            )
            for row in rows
        ]

    def specs(self, after: int, limit: int) -> list[Document]:
        """Return the oldest versions of specs after the row with this number."""
        rows = self._database.rows(
            "SELECT rowid AS number, * FROM specs WHERE rowid > ? ORDER BY rowid LIMIT ?", after, limit
        )
        return [_spec(row) for row in rows]

    def first(self, kind: str) -> dict[int, int]:
        """Return the first key that each session still has of events or specs, whose oldest are dropped."""
        key = {"events": "id", "specs": "rowid"}[kind]
        kept = "" if kind == "events" else "WHERE version > 1"
        rows = self._database.rows(f"SELECT session_id, MIN({key}) AS first FROM {kind} {kept} GROUP BY session_id")  # noqa: S608 -- our own names
        return {row["session_id"]: row["first"] for row in rows}


def _message(row: sqlite3.Row) -> Document:
    # A message to or from the person, or Orchestra itself, belongs to the one session that it has.
    owner, other = (row["sender_id"], row["recipient_id"]) if row["sender_id"] else (row["recipient_id"], 0)
    return Document(
        kind="messages",
        key=str(row["id"]),
        session=row["sender"] if row["sender_id"] else row["recipient"],
        session_id=owner,
        at=moment(row["sent_at"]),
        place=f"message {row['id']}, {row['sender']} to {row['recipient']}",
        text=row["text"],
        other=other,
    )


def _spec(row: sqlite3.Row) -> Document:
    place = f"version {row['version']}, by {row['author']}"
    owner, at = row["session_id"], moment(row["at"])
    return Document("specs", str(row["number"]), row["session"], owner, at, place, row["text"])
