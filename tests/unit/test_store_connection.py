"""Old and new schemas, and every trouble of file or disk, told in one line."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from orchestra.errors import StoreError
from orchestra.model import MessageKind, Workspace
from orchestra.store import Store
from orchestra.store.connection import Database
from orchestra.store.migrations import MIGRATIONS, migrate
from tests.support.stores import START


class TestSchemas:
    @pytest.mark.parametrize("known", range(len(MIGRATIONS) + 1))
    def test_an_older_database_is_brought_up_to_date_with_what_it_holds(self, tmp_path: Path, known: int) -> None:
        path = tmp_path / "state.db"
        old = Database(path)
        migrate(old, START, dict(list(MIGRATIONS.items())[:known]))
        if known:
            old.rows(
                """INSERT INTO sessions (name, title, role, agent, sandbox, branch, base, base_branch, worktree,
                intent, state, state_since, signed_at, created_at) VALUES ('fix', '', 'executor', '', 'host', '', '',
                '', x'2f', 'run', 'idle', ?1, ?1, ?1)""",
                START,
            )
        old.close()
        store = Store.open(path)
        assert [session.name for session in store.sessions.all()] == ["fix"] * bool(known)
        assert store.messages.post("user", "fix", MessageKind.MESSAGE, "hello").id == 1
        store.workspace.update(layout="b")
        store.close()

    def test_a_newer_database_is_refused_untouched(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        Store.open(path).close()
        newer = Database(path)
        migrate(newer, START, {**MIGRATIONS, "9999-dreams": ("CREATE TABLE dreams (text TEXT)",)})
        newer.close()
        before = path.read_bytes()
        with pytest.raises(StoreError, match=r"newer Orchestra \(9999-dreams\).*pip install"):
            Store.open(path)
        assert path.read_bytes() == before

    def test_a_step_that_fails_leaves_the_schema_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        Store.open(path).close()
        database = Database(path)
        broken = {**MIGRATIONS, "9999-broken": ("CREATE TABLE half (a)", "CREATE TABLE half (a)")}
        with pytest.raises(sqlite3.OperationalError):
            migrate(database, START, broken)
        assert database.row("SELECT 1 FROM sqlite_master WHERE name = 'half'") is None
        database.close()
        Store.open(path).close()

    def test_what_a_crash_left_half_built_is_built_again(self, tmp_path: Path) -> None:
        (tmp_path / ".state.db.new").write_bytes(b"SQLite format 3\0 torn")
        (tmp_path / ".state.db.new-wal").write_bytes(b"torn")
        (tmp_path / "state.db").touch()
        Store.open(tmp_path / "state.db").close()
        (tmp_path / "state.db").unlink()
        Store.open(tmp_path / "state.db").close()
        assert [file.name for file in tmp_path.glob("*state.db*")] == ["state.db"]


class TestTroubles:
    """Every failure of file or disk is one line that a person can act on."""

    @pytest.mark.parametrize(
        ("content", "said"),
        [(b"this is not a database, it is a letter" * 40, "not a database of Orchestra")],
    )
    def test_a_file_of_another_kind(self, tmp_path: Path, content: bytes, said: str) -> None:
        path = tmp_path / "state.db"
        path.write_bytes(content)
        with pytest.raises(StoreError, match=said) as caught:
            Store.open(path)
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == content

    def test_a_damaged_file(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        Store.open(path).close()
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\x55" * (len(content) - 4096))

        def use() -> None:
            store = Store.open(path)
            try:
                for number in range(9):
                    store.workspace.update(layout=str(number))
                    store.events.log("a", "b", "c")
            finally:
                store.close()

        with pytest.raises(StoreError, match=r"damaged.*aside"):
            use()

    def test_a_full_disk_refuses_the_change_and_keeps_the_rest(self, store: Store) -> None:
        store.workspace.update(layout="kept")
        connection = store._database.connection()  # noqa: SLF001 -- SQLite's own way to have a small disk
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"disk is full.*orchestra gc"):
            store.workspace.update(designer_task="x" * 100_000)
        assert store.workspace.get() == Workspace(layout="kept")

    def test_a_file_that_may_not_be_written(self) -> None:
        with _public_directory() as directory:
            Store.open(directory / "state.db").close()
            (directory / "state.db").chmod(0o444)
            with _without_power(), pytest.raises(StoreError, match=r"permission|may write"):
                _open_and_write(directory / "state.db")

    def test_a_directory_that_may_not_be_written(self) -> None:
        with (
            _public_directory() as directory,
            _without_power(),
            pytest.raises(StoreError, match=r"cannot be made: Permission denied"),
        ):
            Store.open(directory / "state.db")

    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="No such file or directory"):
            Store.open(tmp_path / "missing" / "state.db")

    def test_another_process_that_never_ends_its_change(self, store: Store) -> None:
        other = Database(store._database.path, busy_deadline=0.05)  # noqa: SLF001 -- the same file, less patience
        with store.together(), pytest.raises(StoreError, match="busy"), other.change():
            pass
        other.close()

    def test_a_closed_store(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.workspace.get()


def _open_and_write(path: Path) -> None:
    store = Store.open(path)
    try:
        store.workspace.update(layout="b")
    finally:
        store.close()


@contextmanager
def _public_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


@contextmanager
def _without_power() -> Iterator[None]:
    """Be somebody who may only read: root may write anywhere, so it becomes nobody for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_new_file_that_another_is_writing_is_waited_for(tmp_path: Path) -> None:
    """SQLite does not wait by itself before it switches a file to write-ahead logging."""
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        mode = pool.submit(lambda: Database(path).rows("PRAGMA journal_mode")[0][0])
        with suppress(TimeoutError):
            mode.result(timeout=0.5)
        other.rollback()
        assert mode.result(timeout=60) == "wal"
    other.close()
