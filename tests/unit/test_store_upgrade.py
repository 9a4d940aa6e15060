"""Every schema that people have databases of opens in the newest Orchestra, and nothing that was in them is lost.

``released/`` holds a database of each such schema but the newest as SQL, named after its last step and filled by the
Orchestra of its time.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestra.errors import StoreError
from orchestra.model import Intent, MessageState, Role, SandboxKind, State
from orchestra.store import Store
from orchestra.store.connection import Database
from orchestra.store.migrations import MIGRATIONS, migrate
from tests.support.stores import START

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))
MOVED = {"notes": ("typed.",)}
"""Rows that a later step has moved into a table of their own, by how their key begins."""

DROPPED = {"steps"}
"""Tables that nobody read."""

Rows = dict[str, list[dict[str, Any]]]


def build(dump: Path, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(dump.read_text(encoding="utf-8"))


def contents(path: Path) -> Rows:
    """Return every row of every table."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        tables = [row["name"] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: [dict(row) for row in database.execute(f"SELECT * FROM {table} ORDER BY rowid")]  # noqa: S608 -- ours
            for table in tables
        }


def stays(table: str, row: dict[str, Any]) -> bool:
    return not str(row.get("key", "")).startswith(MOVED.get(table, ("\0",)))


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
class TestReleased:
    def test_every_value_of_every_row_is_there_afterwards(self, dump: Path, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        build(dump, path)
        before = contents(path)
        Store.open(path).close()
        after = contents(path)
        assert min(len(before[table]) for table in ("sessions", "messages", "events", "specs", "notes")) >= 2
        assert DROPPED.isdisjoint(after)
        for table, rows in before.items():
            if table in DROPPED:
                continue
            kept = [row for row in rows if stays(table, row)]
            assert [{name: row[name] for name in old} for old, row in zip(kept, after[table], strict=False)] == kept

    def test_what_it_holds_reads_as_it_did(self, dump: Path, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        build(dump, path)
        with closing(Store.open(path)) as store:
            names = [(one.name, one.role, one.intent, one.state) for one in store.sessions()]
            assert names == [
                ("main", Role.DESIGNER, Intent.RUN, State.STARTING),
                ("login", Role.EXECUTOR, Intent.RUN, State.WORKING),
                ("kelvin", Role.EXECUTOR, Intent.RUN, State.WAITING),
                ("rest", Role.EXECUTOR, Intent.STOP, State.STARTING),
            ]
            login = store.session("login")
            assert (login.commits, login.diff.files, login.head, login.token_hash) == (3, 2, "b" * 40, "hash-login")
            assert store.session("rest").sandbox is SandboxKind.HOST
            assert store.session("kelvin").waits_for == store.messages(sender="kelvin")[0].id
            gone = store.deleted_session("gone")
            assert gone is not None
            assert gone.worktree.name == "caf\udce9"
            assert [one.state for one in store.messages(recipient="login")] == list(MessageState)[::-1]
            spec = store.spec("login")
            assert spec is not None
            assert (spec.version, spec.text) == (2, "Make the login work, with ünïcode.\n")
            assert store.get("service.port") == "41234"

    def test_it_can_be_worked_with(self, dump: Path, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        build(dump, path)
        with closing(Store.open(path)) as store:
            store.update_session("login", intent=Intent.STOP)
            assert [one.text for one in store.claim("login", MessageState.READ)] == [
                "delivered\nin two lines",
                "queued",
            ]
            assert store.save_spec("login", "More.", "user") is not None
            store.set("service.port", "1")

    def test_an_upgrade_that_is_cut_off_changes_nothing_and_is_done_the_next_time(
        self, dump: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "state.db"
        build(dump, path)
        before = contents(path)
        with closing(Database(path)) as database:
            broken = {**MIGRATIONS, "9999-broken": ("CREATE TABLE half (a)", "CREATE TABLE half (a)")}
            with pytest.raises(sqlite3.OperationalError):
                migrate(database, START, broken)
        assert contents(path) == before
        Store.open(path).close()

    def test_its_own_orchestra_refuses_it_once_a_newer_one_has_had_it(self, dump: Path, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        build(dump, path)
        Store.open(path).close()
        last = list(MIGRATIONS).index(dump.stem)
        older = dict(list(MIGRATIONS.items())[: last + 1])
        assert older.keys() < MIGRATIONS.keys()
        with closing(Database(path)) as database, pytest.raises(StoreError, match=r"newer Orchestra .*pip install"):
            migrate(database, START, older)


def test_the_first_schema_that_people_had_is_among_them() -> None:
    assert "0006-steps" in [dump.stem for dump in RELEASED]
