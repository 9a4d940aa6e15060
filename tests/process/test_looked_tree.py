"""The tree that was last reviewed is kept, whatever git collects."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestra.drivers.git import looked_tree, tree_diff, worktree_diff, worktree_snapshot
from orchestra.drivers.untrusted_tree import Sight
from orchestra.errors import Refused
from tests.support.repositories import Yard
from tests.support.tmux import until


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard.make(tmp_path, monkeypatch)


def keep(yard: Yard, tree: Path, session: int = 7) -> str:
    with worktree_snapshot.look(yard.repository, tree, None) as frozen:
        seen = worktree_diff.write_tree(frozen)
        looked_tree.keep(yard.repository, frozen.git, session, seen, frozen.tip)
    return seen


def test_nothing_was_looked_at_before_the_first_review(yard: Yard) -> None:
    assert looked_tree.last(yard.repository, 7) == ""


def test_what_was_looked_at_survives_git_s_garbage_collection(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"app.py": "changed\n", "deep/er/new.txt": "never committed\n", "long": b"x" * 5_000_000}, at=tree)
    until(lambda: Sight.of((tree / "long").stat(), time.time()).mark, "a file old enough to be told apart")
    seen = keep(yard, tree)
    yard.git("gc", "--quiet", "--prune=now")
    commit = looked_tree.last(yard.repository, 7)
    assert yard.git("rev-parse", f"{commit}^{{tree}}") == seen
    assert yard.git("show", f"{commit}:deep/er/new.txt") == "never committed"
    assert yard.git("fsck", "--strict", "--no-dangling") == ""
    yard.write({"deep/er/new.txt": "another\n"}, at=tree)
    with worktree_snapshot.look(yard.repository, tree, None) as frozen:
        files, _ = tree_diff.changed_files(frozen.git, commit, worktree_diff.write_tree(frozen))
    assert [file.path for file in files] == ["deep/er/new.txt"]


def test_a_session_has_one_tree_at_a_time_and_the_same_is_not_kept_twice(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"app.py": "one\n"}, at=tree)
    keep(yard, tree)
    first = looked_tree.last(yard.repository, 7)
    keep(yard, tree)
    assert looked_tree.last(yard.repository, 7) == first
    yard.write({"app.py": "two\n"}, at=tree)
    keep(yard, tree)
    assert looked_tree.last(yard.repository, 7) != first
    assert len(yard.repository.refs(looked_tree.PREFIX)) == 1


def test_sessions_that_are_gone_have_none(yard: Yard) -> None:
    tree = yard.worktree("login")
    keep(yard, tree, 7)
    keep(yard, tree, 8)
    looked_tree.drop_others(yard.repository, [8])
    assert list(yard.repository.refs(looked_tree.PREFIX)) == [f"{looked_tree.PREFIX}8"]


def test_too_much_is_refused(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = yard.worktree("login")
    yard.write({"app.py": "x" * 5_000}, at=tree)
    monkeypatch.setattr(looked_tree, "_MOST", 1_000)
    with pytest.raises(Refused, match="more than 1,000 bytes"):
        keep(yard, tree)
    assert looked_tree.last(yard.repository, 7) == ""
