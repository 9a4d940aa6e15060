"""Where the work of several sessions conflicts, as git merges it without committing anything."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestra.drivers.git import merge_trees, trial_merges, worktree_diff
from orchestra.drivers.git.merge_output import Merged
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.trial_merges import Work
from orchestra.drivers.git.worktree_snapshot import objects_of
from tests.support.repositories import Yard

TEXT = "".join(f"{number}\n" for number in range(10, 30))
Change = Callable[[Yard, Path], None]


@dataclass(frozen=True)
class Team:
    """A repository in which several sessions work, each looked at as the service does."""

    yard: Yard

    @property
    def repository(self) -> Repository:
        return replace(self.yard.repository, scratch=self.yard.place / "scratch")

    def session(self, name: str) -> Path:
        return self.yard.worktree(name)

    def look(self, tree: Path) -> Work:
        counted = worktree_diff.count(self.repository, tree, self.yard.tip, cache=self.cache(tree))
        return Work(counted.tip, counted.tree)

    def cache(self, tree: Path) -> Path:
        return self.yard.place / "cache" / tree.name

    def objects(self) -> list[Path]:
        return [objects_of(path) for path in sorted((self.yard.place / "cache").iterdir())]

    def onto(self, *works: Work, deadline: float = trial_merges.DEADLINE) -> list[Merged | None]:
        with trial_merges.room(self.repository, self.objects(), deadline=deadline) as trials:
            return trials.onto(self.yard.tip, works)

    def between(self, *works: Work) -> dict[tuple[int, int], tuple[str, ...] | None]:
        """Return the conflicts between each two works, by their numbers."""
        pairs = list(itertools.combinations(range(len(works)), 2))
        with trial_merges.room(self.repository, self.objects()) as trials:
            trees = [one.tree if one else "" for one in trials.onto(self.yard.tip, works)]
            merged = trials.between(self.yard.tip, [(trees[one], trees[other]) for one, other in pairs])
        return {pair: one.conflicts if one else None for pair, one in zip(pairs, merged, strict=True)}


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    yard = Yard.make(tmp_path, monkeypatch)
    yard.commit({"text.py": TEXT, "lib/one.py": TEXT, "lib/two.py": TEXT * 2, "data.bin": b"\0" + b"1" * 99}, "more")
    (yard.root / "link").symlink_to("text.py")
    yard.commit({}, "link")
    return Team(yard)


def write(**files: str | bytes | None) -> Change:
    """Write files; a name's double underscore is a slash, a single one a dot."""
    named: Mapping[str, str | bytes | None] = {
        name.replace("__", "/").replace("_", "."): content for name, content in files.items()
    }
    return lambda yard, tree: yard.write(named, at=tree)


def line(number: int, text: str) -> Change:
    return write(text_py=TEXT.replace(f"{number}\n", f"{text}\n", 1))


def move(old: str, new: str) -> Change:
    def change(_: Yard, tree: Path) -> None:
        (tree / new).parent.mkdir(parents=True, exist_ok=True)
        (tree / old).rename(tree / new)

    return change


def link(name: str, target: str) -> Change:
    def change(_: Yard, tree: Path) -> None:
        (tree / name).unlink(missing_ok=True)
        (tree / name).symlink_to(target)

    return change


def executable(name: str) -> Change:
    return lambda _, tree: (tree / name).chmod(0o755)


def directory(name: str) -> Change:
    def change(_: Yard, tree: Path) -> None:
        (tree / name).unlink(missing_ok=True)
        (tree / name).mkdir()
        (tree / name / "inside.txt").write_text("inside\n")

    return change


def both(*changes: Change) -> Change:
    def change(yard: Yard, tree: Path) -> None:
        for one in changes:
            one(yard, tree)

    return change


CASES: dict[str, tuple[Change, Change]] = {
    "the same line": (line(13, "mine"), line(13, "yours")),
    "the same line in the same way": (line(13, "same"), line(13, "same")),
    "lines far from each other": (line(10, "mine"), line(18, "yours")),
    "other files": (write(new_py="mine\n"), write(other_py="yours\n")),
    "the same new file": (write(new_py="mine\n"), write(new_py="yours\n")),
    "the same new file in the same way": (write(new_py="same\n"), write(new_py="same\n")),
    "deleted and changed": (write(text_py=None), line(13, "yours")),
    "deleted twice": (write(text_py=None), write(text_py=None)),
    "renamed and changed": (move("text.py", "moved.py"), line(13, "yours")),
    "renamed and changed, both in a line": (
        both(line(13, "mine"), move("text.py", "moved.py")),
        line(13, "yours"),
    ),
    "renamed to two names": (move("text.py", "mine.py"), move("text.py", "yours.py")),
    "a renamed directory and a new file in it": (
        both(move("lib/one.py", "core/one.py"), move("lib/two.py", "core/two.py")),
        write(lib__three_py="three\n"),
    ),
    "a renamed directory and a new file in its place": (
        both(move("lib/one.py", "core/one.py"), move("lib/two.py", "core/two.py"), write(core__three_py="mine\n")),
        write(lib__three_py="three\n"),
    ),
    "a mode and a line": (executable("text.py"), line(13, "yours")),
    "a symlink twice": (link("link", "run.sh"), link("link", "app.py")),
    "a symlink and a line": (link("text.py", "run.sh"), line(13, "yours")),
    "a binary file": (write(data_bin=b"\0mine"), write(data_bin=b"\0yours")),
    "a directory and a file": (directory("text.py"), line(13, "yours")),
    "a new directory and a new file": (directory("new"), write(new="file\n")),
}


def replaced(team: Team, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a git into the way that does something of its own first."""
    programs, real = team.yard.place / "bin", shutil.which("git")
    programs.mkdir()
    (programs / "git").write_text(f'#!/bin/sh\n{first}\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


@pytest.mark.parametrize("name", CASES)
def test_uncommitted_work_conflicts_where_landing_one_after_the_other_would(team: Team, name: str) -> None:
    yard, trees = team.yard, [team.session("mine"), team.session("yours")]
    for change, tree in zip(CASES[name], trees, strict=True):
        change(yard, tree)
    expected = team.between(*map(team.look, trees))[0, 1]
    commits = [yard.commit({}, "work", at=tree) for tree in trees]
    first = merge_trees.preview(yard.repository, yard.tip, commits[0])
    landed = merge_trees.merge_commit(yard.repository, first.tree, (yard.tip, commits[0]), "land")
    assert expected is not None
    conflicts = merge_trees.preview(yard.repository, landed, commits[1]).conflicts
    assert sorted(expected) == sorted({path.partition("~")[0] for path in conflicts})


def test_committed_uncommitted_and_untracked_work_counts(team: Team) -> None:
    trees = [team.session(name) for name in ("committed", "changed", "untracked")]
    team.yard.commit({"text.py": TEXT.replace("13", "a"), "new.py": "a\n"}, "work", at=trees[0])
    team.yard.write({"text.py": TEXT.replace("13", "b")}, at=trees[1])
    team.yard.write({"new.py": "c\n"}, at=trees[2])
    assert team.between(*map(team.look, trees)) == {(0, 1): ("text.py",), (0, 2): ("new.py",), (1, 2): ()}


def test_a_conflict_with_the_target_names_its_files(team: Team) -> None:
    tree = team.session("login")
    team.yard.write({"text.py": TEXT.replace("13", "mine"), "fine.py": "fine\n"}, at=tree)
    work = team.look(tree)
    (before,) = team.onto(work)
    assert before is not None
    assert before.conflicts == ()
    team.yard.commit({"text.py": TEXT.replace("13", "ours")}, "meanwhile")
    (after,) = team.onto(work)
    assert after is not None
    assert after.conflicts == ("text.py",)


def test_what_only_the_target_changed_is_no_conflict_between_two(team: Team) -> None:
    """One began before the target moved, and conflicts with it; the other began after, and changed something else."""
    old = team.session("old")
    team.yard.write({"text.py": TEXT.replace("13", "old")}, at=old)
    team.yard.commit({"text.py": TEXT.replace("13", "trunk")}, "meanwhile")
    new, close = team.session("new"), team.session("close")
    team.yard.write({"new.py": "new\n"}, at=new)
    team.yard.write({"text.py": TEXT.replace("13", "close")}, at=close)
    works = [team.look(tree) for tree in (old, new, close)]
    merged = team.onto(*works)
    assert [one.conflicts if one else None for one in merged] == [("text.py",), (), ()]
    assert team.between(*works) == {(0, 1): (), (0, 2): ("text.py",), (1, 2): ()}


def test_a_submodule_that_both_move_conflicts(team: Team) -> None:
    inner = team.yard.place / "inner"
    inner.mkdir()
    team.yard.git("init", "--quiet", at=inner)
    tips = [team.yard.commit({"inner.txt": text}, text, at=inner) for text in "abc"]
    team.yard.git("update-index", "--add", "--cacheinfo", f"160000,{tips[0]},vendor/inner")
    team.yard.git("commit", "--quiet", "-m", "submodule")
    works = []
    for tip in tips[1:]:
        tree = team.session(f"moves-{tip[:4]}")
        team.yard.git("update-index", "--add", "--cacheinfo", f"160000,{tip},vendor/inner", at=tree)
        team.yard.git("commit", "--quiet", "-m", "move", at=tree)
        works.append(Work(team.yard.git("rev-parse", "HEAD", at=tree)))
    team.look(team.session("bystander"))
    assert team.between(*works) == {(0, 1): ("vendor/inner",)}


def test_names_in_any_characters_come_back_as_they_are(team: Team) -> None:
    trees, odd = [team.session(name) for name in ("mine", "yours")], os.fsdecode(b"odd \x1b\n\xff\tname")
    for tree in trees:
        team.yard.write({odd: tree.name}, at=tree)
    assert team.between(*map(team.look, trees)) == {(0, 1): (odd,)}


def test_nothing_is_written_to_the_repository_and_nothing_stays_anywhere(team: Team) -> None:
    trees = [team.session(name) for name in ("mine", "yours")]
    for tree in trees:
        team.yard.write({"text.py": TEXT.replace("13", tree.name)}, at=tree)
    works = [team.look(tree) for tree in trees]
    before = sorted((team.yard.root / ".git").rglob("*"))
    assert team.between(*works) == {(0, 1): ("text.py",)}
    assert sorted((team.yard.root / ".git").rglob("*")) == before
    assert list((team.yard.place / "scratch").iterdir()) == []


def test_one_that_git_cannot_merge_is_unknown_and_the_others_are_not(team: Team) -> None:
    trees = [team.session(name) for name in ("mine", "yours")]
    for tree in trees:
        team.yard.write({"text.py": TEXT.replace("13", tree.name)}, at=tree)
    mine, yours = (team.look(tree) for tree in trees)
    stranger = Work(team.yard.git("commit-tree", "-m", "stranger", "HEAD^{tree}"))
    gone = Work(team.yard.tip, "1" * 40)
    merged = team.onto(mine, stranger, gone, yours)
    assert [one.conflicts if one else None for one in merged] == [(), None, None, ()]


def test_a_look_whose_objects_are_gone_makes_its_side_unknown(team: Team) -> None:
    trees = [team.session(name) for name in ("mine", "yours")]
    for tree in trees:
        team.yard.write({"text.py": TEXT.replace("13", tree.name)}, at=tree)
    works = [team.look(tree) for tree in trees]
    shutil.rmtree(objects_of(team.cache(trees[0])))
    merged = team.onto(*works)
    assert [one.conflicts if one else None for one in merged] == [None, ()]


def test_git_without_many_merges_at_once_makes_them_one_by_one(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git 2.38 has no such option, and ends with its usage."""
    without = '[ "$1 $2" = "merge-tree --stdin" ] && { echo usage: >&2; exit 129; }'
    trees = [team.session(name) for name in ("mine", "yours", "third")]
    for tree in trees[:2]:
        team.yard.write({"text.py": TEXT.replace("13", tree.name)}, at=tree)
    replaced(team, without, monkeypatch)
    works = [*map(team.look, trees), Work(team.yard.tip, "1" * 40)]
    assert [one.conflicts if one else None for one in team.onto(*works)] == [(), (), (), None]
    assert team.between(*works[:3]) == {(0, 1): ("text.py",), (0, 2): (), (1, 2): ()}


def test_the_persons_settings_decide_as_in_a_merge(team: Team) -> None:
    trees = [team.session(name) for name in ("mine", "yours")]
    for change, tree in zip(CASES["a renamed directory and a new file in it"], trees, strict=True):
        change(team.yard, tree)
    works = [*map(team.look, trees)]
    assert team.between(*works) == {(0, 1): ("core/three.py",)}
    team.yard.configure("merge.directoryRenames", "true")
    assert team.between(*works) == {(0, 1): ()}


def test_renames_that_take_too_long_to_detect_are_not_detected(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    careless = "env | grep -q '^GIT_CONFIG_KEY_.*=merge.renamelimit$'"
    replaced(team, f'[ "$1" = merge-tree ] && {{ {careless} || exec sleep 60; }}', monkeypatch)
    tree = team.session("mine")
    team.yard.write({"new.py": "new\n"}, at=tree)
    work = team.look(tree)
    (merged,) = team.onto(work, deadline=8.0)
    assert merged is not None
    assert merged.conflicts == ()
