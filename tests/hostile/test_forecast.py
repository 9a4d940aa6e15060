"""What an agent could leave in its worktree to make a forecast of conflicts run something, wait, or fill the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.drivers.git import trial_merges, worktree_diff
from orchestra.drivers.git.trial_merges import Work
from orchestra.drivers.git.worktree_snapshot import objects_of
from tests.support import git_traps as traps
from tests.support.git_traps import Scene
from tests.support.repositories import Yard


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    yard = Yard.make(tmp_path, monkeypatch)
    base, tree = yard.tip, yard.worktree("agent")
    yard.write({"app.py": "one\nagent\nthree\n"}, at=tree)
    yard.write({"app.py": "one\nother\nthree\n"}, at=yard.worktree("other"))
    return Scene(yard, tree, base)


def foresee(scene: Scene) -> tuple[str, ...] | None:
    """Look at both worktrees as the service does, and return where they conflict."""
    repo = replace(scene.yard.repository, scratch=scene.yard.place / "scratch")
    works, objects = [], []
    for tree in (scene.tree, scene.yard.ours / "other"):
        cache = scene.yard.place / "cache" / tree.name
        counted = worktree_diff.count(repo, tree, scene.base, cache=cache)
        works.append(Work(counted.tip, counted.tree))
        objects.append(objects_of(cache))
    with trial_merges.room(repo, objects) as trials:
        trees = [one.tree if one else "" for one in trials.onto(scene.base, works)]
        (merged,) = trials.between(scene.base, [(trees[0], trees[1])])
    return merged.conflicts if merged else None


@pytest.mark.parametrize(
    "trap",
    [
        traps.pointer_to_a_directory,
        traps.pointer_to_another_place,
        traps.pointer_made_a_symlink,
        traps.pointer_to_a_common_directory_of_the_agents,
        traps.nested_repository,
        traps.gitlink,
        traps.attributes_that_name_programs_of_the_persons,
    ],
    ids=lambda trap: trap.__name__,
)
def test_nothing_that_an_agent_names_is_run(scene: Scene, trap: Callable[[Scene], None]) -> None:
    trap(scene)
    scene.canary.unlink(missing_ok=True)
    conflicts = foresee(scene)
    assert not scene.canary.exists()
    assert conflicts is not None
    assert "app.py" in conflicts


def test_a_pipe_and_a_huge_file_are_not_read(scene: Scene) -> None:
    for name in ("pipe", ".gitattributes"):
        os.mkfifo(scene.tree / name)
    with (scene.tree / "huge.bin").open("wb") as file:
        file.truncate(1 << 40)
    assert foresee(scene) == ("app.py",)
    size = sum(path.stat().st_size for path in (scene.yard.place / "cache").rglob("*") if path.is_file())
    assert size < 1 << 20


def test_a_directory_with_many_files_is_bounded(scene: Scene) -> None:
    many = scene.tree / "node_modules"
    many.mkdir()
    for number in range(6_000):
        (many / str(number)).write_text("same\n")
    assert foresee(scene) == ("app.py",)


def test_an_agent_that_rewrites_its_pointer_between_two_looks_changes_nothing(scene: Scene) -> None:
    assert foresee(scene) == ("app.py",)
    traps.pointer_to_another_place(scene)
    scene.canary.unlink(missing_ok=True)
    scene.yard.write({"app.py": "one\ntwo\nthree\nfour\n"}, at=scene.tree)
    conflicts = foresee(scene)
    assert conflicts is not None
    assert not scene.canary.exists()
