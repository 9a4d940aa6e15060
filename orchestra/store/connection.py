"""Connections to one SQLite file, one per thread, with one-line errors."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orchestra.errors import StoreError

BUSY_DEADLINE = 10.0
"""Seconds to wait for another process that is writing."""
_POLL = 0.01

_WAL = "PRAGMA journal_mode = WAL"
_PRAGMAS = (
    # An accepted message survives a power failure; this costs about 0.3 ms per change on an SSD.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # KiB; each thread has a connection, and with the default of 2 MiB the service grew with the database.
    "PRAGMA cache_size = -256",
)

_FREE_SPACE = "free some space, or type: orchestra gc"
_SET_ASIDE = "move it and its -wal and -shm files aside, then type: orchestra up"
_TROUBLES: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("the disk is full: cannot write to {path}", _FREE_SPACE),
    sqlite3.SQLITE_IOERR: ("the disk refuses to read or write {path}", _FREE_SPACE),
    sqlite3.SQLITE_READONLY: ("{path} cannot be written", "give yourself permission to write there"),
    sqlite3.SQLITE_PERM: ("{path} cannot be written", "give yourself permission to write there"),
    sqlite3.SQLITE_CANTOPEN: ("{path} cannot be opened", "check that you may write to its directory"),
    sqlite3.SQLITE_CORRUPT: ("{path} is damaged", _SET_ASIDE),
    sqlite3.SQLITE_NOTADB: ("{path} is not a database of Orchestra", _SET_ASIDE),
    sqlite3.SQLITE_BUSY: ("another process keeps {path} busy", "wait for it, or look for it with: ps -ef"),
}
"""Messages and hints for SQLite's primary result codes (sqlite.org/rescode.html)."""


class Database:
    """The connections to one SQLite file."""

    def __init__(self, path: Path, *, busy_deadline: float = BUSY_DEADLINE, pragmas: Sequence[str] = ()) -> None:
        self.path = path
        self._pragmas = (*_PRAGMAS, *pragmas)
        self._busy_deadline = busy_deadline
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._changing = threading.Lock()
        self._closed = False
        # An existing file that disappears is not created again, because somebody removed it on purpose.
        self._mode = "rw" if path.exists() else "rwc"

    def connection(self) -> sqlite3.Connection:
        """Return the connection of the calling thread."""
        known = self._connections.get(threading.current_thread())
        return known or self._connect()

    def _connect(self) -> sqlite3.Connection:
        with self._changing:
            if self._closed:
                raise StoreError(f"{self.path} has been closed", hint="type: orchestra up")
            self._forget_dead_threads()
            made = self._made()
            self._connections[threading.current_thread()] = made
        return made

    def _made(self) -> sqlite3.Connection:
        made = sqlite3.connect(
            f"file:{quote(os.fspath(self.path))}?mode={self._mode}",
            uri=True,
            timeout=self._busy_deadline,
            isolation_level=None,
            check_same_thread=False,  # so that `close` can close the connections of other threads
        )
        made.row_factory = sqlite3.Row
        made.create_function("monotonic", 0, time.monotonic)
        self._use_wal(made)
        for pragma in self._pragmas:
            made.execute(pragma)
        return made

    def _use_wal(self, made: sqlite3.Connection) -> None:
        """Switch a new file to write-ahead logging; SQLite does not wait where two connections do so at once."""
        end = time.monotonic() + self._busy_deadline
        while True:
            try:
                made.execute(_WAL)
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            time.sleep(_POLL)

    def _forget_dead_threads(self) -> None:
        for thread in [thread for thread in self._connections if not thread.is_alive()]:
            self._connections.pop(thread).close()

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """Run one statement and return all its rows. Raises StoreError."""
        with self.translated():
            return self.connection().execute(statement, [column(value) for value in values]).fetchall()

    def row(self, statement: str, *values: object) -> sqlite3.Row | None:
        """Run one statement and return its first row, or None. Raises StoreError."""
        return next(iter(self.rows(statement, *values)), None)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Run the block as one transaction, or as part of one that is open already."""
        if self.connection_is_changing():
            yield
            return
        connection = self.connection()
        try:
            self.rows("BEGIN IMMEDIATE")
            yield
            self.rows("COMMIT")
        finally:
            if connection.in_transaction:
                connection.rollback()

    def connection_is_changing(self) -> bool:
        """Return whether the calling thread is inside `change`."""
        with self.translated():
            return self.connection().in_transaction

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors about the file and the disk into StoreError; other errors are bugs."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            trouble = _TROUBLES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
            if trouble is None:
                raise
            message, hint = trouble
            raise StoreError(message.format(path=self.path), hint=hint) from error

    def close(self) -> None:
        """Close every thread's connection; one that is in use is closed afterwards."""
        with self._changing:
            self._closed = True
            for thread, connection in self._connections.items():
                # SQLite crashes if a connection is closed while a statement runs.
                if thread is threading.current_thread() or not thread.is_alive():
                    connection.close()
            self._connections.clear()


def column(value: object) -> Any:  # noqa: ANN401 -- sqlite3's own parameter type is wider than any name for it
    """Turn a model value into a column value: times as sortable UTC text, paths as bytes.

    A lone surrogate, which UTF-8 cannot encode, becomes ``?``.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Path):
        return os.fsencode(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value


def moment(text: str) -> datetime:
    """Turn a column's text back into a time."""
    return datetime.fromisoformat(text)
