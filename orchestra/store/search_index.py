"""The index for searching, in a file of its own beside the database: it can be removed, and is then made again.

Writing a message or an event does not wait for it, a Python without FTS5 needs only to do without searching, and its
changes wake nobody who waits for changes of the database.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestra.errors import StoreError, UsageError
from orchestra.store.connection import Database, moment

KINDS = ("messages", "specs", "events", "commits", "conversations")
"""What can be searched."""
LONGEST = 64 * 1024
"""The most characters of one text that are indexed."""
OPEN, CLOSE = "\ue000", "\ue001"
"""The characters around what was found in the line of a hit."""
_PRAGMAS = (
    # What a power failure takes is indexed again.
    "PRAGMA synchronous = NORMAL",
    # KiB; with the database's own 256, the first index of 100,000 messages took twice as long.
    "PRAGMA cache_size = -16384",
)
_VERSION = 1
_MODULE = "fts5"
_IN_ORDER = frozenset({"messages", "specs", "events"})
_BEFORE, _AFTER = 60, 140
"""Characters of a line that are shown before and after what was found."""
_SCHEMA = (
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        session_id INTEGER NOT NULL,
        other_id INTEGER NOT NULL,
        session TEXT NOT NULL,
        at TEXT NOT NULL,
        place TEXT NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (kind, session_id, key)
    )""",
    "CREATE INDEX documents_of_session ON documents (kind, session_id)",
    # This reads accents as plain letters, so that an English keyboard finds them.
    """CREATE VIRTUAL TABLE words USING {module} (
        text, content = 'documents', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
    )""",
    """CREATE TRIGGER documents_added AFTER INSERT ON documents BEGIN
        INSERT INTO words (rowid, text) VALUES (new.id, new.text);
    END""",
    """CREATE TRIGGER documents_removed AFTER DELETE ON documents BEGIN
        INSERT INTO words (words, rowid, text) VALUES ('delete', old.id, old.text);
    END""",
    "CREATE TABLE marks (source TEXT PRIMARY KEY, mark TEXT NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Document:
    """One text that can be found; ``key`` identifies it among those of its kind and session.

    ``other`` is the id of a second session that it belongs to, as the recipient of a message does; 0 for none.
    """

    kind: str
    key: str
    session: str
    session_id: int
    at: datetime
    place: str
    text: str
    other: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that was found; in ``line``, `OPEN` and `CLOSE` are around the words."""

    kind: str
    session: str
    session_id: int
    at: datetime
    place: str
    line: str


class SearchIndex:
    """The index of one project; every call may raise StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opening = threading.Lock()
        self._ready: Database | None = None

    def close(self) -> None:
        """Close the index."""
        if self._ready is not None:
            self._ready.close()

    def change(self) -> AbstractContextManager[None]:
        """Run the block as one transaction; another process that indexes waits."""
        return self._database.change()

    def mark(self, source: str) -> str:
        """Return how far a source has been indexed; empty if not at all."""
        row = self._database.row("SELECT mark FROM marks WHERE source = ?", source)
        return str(row["mark"]) if row else ""

    def set_mark(self, source: str, mark: str) -> None:
        """Record how far a source has been indexed."""
        self._database.rows("INSERT OR REPLACE INTO marks VALUES (?, ?)", source, mark)

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents; one that is known already stays as it is."""
        for document in documents:
            self._database.rows(
                """INSERT INTO documents (kind, key, session_id, other_id, session, at, place, text)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
                *(document.kind, document.key, document.session_id, document.other, document.session, document.at),
                *(document.place, _plain(document.text)),
            )

    def keep_since(self, kind: str, session: int, first: int) -> None:
        """Remove a session's documents of one kind whose keys are numbers below ``first``."""
        self._database.rows(
            "DELETE FROM documents WHERE kind = ? AND session_id = ? AND CAST(key AS INTEGER) < ?", kind, session, first
        )

    def sessions(self, kind: str) -> list[int]:
        """Return the ids of the sessions with documents of one kind."""
        rows = self._database.rows("SELECT DISTINCT session_id FROM documents WHERE kind = ?", kind)
        return [row["session_id"] for row in rows]

    def find(self, query: str, kind: str, *, sessions: Sequence[int] | None, limit: int) -> list[Hit]:
        """Return the newest documents of one kind with all words of a `query`, newest first."""
        # FTS5 returns rows in this order without sorting them, which is the order in time of what the database holds.
        order = "words.rowid" if kind in _IN_ORDER else "at DESC, words.rowid"
        rows = self._database.rows(
            f"""SELECT documents.*, highlight(words, 0, ?1, ?2) AS shown
            FROM words CROSS JOIN documents ON documents.id = words.rowid
            WHERE words MATCH ?3 AND words.rowid IN (
                SELECT words.rowid FROM words CROSS JOIN documents ON documents.id = words.rowid
                WHERE words MATCH ?3 AND kind = ?4 AND (?6 IS NULL
                    OR session_id IN (SELECT value FROM json_each(?6)) OR other_id IN (SELECT value FROM json_each(?6)))
                ORDER BY {order} DESC LIMIT ?5
            ) ORDER BY {order} DESC""",  # noqa: S608 -- our own names
            *(OPEN, CLOSE, query, kind, limit, None if sessions is None else json.dumps(sessions)),
        )
        return [_hit(row) for row in rows]

    @property
    def _database(self) -> Database:
        with self._opening:
            if self._ready is None:
                self._ready = self._opened()
            return self._ready

    def _opened(self) -> Database:
        if not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        database = Database(self._path, pragmas=_PRAGMAS)
        with database.change():
            known = database.rows("PRAGMA user_version")[0][0]
            if known != _VERSION:
                _build(database)
        return database


def _build(database: Database) -> None:
    for name in ("words", "documents", "marks"):
        database.rows(f"DROP TABLE IF EXISTS {name}")
    try:
        for statement in _SCHEMA:
            database.rows(statement.format(module=_MODULE))
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        message = "this Python's SQLite cannot search in texts: it was built without FTS5"
        raise StoreError(
            message, hint="install Orchestra with another Python, such as your system's python3"
        ) from error
    database.rows(f"PRAGMA user_version = {_VERSION}")


def query(text: str) -> str:
    """Turn a person's words into a query: all must occur, those in quotes together, and ``*`` ends a beginning.

    Nothing else has a meaning. Raises UsageError for a text without any word.
    """
    wanted = [
        term
        for number, part in enumerate(text.replace("\0", " ").split('"'))
        for term in ([_phrase(part)] if number % 2 else map(_word, part.split()))
        if any(character.isalnum() for character in term)
    ]
    if not wanted:
        raise UsageError("there is no word to search for", hint='for example: orchestra search "login page"')
    return " ".join(wanted)


def _word(word: str) -> str:
    return f"{_phrase(word.rstrip('*'))}{'*' if word.endswith('*') else ''}"


def _phrase(words: str) -> str:
    return f'"{words}"'


def _plain(text: str) -> str:
    return text[:LONGEST].replace(OPEN, "").replace(CLOSE, "")


def _hit(row: sqlite3.Row) -> Hit:
    at = moment(row["at"])
    return Hit(row["kind"], row["session"], row["session_id"], at, row["place"], line_around(row["shown"]))


def line_around(text: str) -> str:
    """Return the line with the first mark in a text, or a part of it with an ellipsis where something is missing."""
    at = max(0, text.find(OPEN))
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    first, last = max(begin, at - _BEFORE), min(end, at + _AFTER)
    line = text[first:last]
    if line.count(OPEN) > line.count(CLOSE):
        line += CLOSE
    return f"{'…' if first > begin else ''}{line}{'…' if last < end else ''}"
