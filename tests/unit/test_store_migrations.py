"""Every schema that people have databases of opens in the newest Orchestra, and nothing that was in them is lost.

``released/`` holds a database of each such schema but the newest as SQL, named after its last step and filled by the
Orchestra of its time.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestra.errors import StoreError
from orchestra.model import (
    Channel,
    ConsentKind,
    Evidence,
    Intent,
    Landing,
    MessageState,
    Role,
    SandboxKind,
    Sign,
    Spent,
    State,
    Workspace,
)
from orchestra.store import Store
from orchestra.store.connection import Database
from orchestra.store.deliveries import Fate
from orchestra.store.migrations import MIGRATIONS, migrate
from tests.support.stores import START

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))

REPLACED = {"evidence"}
"""Columns of a session whose values a later step keeps in other columns."""

DROPPED = {"steps", "typed", "notes"}
"""Tables that nobody read, or whose rows are elsewhere now."""

NOTED = Path(__file__).parent / "released" / "0013-no-steps.sql"
"""A database with a note of every kind that there was."""

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


def known(row: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a row that its older version has too."""
    return {name: row[name] for name in old.keys() - REPLACED}


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
            kept = [known(row, old) for old, row in zip(rows, after[table], strict=False)]
            assert kept == [known(row, row) for row in rows]

    def test_what_it_holds_reads_as_it_did(self, dump: Path, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        build(dump, path)
        with closing(Store.open(path)) as store:
            names = [(one.name, one.role, one.intent, one.state) for one in store.sessions.all()]
            assert names == [
                ("main", Role.DESIGNER, Intent.RUN, State.STARTING),
                ("login", Role.EXECUTOR, Intent.RUN, State.WORKING),
                ("kelvin", Role.EXECUTOR, Intent.RUN, State.WAITING),
                ("rest", Role.EXECUTOR, Intent.STOP, State.STARTING),
            ]
            login = store.sessions.get("login")
            assert (login.commits, login.diff.files, login.head, login.token_hash) == (3, 2, "b" * 40, "hash-login")
            assert login.evidence == Evidence(Sign.TOOL_USED, "Edit app.py")
            assert store.sessions.get("main").evidence == Evidence()
            assert store.sessions.get("rest").sandbox is SandboxKind.HOST
            assert store.sessions.get("kelvin").waits_for == store.messages.select(sender="kelvin")[0].id
            gone = store.sessions.deleted("gone")
            assert gone is not None
            assert gone.worktree.name == "caf\udce9"
            assert [one.state for one in store.messages.select(recipient="login")] == list(MessageState)[::-1]
            spec = store.specs.get("login")
            assert spec is not None
            assert (spec.version, spec.text) == (2, "Make the login work, with ünïcode.\n")
            assert (store.workspace.get().service_port, store.workspace.get().tmux_session) == (41234, "$0")
            assert store.consents.get(ConsentKind.SETTINGS) == "h"

    def test_it_can_be_worked_with(self, dump: Path, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        build(dump, path)
        with closing(Store.open(path)) as store:
            store.sessions.update("login", intent=Intent.STOP)
            assert [one.text for one in store.messages.claim("login", MessageState.READ)] == [
                "delivered\nin two lines",
                "queued",
            ]
            assert store.specs.save("login", "More.", "user") is not None
            assert store.workspace.update(service_port=1, landing=None).service_port == 1

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


def test_what_was_noted_of_a_session_under_a_key_is_in_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    build(NOTED, path)
    with closing(Store.open(path)) as store:
        main, login, kelvin = (store.sessions.get(name) for name in ("main", "login", "kelvin"))
        assert (login.image, login.private_branch) == ("orchestra/x:1", "orchestra/log-in")
        assert (main.image, main.private_branch) == ("", "")
        assert [store.notes.covered(one.id) for one in (main, login, kelvin)] == [("sub", "caf\udce9"), None, ()]
        assert [store.notes.diff_mark(one.id) for one in (login, kelvin)] == ["mark-2", ""]
        assert not store.notes.note_refusal(login.id, "it holds a pipe")
        assert store.notes.note_refusal(kelvin.id, "it holds a pipe")
        used = [(one.cost, one.context, one.used_model) for one in store.sessions.all(include_deleted=True)]
        assert used == [(None, None, None), (1.5, 42.0, "opus"), *[(None, None, None)] * 3]
        store.usage.record(login.id, "", Spent(cost=2.0))
        assert store.usage.spent() == {login.id: Spent(cost=2.0)}


def test_what_was_noted_of_the_project_is_in_one_record(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    build(NOTED, path)
    with closing(Store.open(path)) as store:
        assert store.workspace.get() == Workspace(
            tmux_socket="/tmp/tmux-1000/orchestra",
            tmux_session="$0",
            saved_keys='{"O": "bind-key -T prefix O display-message mine"}',
            layout="left",
            status_line=True,
            resting=True,
            moved=True,
            sandbox=SandboxKind.DOCKER,
            designer_task="Design the tempo.\nIn two lines, with ünïcode.",
            service_port=41234,
            landing=Landing("login", "main", "d" * 40, "a" * 40),
        )
        assert [store.consents.get(kind) for kind in ConsentKind] == ["h", "i", "g", "n", "make test"]


@pytest.mark.parametrize("empty", ["", None])
def test_a_note_that_was_empty_or_not_there_is_the_same_record(tmp_path: Path, empty: str | None) -> None:
    path = tmp_path / "state.db"
    build(NOTED, path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "DELETE FROM notes" if empty is None else "UPDATE notes SET value = '' WHERE key NOT LIKE 'woken.%'"
        )
    with closing(Store.open(path)) as store:
        assert store.workspace.get() == Workspace()
        assert [store.consents.get(kind) for kind in ConsentKind] == [""] * 5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", Evidence()),
        ("turn-ended", Evidence(Sign.TURN_ENDED)),
        ("asked: which: this or that?", Evidence(Sign.ASKED, "which: this or that?")),
        ("note: no sign of ours", Evidence(None, "note: no sign of ours")),
    ],
)
def test_evidence_in_one_column_is_taken_apart(tmp_path: Path, before: str, after: Evidence) -> None:
    path = tmp_path / "state.db"
    build(NOTED, path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE sessions SET evidence = ?", (before,))
    with closing(Store.open(path)) as store:
        assert {session.evidence for session in store.sessions.all()} == {after}


def test_the_first_schema_that_people_had_is_among_them() -> None:
    assert "0006-steps" in [dump.stem for dump in RELEASED]


Way = tuple[int, Channel, Fate, int]
"""A message that is under way, by which channel, what is known of it, and the listener or the event before it."""
UNDER_WAY: dict[str, tuple[str, dict[str, str], str, list[Way]]] = {
    "one that a listener took, by the clock on the wall": (
        "0006-steps",
        {"woken.2": "[7, 1764000000.5, [3]]", "offered.2": "[3]"},
        "",
        [(3, Channel.WAKE, Fate.SENT, 7)],
    ),
    "two in a reply, before it was recorded whether it was sent": (
        "0008-requests",
        {"offered.2": "[3, 4]"},
        "",
        [(3, Channel.HOOK_REPLY, Fate.SENT, 0), (4, Channel.HOOK_REPLY, Fate.SENT, 0)],
    ),
    "one that was typed at a program without hooks": (
        "0008-requests",
        {"typed.2": "3"},
        "",
        [(2, Channel.TYPED, Fate.NO_SIGN, 0), (3, Channel.TYPED, Fate.NO_SIGN, 0)],
    ),
    "in a reply that was sent": (
        "0012-uncounted",
        {"offered.2": "[[3], true]"},
        "",
        [(3, Channel.HOOK_REPLY, Fate.SENT, 0)],
    ),
    "in a reply that was not": (
        "0013-no-steps",
        {"offered.2": "[[3], false]", "woken.2": "[7, 12.5, [2], []]"},
        "",
        [(3, Channel.HOOK_REPLY, Fate.OFFERED, 0)],
    ),
    "one listener after another": (
        "0013-no-steps",
        {"woken.2": "[8, 12.5, [4], [2, 3, 2]]", "offered.2": "[[4], true]"},
        "",
        [(2, Channel.WAKE, Fate.PASSED, 8), (3, Channel.WAKE, Fate.PASSED, 8), (4, Channel.WAKE, Fate.SENT, 8)],
    ),
    "given before, and again in a reply": (
        "0013-no-steps",
        {"woken.2": "[8, 12.5, [4], [3]]", "offered.2": "[[3], false]"},
        "",
        [(3, Channel.HOOK_REPLY, Fate.OFFERED, 0), (3, Channel.WAKE, Fate.PASSED, 8)],
    ),
    "what a listener was given, again in a reply that was not sent": (
        "0013-no-steps",
        {"woken.2": "[8, 12.5, [3], []]", "offered.2": "[[3], false]"},
        "",
        [(3, Channel.HOOK_REPLY, Fate.OFFERED, 0)],
    ),
    "a listener's of an agent that started anew": (
        "0013-no-steps",
        {"woken.2": "[8, 12.5, [4], []]", "offered.2": ""},
        "",
        [],
    ),
    "typed, one of each fate": (
        "0013-no-steps",
        {},
        "INSERT INTO typed VALUES (2, 2, 9, 'a', 0), (3, 2, 9, 'a', 1), (4, 2, 9, 'a', 2)",
        [
            (2, Channel.TYPED, Fate.OFFERED, 9),
            (3, Channel.TYPED, Fate.NO_SIGN, 9),
            (4, Channel.TYPED, Fate.UNKNOWN, 9),
        ],
    ),
    "what has arrived since": (
        "0013-no-steps",
        {"woken.2": "[8, 12.5, [3], [2]]", "offered.2": "[[3], true]"},
        "UPDATE messages SET state = 'delivered' WHERE recipient_id = 2",
        [],
    ),
    "what was typed and has arrived since": (
        "0013-no-steps",
        {},
        "INSERT INTO typed VALUES (1000, 2, 9, 'a', 1)",
        [],
    ),
    "another session's": (
        "0013-no-steps",
        {"woken.3": "[8, 12.5, [3], [2]]", "offered.3": "[[3, 4], true]"},
        "",
        [],
    ),
}


def at_step(path: Path, step: str) -> None:
    """Make the database of the Orchestra whose last step this was, with three messages that wait for login."""
    build(RELEASED[0], path)
    names = list(MIGRATIONS)
    with closing(Database(path)) as database:
        migrate(database, START, {name: MIGRATIONS[name] for name in names[: names.index(step) + 1]})
        database.rows("UPDATE messages SET state = 'queued' WHERE recipient_id = 2")
        database.rows("DELETE FROM notes WHERE key LIKE 'typed.%'")
        if step >= "0009":
            database.rows("DELETE FROM typed")


@pytest.mark.parametrize(("step", "notes", "rows", "expected"), UNDER_WAY.values(), ids=UNDER_WAY.keys())
def test_what_was_under_way_at_the_upgrade_is_so_afterwards(
    step: str, notes: dict[str, str], rows: str, expected: list[Way], tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    at_step(path, step)
    with closing(Database(path)) as database:
        for key, value in notes.items():
            database.rows("INSERT INTO notes VALUES (?, ?)", key, value)
        if rows:
            database.rows(rows)
    before = time.monotonic()
    with closing(Store.open(path)) as store:
        found = store.deliveries.of(2)
        assert [(one.message, one.channel, one.fate, one.listener or one.after) for one in found] == expected
        assert [one for one in found if not before <= one.offered_at <= time.monotonic()] == []
        assert [one for one in store.deliveries.of(3) if one.message in {2, 3, 4}] == []
    assert "notes" not in contents(path)
    assert len(contents(path)["deliveries"]) == len(expected)


def test_how_an_empty_prompt_looks_is_known_after_the_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    at_step(path, "0013-no-steps")
    with closing(Database(path)) as database:
        database.rows("INSERT INTO notes VALUES ('prompt.2', ?)", '[1772600783.25, "agent> "]')
    with closing(Store.open(path)) as store:
        assert store.prompts.get(2) == (1772600783.25, "agent> ")
