"""Bring a database to the newest schema; each records the steps that it has taken."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from orchestra.errors import StoreError
from orchestra.store.connection import Database
from orchestra.store.schema import MIGRATIONS

__all__ = ["MIGRATIONS", "migrate", "prepare"]


def prepare(path: Path, at: datetime, before_upgrade: Callable[[], None] = lambda: None) -> None:
    """Create the database at ``path``, or upgrade an older one.

    A new one is built under another name and renamed, so that nobody opens half of it. Raises
    StoreError, also for a database that a newer Orchestra has changed, and what
    ``before_upgrade`` raises to prevent an upgrade.
    """
    try:
        with _directory_lock(path.parent):
            if not path.exists():
                _build(path, at)
    except OSError as error:
        message = f"{path} cannot be made: {error.strerror}"
        raise StoreError(message, hint="check the disk, and that you may write to its directory") from error
    with closing(Database(path)) as database:
        migrate(database, at, before_upgrade=before_upgrade)


@contextmanager
def _directory_lock(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _build(path: Path, at: datetime) -> None:
    fresh = path.with_name(f".{path.name}.new")
    for leftover in (fresh, fresh.with_name(f"{fresh.name}-wal"), fresh.with_name(f"{fresh.name}-shm")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(Database(fresh)) as database:
        migrate(database, at)
    fresh.rename(path)


def migrate(
    database: Database,
    at: datetime,
    steps: Mapping[str, tuple[str, ...]] = MIGRATIONS,
    before_upgrade: Callable[[], None] = lambda: None,
) -> None:
    """Take the missing steps of a database, each with its record in one transaction.

    Raises StoreError, changing nothing, for a database with a step that is not in ``steps``.
    """
    with database.translated():
        if steps.keys() == _taken(database):
            return
    with database.change():
        database.rows("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, taken_at TEXT NOT NULL)")
        taken = _taken(database)
        _refuse_newer(database.path, taken - steps.keys())
        if taken and steps.keys() - taken:
            before_upgrade()
        for name in (step for step in steps if step not in taken):
            _take(database, name, steps[name], at)


def _taken(database: Database) -> set[str]:
    if database.row("SELECT 1 FROM sqlite_master WHERE name = 'migrations'") is None:
        return set()
    return {row["name"] for row in database.rows("SELECT name FROM migrations")}


def _refuse_newer(path: Path, unknown: set[str]) -> None:
    if unknown:
        raise StoreError(
            f"{path} was changed by a newer Orchestra ({min(unknown)})",
            hint="update Orchestra with: pip install --upgrade orchestra-tmux",
        )


def _take(database: Database, name: str, statements: tuple[str, ...], at: datetime) -> None:
    for statement in statements:
        database.rows(statement)
    database.rows("INSERT INTO migrations (name, taken_at) VALUES (?, ?)", name, at)
