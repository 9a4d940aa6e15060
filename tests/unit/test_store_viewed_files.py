"""Which files were viewed is remembered for each session, up to a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.store import Store, viewed_files


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "state.db")


def test_a_session_has_marks_of_its_own_and_the_last_one_counts(store: Store) -> None:
    store.viewed.add(1, "app.py", "100644 a")
    store.viewed.add(1, "app.py", "100644 b")
    store.viewed.add(2, "app.py", "100644 c")
    assert store.viewed.marks(1) == {"app.py": "100644 b"}
    store.viewed.discard(1, "app.py")
    store.viewed.discard(1, "never")
    assert (store.viewed.marks(1), store.viewed.marks(2)) == ({}, {"app.py": "100644 c"})


def test_names_of_any_bytes_come_back_as_they_were(store: Store) -> None:
    name = "caf\udce9\x1b[31m\n世界"
    store.viewed.add(1, name, "m")
    assert store.viewed.marks(1) == {name: "m"}


def test_the_oldest_are_forgotten_when_there_are_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewed_files, "MOST", 3)
    store.viewed.add(2, "other", "m")
    for number in range(5):
        store.viewed.add(1, f"f{number}", "m")
    assert sorted(store.viewed.marks(1)) == ["f2", "f3", "f4"]
    assert sorted(store.viewed.marks(2)) == ["other"]
