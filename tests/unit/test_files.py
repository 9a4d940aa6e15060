"""Files of our own: replaced whole, locked by one process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra import files


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "own"
    place.mkdir()
    path = place / "note"
    files.replace(path, "one\n")
    files.replace(path, "caf\udce9\n")
    assert path.read_bytes() == b"caf\xe9\n"
    assert list(place.iterdir()) == [path]


def test_what_cannot_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "own" / "note"
    (path / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="note"):
        files.replace(path, "text")
    assert list(path.parent.iterdir()) == [path]


def test_a_lock_is_one_s_alone_until_its_file_is_closed(tmp_path: Path) -> None:
    waited: list[float] = []
    with (tmp_path / "lock").open("w") as mine, (tmp_path / "lock").open("w") as other:
        assert files.try_lock(mine)
        assert not files.try_lock(other)
        assert not files.lock(other, deadline=0.1, clock=lambda: len(waited) * 0.05, pause=waited.append)
        assert len(waited) == 3
        mine.close()
        assert files.lock(other, deadline=0)
