"""The store keeps every field and keeps names apart."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import threading
from dataclasses import asdict, fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.errors import NameTaken, NotFound
from orchestra.model import (
    ConsentKind,
    DiffStat,
    Evidence,
    Intent,
    Landing,
    Role,
    SandboxKind,
    Session,
    Sign,
    State,
    Workspace,
)
from orchestra.store import Store
from orchestra.store.specs import KEPT
from tests.support.stores import START, Clock, add


def test_a_new_database_belongs_to_its_owner_alone(store: Store, tmp_path: Path) -> None:
    store.events.log("a", "b", "c")
    files = list(tmp_path.glob("*state.db*"))
    assert {file.name for file in files} == {"state.db", "state.db-wal", "state.db-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_every_field_of_a_session_comes_back_as_it_was_put(store: Store, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(b"/w/caf\xe9 \xc3\xa9"))
    expected = Session(
        id=1,
        name="fix",
        title="Fix ☃ 'quoted' \0",
        role=Role.DESIGNER,
        agent="plain",
        sandbox=SandboxKind.DOCKER,
        branch="b",
        base="c",
        base_branch="",
        worktree=odd,
        parent=None,
        intent=Intent.STOP,
        state=State.DONE,
        state_since=START,
        evidence=Evidence(Sign.COMPLETED, "e"),
        created_at=START - timedelta(microseconds=1),
        conversation="f",
        model="m",
        head="h",
        commits=3,
        diff=DiffStat(1, 2, 3),
        summary="s",
        window="@1",
        paired=True,
        waits_for=9,
        token_hash="t",
        image="i",
        private_branch="p",
        deleted_at=START,
    )
    values = {name: getattr(expected, name) for name in asdict(expected) if name != "id"}
    assert store.sessions.add(**values) == expected
    store.close()
    again = Store.open(tmp_path / "state.db")
    assert again.sessions.all(include_deleted=True) == [expected]
    again.close()


def test_a_field_that_does_not_exist_is_a_bug(store: Store) -> None:
    add(store, "fix")
    with pytest.raises(TypeError, match="colour"):
        store.sessions.update("fix", colour="red")


def test_times_are_kept_in_utc(store: Store) -> None:
    found = add(store, "fix", created_at=START.astimezone())
    assert found.created_at == START
    assert found.created_at.utcoffset() == timedelta(0)


def test_a_name_is_taken_until_its_session_is_deleted(store: Store, clock: Clock) -> None:
    first = add(store, "fix")
    with pytest.raises(NameTaken, match="fix"):
        add(store, "fix")
    store.sessions.update("fix", deleted_at=clock())
    second = add(store, "fix")
    assert second.id > first.id
    assert store.sessions.get("fix") == second
    assert store.sessions.deleted("fix") == replace(first, deleted_at=clock())


def test_a_session_comes_back_at_rest_unless_its_name_is_taken(store: Store, clock: Clock) -> None:
    first = add(store, "fix")
    store.sessions.update("fix", deleted_at=clock(), intent=Intent.DELETE)
    assert store.sessions.update(first.id, deleted_at=None, intent=Intent.STOP).deleted_at is None
    store.sessions.update("fix", deleted_at=clock())
    add(store, "fix")
    with pytest.raises(NameTaken):
        store.sessions.update(first.id, deleted_at=None)


def test_what_is_remembered_of_a_session_is_kept_for_each(store: Store) -> None:
    one, other = add(store, "one").id, add(store, "other").id
    assert store.notes.covered(one) is None
    store.notes.note_covered(one, ["b", "caf\udce9", "a", "b"])
    store.notes.note_covered(other, [])
    assert (store.notes.covered(one), store.notes.covered(other)) == (("a", "b", "caf\udce9"), ())
    assert [store.notes.note_refusal(one, reason) for reason in ("pipe", "pipe", "link")] == [True, False, True]
    assert store.notes.note_refusal(other, "link")
    assert store.sessions.get("one").image == ""


def test_the_mark_of_a_diff_is_written_only_where_it_changed(store: Store) -> None:
    one = add(store, "one").id
    store.notes.note_diff(one, "a")
    version = store.data_version()
    store.notes.note_diff(one, "a")
    assert (store.notes.diff_mark(one), store.data_version()) == ("a", version)
    store.notes.note_diff(one, "b")
    assert store.notes.diff_mark(one) == "b"
    assert store.data_version() > version


def test_ids_are_never_used_again(store: Store, tmp_path: Path) -> None:
    number = add(store, "fix").id
    with sqlite3.connect(tmp_path / "state.db") as raw:
        raw.execute("DELETE FROM sessions")
    raw.close()
    assert add(store, "fix").id > number


def test_an_unknown_name_is_answered_with_those_that_exist(store: Store) -> None:
    with pytest.raises(NotFound, match="none yet"):
        store.sessions.get("fix")
    add(store, "one")
    add(store, "two")
    with pytest.raises(NotFound, match="there are: one, two"):
        store.sessions.get("fix")
    with pytest.raises(NotFound, match="77"):
        store.sessions.update(77, title="x")
    assert store.sessions.find("fix") is None


def test_the_designer_comes_first(store: Store) -> None:
    for name in ("b", "a"):
        add(store, name)
    add(store, "main", role=Role.DESIGNER)
    assert [session.name for session in store.sessions.all()] == ["main", "b", "a"]


def test_a_session_is_found_by_its_credential_while_it_lives(store: Store, clock: Clock) -> None:
    add(store, "none")
    add(store, "fix", token_hash="abc")
    found = store.sessions.by_token("abc")
    assert found is not None
    assert found.name == "fix"
    assert store.sessions.by_token("") is None
    store.sessions.update("fix", deleted_at=clock())
    assert store.sessions.by_token("abc") is None


def test_a_change_of_state_by_hand_moves_its_time_and_no_change_does_not(store: Store, clock: Clock) -> None:
    add(store, "fix")
    clock.advance(5)
    assert store.sessions.update("fix", state=State.STARTING).state_since == START
    assert store.sessions.update("fix", state=State.FAILED).state_since == clock()


def test_changes_made_together_are_made_or_not_made_together(store: Store) -> None:
    def half() -> None:
        with store.together():
            add(store, "fix")
            store.workspace.update(resting=True)
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert store.sessions.all() == []
    assert store.workspace.get() == Workspace()


def test_events_are_the_newest_in_the_order_they_happened(store: Store) -> None:
    add(store, "fix")
    logged = [store.events.log("fix" if number % 2 else "other", "note", str(number)) for number in range(10)]
    assert store.events.select(limit=3) == logged[-3:]
    assert store.events.select("fix") == logged[1::2]
    assert store.events.select(after_id=logged[7].id) == logged[8:]


def test_a_spec_has_a_new_version_only_when_its_text_changed(store: Store, clock: Clock) -> None:
    add(store, "fix")
    first = store.specs.save("fix", "one", "user")
    assert store.specs.save("fix", "one", "main") is None
    clock.advance(1)
    second = store.specs.save("fix", "two", "main")
    assert first is not None
    assert second is not None
    assert (first.version, second.version, second.at, second.author) == (1, 2, clock(), "main")
    assert store.specs.get("fix") == second
    assert store.specs.get("fix", 1) == first
    assert store.specs.get("fix", 3) is None


def test_the_first_and_the_newest_versions_of_a_spec_are_kept(store: Store) -> None:
    """The first is what the session was given to do."""
    for name in ("fix", "other"):
        add(store, name)
    store.specs.save("other", "other", "user")
    for number in range(KEPT + 20):
        store.specs.save("fix", f"text {number}", "main")
    kept = [number for number in range(1, KEPT + 30) if store.specs.get("fix", number) is not None]
    assert kept == [1, *range(21, KEPT + 21)]
    assert (first := store.specs.get("fix", 1)) is not None
    assert first.text == "text 0"
    assert store.specs.get("other") is not None


def test_a_spec_is_acknowledged_by_version(store: Store) -> None:
    add(store, "fix")
    for text in ("one", "two", "three"):
        store.specs.save("fix", text, "user")
    assert store.specs.acknowledged("fix") == 0
    store.specs.acknowledge("fix", 2)
    store.specs.acknowledge("fix", 1)
    assert store.specs.acknowledged("fix") == 2
    with pytest.raises(NotFound, match="version 4"):
        store.specs.acknowledge("fix", 4)


def test_a_new_session_inherits_nothing_from_a_deleted_one_of_its_name(store: Store, clock: Clock) -> None:
    add(store, "fix")
    store.specs.save("fix", "old", "user")
    store.events.log("fix", "note", "old")
    store.sessions.update("fix", deleted_at=clock())
    assert store.specs.get("fix") is not None, "the deleted one's spec can be read until the name is used again"
    add(store, "fix")
    assert store.specs.get("fix") is None
    assert store.events.select("fix") == []


def test_every_field_of_the_workspace_comes_back_as_it_was_put(store: Store, tmp_path: Path) -> None:
    assert store.workspace.get() == Workspace()
    expected = Workspace(
        tmux_socket="/tmp/tmux-1/default",
        tmux_session="$1",
        saved_keys="{}",
        layout="left",
        status_line=True,
        resting=True,
        moved=True,
        sandbox=SandboxKind.HOST,
        designer_task="Plan it.",
        service_port=41234,
        landing=Landing("fix", "main", "b" * 40, "a" * 40),
    )
    for one in fields(Workspace):
        store.workspace.update(**{one.name: getattr(expected, one.name)})
    store.close()
    again = Store.open(tmp_path / "state.db")
    assert again.workspace.get() == expected
    assert again.workspace.update(landing=None, sandbox=None) == replace(expected, landing=None, sandbox=None)
    again.close()


def test_a_field_that_the_workspace_does_not_have_is_a_bug(store: Store) -> None:
    with pytest.raises(TypeError, match="colour"):
        store.workspace.update(colour="red")


def test_a_workspace_that_stays_as_it_is_is_not_written(store: Store) -> None:
    store.workspace.update(layout="left")
    version = store.data_version()
    assert store.workspace.update(layout="left", resting=False).layout == "left"
    assert store.data_version() == version


def test_a_consent_is_kept_by_kind_and_replaced(store: Store) -> None:
    assert store.consents.get(ConsentKind.CHECK) == ""
    store.consents.grant(ConsentKind.CHECK, "make test")
    store.consents.grant(ConsentKind.IMAGE, "abc")
    store.consents.grant(ConsentKind.CHECK, "make check")
    assert [store.consents.get(kind) for kind in ConsentKind] == ["", "abc", "", "", "make check"]


@given(text=st.text(st.characters()))
def test_any_text_can_be_kept(text: str) -> None:
    """Lone surrogates, which JSON may carry and UTF-8 may not, become question marks."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(Path(directory) / "state.db")
        kept = store.workspace.update(designer_task=text)
        assert kept.designer_task == text.encode("utf-8", "replace").decode()
        assert store.workspace.get() == kept
        store.close()


def test_the_version_of_the_data_grows_with_every_change_by_anybody(store: Store, tmp_path: Path) -> None:
    other = Store.open(tmp_path / "state.db")
    before = store.data_version()
    assert store.data_version() == before
    other.workspace.update(layout="b")
    between = store.data_version()
    store.workspace.update(layout="c")
    assert before < between < store.data_version()
    other.close()


def test_every_thread_may_use_the_store_and_leaves_nothing_open(store: Store) -> None:
    def work(number: int) -> None:
        for step in range(20):
            store.events.log("fix", "note", f"{number}.{step}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.events.select(limit=1000)) == 160
    thread = threading.Thread(target=store.events.select)
    thread.start()
    thread.join()
    assert _open_files(store_path(store)) <= 3, "the dead threads' connections are closed"


def store_path(store: Store) -> str:
    return str(store._database.path)  # noqa: SLF001 -- the file whose open descriptors are counted


def _open_files(path: str) -> int:
    links = (link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(1 for link in links if str(link) == path)


def test_a_session_is_read_again_only_after_it_has_changed(store: Store) -> None:
    one, two = add(store, "one"), add(store, "two")
    before = {session.name: session for session in store.sessions.all()}
    store.sessions.record_sign("two", Sign.TURN_STARTED, "works")
    after = {session.name: session for session in store.sessions.all()}
    assert after["one"] is before["one"] == one
    assert (before["two"].state, after["two"].state) == (two.state, State.WORKING)
