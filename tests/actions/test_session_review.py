"""One session's changes as a review reads them."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestra.actions.maintenance.gc import gc
from orchestra.actions.work.session_review import SessionReview
from orchestra.drivers.git import looked_tree, worktree_snapshot
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.worktree_snapshot import Frozen
from orchestra.errors import NotFound, Refused
from orchestra.model import Changes, LineCounts, Scope
from tests.support.projects import HostProject, host_project


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProject]:
    with host_project(monkeypatch, files={"app.py": "one\ntwo\n", "gone.txt": "x\n"}) as found:
        yield found


@pytest.fixture
def reviewed(world: HostProject) -> Iterator[SessionReview]:
    world.spawn("alpha")
    source = SessionReview(world.project, "alpha")
    yield source
    source.close()


def paths(changes: Changes) -> list[str]:
    return [file.path for file in changes.files]


def test_the_whole_branch_has_committed_uncommitted_and_new_files(world: HostProject, reviewed: SessionReview) -> None:
    session = world.session("alpha")
    world.commit(session, "committed.py", "x = 1\n")
    world.write(session, "app.py", "one\n2\n")
    world.write(session, "new.txt", "n\n")
    changes = reviewed.changes(Scope.BRANCH)
    assert paths(changes) == ["app.py", "committed.py", "new.txt"]
    assert reviewed.counts(changes)["app.py"] == LineCounts(1, 1)
    assert "-two\n+2\n" in reviewed.patch(changes, changes.files[0])


def test_the_last_commit_is_that_alone(world: HostProject, reviewed: SessionReview) -> None:
    session = world.session("alpha")
    assert paths(reviewed.changes(Scope.COMMIT)) == []
    world.commit(session, "one.py", "x = 1\n")
    world.commit(session, "two.py", "x = 2\n")
    world.write(session, "not-committed.py", "x = 3\n")
    reviewed.prepare(Scope.COMMIT)
    assert paths(reviewed.changes(Scope.COMMIT)) == ["two.py"]


def test_after_a_review_only_what_is_new_counts(world: HostProject, reviewed: SessionReview) -> None:
    session = world.session("alpha")
    world.write(session, "app.py", "changed\n")
    assert paths(reviewed.changes(Scope.LOOKED)) == ["app.py"]
    reviewed.leave()
    assert paths(reviewed.changes(Scope.LOOKED)) == []
    world.write(session, "later.txt", "n\n")
    assert paths(reviewed.changes(Scope.LOOKED)) == ["later.txt"]
    assert world.fsck() == ""


def test_a_viewed_file_is_viewed_until_it_changes(world: HostProject, reviewed: SessionReview) -> None:
    session = world.session("alpha")
    world.write(session, "app.py", "changed\n")
    (file,) = reviewed.changes(Scope.BRANCH).files
    reviewed.set_viewed(file, viewed=True)
    assert SessionReview(world.project, "alpha").viewed() == {"app.py": file.mark}
    world.write(session, "app.py", "changed again\n")
    (changed,) = reviewed.changes(Scope.BRANCH).files
    assert reviewed.viewed()["app.py"] != changed.mark
    reviewed.set_viewed(file, viewed=False)
    assert reviewed.viewed() == {}


def test_what_is_too_much_is_bounded_and_said(world: HostProject, reviewed: SessionReview) -> None:
    session = world.session("alpha")
    with (session.worktree / "sparse").open("wb") as file:
        file.truncate(50 << 30)
    for number in range(5_200):
        (session.worktree / f"many-{number}").touch()
    changes = reviewed.changes(Scope.BRANCH)
    assert len(changes.files) == 5_000
    assert changes.notes == ("201 more files are not shown, because there are too many",)
    sparse = next((one for one in changes.files if one.path == "sparse"), None)
    if sparse is not None:
        assert reviewed.sizes(sparse) == (None, 50 << 30)


def test_a_patch_makes_the_same_tree_elsewhere(world: HostProject, reviewed: SessionReview, tmp_path: Path) -> None:
    session = world.session("alpha")
    tree = session.worktree
    world.commit(session, "committed.py", "x = 1\n")
    (tree / "gone.txt").rename(tree / "renamed name.txt")
    (tree / "app.py").chmod(0o755)
    (tree / "caf\udce9 \x1b[31m\n.bin").write_bytes(bytes(range(256)) * 40)
    (tree / "long.bin").write_bytes(os.urandom(1000) * 6_000)
    (tree / "no newline").write_bytes(b"one\r\ntwo")
    (tree / "link").symlink_to("/etc/passwd")
    blocks: list[bytes] = []

    def take(block: bytes) -> bool:
        blocks.append(block)
        return True

    assert reviewed.patch_to_apply(take)
    clone = tmp_path / "clone"
    subprocess.run(("git", "clone", "--quiet", world.source, clone), check=True)
    subprocess.run(("git", "apply", "--index", "--whitespace=nowarn"), cwd=clone, input=b"".join(blocks), check=True)
    world.git("add", "--all", cwd=tree)
    assert world.git("write-tree", cwd=clone) == world.git("write-tree", cwd=tree)


def test_gc_takes_the_trees_of_sessions_that_are_gone(world: HostProject, reviewed: SessionReview) -> None:
    reviewed.changes(Scope.BRANCH)
    reviewed.leave()
    gc(world.project, remove=True)
    assert len(world.refs(looked_tree.PREFIX)) == 1
    world.git("update-ref", f"{looked_tree.PREFIX}999", "HEAD")
    gc(world.project, remove=True)
    assert list(world.refs(looked_tree.PREFIX)) == [f"{looked_tree.PREFIX}{world.session('alpha').id}"]


def test_a_session_that_is_not_there_is_not_found(world: HostProject) -> None:
    with pytest.raises(NotFound):
        SessionReview(world.project, "nobody")


def test_after_it_is_closed_nothing_is_read(world: HostProject, reviewed: SessionReview) -> None:
    world.write(world.session("alpha"), "app.py", "x\n")
    changes = reviewed.changes(Scope.BRANCH)
    reviewed.close()
    with pytest.raises(Refused, match="closed"):
        reviewed.patch(changes, changes.files[0])


def test_whoever_leaves_during_a_long_look_does_not_wait_for_it(
    world: HostProject, reviewed: SessionReview, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    look = worktree_snapshot.look

    @contextmanager
    def slow_look(repo: Repository, worktree: Path, cache: Path) -> Iterator[Frozen]:
        begun.set()
        assert go_on.wait(60)
        with look(repo, worktree, cache) as frozen:
            yield frozen

    monkeypatch.setattr(worktree_snapshot, "look", slow_look)
    refused: list[Refused] = []

    def read() -> None:
        try:
            reviewed.changes(Scope.BRANCH)
        except Refused as error:
            refused.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(60)
    reviewed.leave()
    reviewed.close()
    go_on.set()
    reader.join(60)
    assert "closed" in refused[0].message
    other = SessionReview(world.project, "alpha")
    assert paths(other.changes(Scope.BRANCH)) == []
    other.close()


def test_two_reviews_of_one_session_do_not_wait_for_each_other(world: HostProject, reviewed: SessionReview) -> None:
    world.write(world.session("alpha"), "app.py", "x\n")
    other = SessionReview(world.project, "alpha")
    first, second = reviewed.changes(Scope.BRANCH), other.changes(Scope.BRANCH)
    assert paths(first) == paths(second) == ["app.py"]
    assert reviewed.patch(first, first.files[0]) == other.patch(second, second.files[0])
    other.close()


def test_the_designer_s_own_changes_can_be_read(world: HostProject) -> None:
    world.write(world.source, "app.py", "mine\n")
    session = world.spawn("alpha")
    world.project.store.sessions.update("alpha", worktree=world.source)
    source = SessionReview(world.project, session.name)
    assert paths(source.changes(Scope.BRANCH)) == ["app.py"]
    source.close()
