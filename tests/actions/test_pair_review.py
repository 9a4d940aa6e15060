"""Two sessions reviewed against each other: on a real repository."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from orchestra.actions.landing.pair_review import PairReview
from orchestra.drivers.git import looked_tree
from orchestra.errors import NotFound, Refused, UsageError
from orchestra.model import ChangedFile, Changes, FileStatus, LineCounts, Scope, Sides, Target
from tests.support.projects import HostProject, host_project

LONG = "".join(f"line {number}\n" for number in range(40))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProject]:
    with host_project(monkeypatch, files={"app.py": "one\ntwo\n", "moved.txt": LONG, "run.sh": "#!/bin/sh\n"}) as found:
        for name in ("a", "b", "c"):
            found.spawn(name)
        yield found


@pytest.fixture
def pair(world: HostProject) -> Iterator[PairReview]:
    source = PairReview(world.project, "a", "b", "c")
    yield source
    source.close()


def files(changes: Changes) -> dict[str, ChangedFile]:
    return {file.path: file for file in changes.files}


def objects(world: HostProject) -> set[Path]:
    return {path for path in (world.source / ".git" / "objects").rglob("*") if path.is_file()}


def recorded(world: HostProject) -> list[str]:
    with closing(sqlite3.connect(world.project.paths.database)) as database:
        return list(database.iterdump())


def test_all_that_two_worktrees_differ_in_is_listed_and_read(world: HostProject, pair: PairReview) -> None:
    a, b = world.session("a"), world.session("b")
    world.commit(a, "app.py", "one\n2\n")
    world.commit(b, "committed.py", "x = 1\n")
    world.write(b, "app.py", "one\nzwei\n")
    world.write(b, "new.txt", "not tracked\n")
    world.write(a, "same.txt", "the same in both\n")
    world.write(b, "same.txt", "the same in both\n")
    (b.worktree / "moved.txt").rename(b.worktree / "elsewhere.txt")
    (b.worktree / "run.sh").chmod(0o755)
    (a.worktree / "picture").write_bytes(b"\0\1\2")
    (b.worktree / "picture").write_bytes(b"\0\1\2\3")
    (b.worktree / "link").symlink_to("/etc/passwd")
    changes = pair.changes(Scope.BRANCH)
    found = files(changes)
    assert list(found) == ["app.py", "committed.py", "elsewhere.txt", "link", "new.txt", "picture", "run.sh"]
    assert (changes.sides, changes.notes) == (Sides("a", "b", 1, 2), ())
    assert "-2\n+zwei\n" in pair.patch(changes, found["app.py"])
    assert "+not tracked\n" in pair.patch(changes, found["new.txt"])
    assert (found["elsewhere.txt"].status, found["elsewhere.txt"].old_path) == (FileStatus.RENAMED, "moved.txt")
    assert found["run.sh"].changes_mode
    assert found["link"].is_link
    counts = pair.counts(changes)
    assert (counts["app.py"], counts["picture"].binary) == (LineCounts(1, 1), True)
    assert pair.sizes(found["picture"]) == (3, 4)


def test_it_goes_on_to_each_of_the_others_and_around(world: HostProject, pair: PairReview) -> None:
    world.write(world.session("b"), "b.txt", "b\n")
    world.write(world.session("c"), "c.txt", "c\n")
    seen = []
    for by in (0, 1, 1, -1):
        pair.turn(by)
        changes = pair.changes()
        assert changes.sides == pair.sides
        seen.append((pair.name, list(files(changes))))
    assert seen == [("a → b", ["b.txt"]), ("a → c", ["c.txt"]), ("a → b", ["b.txt"]), ("a → c", ["c.txt"])]


def test_nothing_is_written_to_the_repository_or_recorded(world: HostProject, pair: PairReview) -> None:
    world.write(world.session("b"), "new.txt", "n\n")
    before = objects(world), world.refs(), recorded(world)
    changes = pair.changes()
    assert pair.patch(changes, changes.files[0])
    pair.leave()
    pair.close()
    assert (objects(world), world.refs(), recorded(world)) == before
    assert world.refs(looked_tree.PREFIX) == {}


def test_what_is_of_one_session_alone_is_refused(pair: PairReview) -> None:
    changes = pair.changes()
    file = ChangedFile("x", FileStatus.ADDED, "0", "100644", "0", "1")
    assert (pair.viewed(), pair.comments(changes)) == ({}, ())
    attempts: list[Callable[[], object]] = [
        partial(pair.set_viewed, file, viewed=True), partial(pair.save_comment, changes, Target(), "Why?", 0),
        partial(pair.delete_comment, 1), pair.send_comments, partial(pair.settle_comment, 1, settled=True),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.hint == "type: orchestra review b"


def test_a_worktree_that_is_gone_is_said_in_one_line_and_the_others_can_be_compared(
    world: HostProject, pair: PairReview
) -> None:
    shutil.rmtree(world.session("b").worktree)
    with pytest.raises(NotFound) as gone:
        pair.changes()
    assert gone.value.message == "the worktree of b is gone"
    pair.turn(1)
    assert pair.changes().sides == Sides("a", "c", 2, 2)


def test_a_worktree_that_cannot_be_read_is_named(world: HostProject, pair: PairReview) -> None:
    (world.source / ".git" / "worktrees" / "b" / "index").unlink()
    with pytest.raises(Refused, match="b cannot be compared: there is no git index"):
        pair.changes()


def test_a_file_that_is_too_long_to_be_read_is_listed_with_its_size(world: HostProject, pair: PairReview) -> None:
    (world.session("b").worktree / "long.bin").write_bytes(os.urandom(5 << 20))
    changes = pair.changes()
    assert pair.sizes(files(changes)["long.bin"]) == (None, 5 << 20)


def test_what_a_look_leaves_out_is_said_of_its_session(world: HostProject, pair: PairReview) -> None:
    for number in range(5_200):
        (world.session("b").worktree / f"many-{number}").touch()
    assert pair.changes().notes == ("b: 200 more files are not shown, because there are too many",)


def test_different_beginnings_are_said(world: HostProject) -> None:
    world.commit(world.source, "main.txt", "later\n")
    world.spawn("late")
    changes = PairReview(world.project, "a", "late").changes()
    assert list(files(changes)) == ["main.txt"]
    assert changes.notes == ("they began at different commits: what was committed in between differs too",)


def test_after_it_is_closed_nothing_is_read(world: HostProject, pair: PairReview) -> None:
    world.write(world.session("a"), "app.py", "x\n")
    changes = pair.changes()
    pair.close()
    with pytest.raises(Refused, match="closed"):
        pair.patch(changes, changes.files[0])


@pytest.mark.parametrize(
    ("names", "error"), [(["a"], UsageError), (["a", "a"], UsageError), (["a", "nobody"], NotFound)]
)
def test_what_cannot_be_compared_is_refused(world: HostProject, names: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        PairReview(world.project, *names)


def test_two_reviews_of_the_same_two_do_not_wait_for_each_other(world: HostProject, pair: PairReview) -> None:
    world.write(world.session("b"), "new.txt", "n\n")
    other = PairReview(world.project, "b", "a")
    first, second = pair.changes(), other.changes()
    assert "+n\n" in pair.patch(first, first.files[0])
    assert "-n\n" in other.patch(second, second.files[0])
    other.close()
