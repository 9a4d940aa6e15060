"""Everything an agent could plant in its worktree to have the host run, follow or wait for it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from orchestra.drivers.git import (
    anchors,
    history,
    looked_tree,
    merge_trees,
    tree_diff,
    worktree_diff,
    worktree_snapshot,
)
from orchestra.errors import OrchestraError
from orchestra.model import DiffStat
from tests.support import git_traps as traps
from tests.support.git_traps import Scene, Trap
from tests.support.repositories import Yard

SECRET = "the person's secret"


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    yard = Yard.make(tmp_path, monkeypatch)
    (yard.place / "secret").write_text(SECRET)
    base, tree = yard.tip, yard.worktree("agent")
    yard.write({"app.py": "one\nchanged\nthree\n", "new.txt": "new\n"}, at=tree)
    return Scene(yard, tree, base)


# --- what the host does ------------------------------------------------------------------------


def do_everything(scene: Scene) -> None:
    """Call every function that meets what an agent wrote; the branch has what the worktree has, committed."""
    repo, tree, base = scene.yard.repository, scene.tree, scene.base
    cache = scene.yard.place / "cache"
    for _ in range(2):
        assert worktree_diff.stat(repo, tree, base, cache=cache).files >= 2
        assert "+changed\n" in worktree_diff.diff(repo, tree, base, cache=cache)
        assert {"app.py", "new.txt"} <= set(worktree_diff.dirty(repo, tree))
    tip = worktree_diff.snapshot(repo, tree, "as if the agent had committed it")
    ours = merge_trees.merge_commit(repo, f"{base}^{{tree}}", (base,), "ours")
    clash = _clashing(scene)
    merged = merge_trees.preview(repo, ours, tip)
    assert not merged.conflicts
    assert "app.py" in merge_trees.preview(repo, clash, tip).conflicts
    # Only what lands is signed, with the person's own program; all else here is done while they sign.
    scene.yard.git("config", "--local", "commit.gpgSign", "false")
    assert merge_trees.rebase_commits(repo, ours, base, tip)
    merge_trees.squash_commit(repo, merged.tree, ours, "squash")
    scene.yard.git("config", "--local", "--unset", "commit.gpgSign")
    _reviewed(scene, tip)
    assert history.commits(repo, base, tip)
    _repository_calls(scene, tip)
    _gone_and_back(scene)


def _reviewed(scene: Scene, tip: str) -> None:
    repo, base, tree = scene.yard.repository, scene.base, scene.tree
    with worktree_snapshot.look(repo, tree, None) as frozen:
        seen = worktree_diff.write_tree(frozen)
        files, whole = tree_diff.changed_files(frozen.git, base, seen)
        assert whole
        assert {"app.py", "new.txt"} <= {file.path for file in files}
        assert tree_diff.line_counts(frozen.git, base, seen)
        assert "" not in [tree_diff.file_patch(frozen.git, base, seen, file) for file in files]
        for file in files:
            tree_diff.file_sizes(frozen.git, file)
        looked_tree.keep(repo, frozen.git, 1, seen, frozen.tip)
    assert tree_diff.changed_files(repo.git(), base, tip)
    assert worktree_diff.patch(repo, tree, base, lambda _: True)


def _clashing(scene: Scene) -> str:
    """A commit that changes the same line as the agent did, made with no program either."""
    repo, index = scene.yard.repository, scene.yard.place / "clash.index"
    git = repo.git().at(index)
    git.run("read-tree", scene.base)
    blob = git.run("hash-object", "-w", "--no-filters", "--stdin", stdin=b"one\nclash\nthree\n").text.strip()
    git.run("update-index", "--cacheinfo", f"100644,{blob},app.py")
    return merge_trees.merge_commit(repo, git.text("write-tree"), (scene.base,), "clash")


def _repository_calls(scene: Scene, tip: str) -> None:
    repo = scene.yard.repository
    repo.head(), repo.branches(), repo.worktrees(), repo.identity()
    repo.update_ref("refs/orchestra/sessions/agent", tip, None)
    repo.worktree_git(scene.tree).run("status", "--porcelain", "--ignore-submodules=all")
    repo.is_ancestor(scene.base, tip)
    repo.count(scene.base, tip)
    repo.add_worktree(scene.yard.ours / "second", "orchestra/second", tip)


def _gone_and_back(scene: Scene) -> None:
    repo = scene.yard.repository
    anchors.anchor(repo, scene.tree, "agent")
    kept = anchors.latest(repo, "agent")
    assert kept is not None
    repo.remove_worktree(scene.tree)
    assert not scene.tree.exists()
    repo.add_worktree(scene.tree, "orchestra/agent", scene.base)
    anchors.put_back(repo, scene.tree, kept)
    assert (scene.tree / "app.py").read_text() == "one\nchanged\nthree\n"
    assert (scene.tree / "new.txt").read_text() == "new\n"


@pytest.mark.parametrize("trap", traps.TRAPS)
def test_nothing_an_agent_chose_is_ever_run(scene: Scene, trap: Trap) -> None:
    trap(scene)
    scene.canary.unlink(missing_ok=True)
    do_everything(scene)
    assert not scene.canary.exists()


CARELESS: dict[Trap, tuple[str, ...]] = {
    traps.pointer_to_a_directory: ("status",),
    traps.pointer_to_another_place: ("status",),
    traps.pointer_made_a_symlink: ("status",),
    traps.pointer_to_a_common_directory_of_the_agents: ("status",),
    traps.gitlink: ("status",),
    traps.attributes_that_name_programs_of_the_persons: ("diff",),
    traps.monitor_and_pager_of_the_persons: ("status",),
    traps.tracked_hooks_directory: ("commit", "--quiet", "--allow-empty", "-m", "x"),
}


@pytest.mark.parametrize("trap", CARELESS)
def test_the_traps_do_kill_the_canary_of_a_careless_host(scene: Scene, trap: Trap) -> None:
    trap(scene)
    scene.canary.unlink(missing_ok=True)
    subprocess.run(("git", *CARELESS[trap]), cwd=scene.tree, capture_output=True, check=False, timeout=60)
    assert scene.canary.exists()


@pytest.mark.parametrize("trap", [traps.tracked_hooks_directory, traps.monitor_and_pager_of_the_persons])
def test_landing_an_agents_branch_runs_no_hook_and_no_monitor(scene: Scene, trap: Trap) -> None:
    trap(scene)
    repo, ours = scene.yard.repository, scene.yard.ours
    new = worktree_diff.snapshot(repo, scene.tree, "as if the agent had committed it")
    shutil.rmtree(scene.yard.root / ".githooks", ignore_errors=True)
    merge_trees.land(repo, "trunk", new, scene.base, ours=ours)
    assert merge_trees.finish_landing(repo, "trunk", new, scene.base, ours=ours).done
    assert (scene.yard.root / "new.txt").exists()
    assert not scene.canary.exists()


def test_a_merge_program_that_attributes_name_is_replaced_by_gits_own_merge(scene: Scene) -> None:
    traps.attributes_that_name_programs_of_the_persons(scene)
    tip = worktree_diff.snapshot(scene.yard.repository, scene.tree, "theirs")
    merged = merge_trees.preview(scene.yard.repository, _clashing(scene), tip)
    assert merged.conflicts == ("app.py",)
    assert "<<<<<<<" in scene.yard.repository.git().text("cat-file", "blob", f"{merged.tree}:app.py")
    assert not scene.canary.exists()


# --- files that are not what they seem ---------------------------------------------------------


def test_symlinks_are_never_followed_out_of_the_tree(scene: Scene) -> None:
    tree, secret = scene.tree, scene.yard.place / "secret"
    (tree / "link").symlink_to(secret)
    (tree / "away").symlink_to(scene.yard.place)
    (tree / "run.sh").unlink()
    (tree / "run.sh").symlink_to(secret)
    shutil.rmtree(tree / "docs")
    outside = scene.yard.place / "outside"
    outside.mkdir()
    (outside / "guide.md").write_text(SECRET)
    (tree / "docs").symlink_to(outside)
    text = worktree_diff.diff(scene.yard.repository, tree, scene.base)
    commit = worktree_diff.snapshot(scene.yard.repository, tree, "keep")
    assert SECRET not in text
    assert SECRET not in scene.yard.git("show", "--format=", commit)
    assert scene.yard.git("ls-tree", "--name-only", "-r", commit).split() == [
        "app.py", "away", "docs", "link", "new.txt", "run.sh",
    ]  # fmt: skip
    scene.yard.repository.remove_worktree(tree)
    assert (outside / "guide.md").read_text() == SECRET
    assert secret.read_text() == SECRET


def test_a_worktree_that_became_a_symlink_is_refused(scene: Scene) -> None:
    scene.tree.rename(scene.yard.place / "moved")
    scene.tree.symlink_to(scene.yard.root)
    with pytest.raises(OrchestraError, match="not a directory"):
        worktree_diff.diff(scene.yard.repository, scene.tree, scene.base)
    with pytest.raises(OrchestraError, match="not a directory"):
        worktree_diff.snapshot(scene.yard.repository, scene.tree, "keep")


def test_fifos_and_sockets_count_as_absent_and_keep_nobody_waiting(scene: Scene) -> None:
    tree = scene.tree
    os.mkfifo(tree / "fifo")
    (tree / "run.sh").unlink()
    os.mkfifo(tree / "run.sh")
    with socket.socket(socket.AF_UNIX) as link:
        here = Path.cwd()
        os.chdir(tree)
        link.bind("socket")
        os.chdir(here)
        assert worktree_diff.dirty(scene.yard.repository, tree) == ["app.py", "new.txt", "run.sh"]
        worktree_diff.snapshot(scene.yard.repository, tree, "keep")


def test_a_huge_file_is_neither_read_nor_shown(scene: Scene) -> None:
    with (scene.tree / "huge").open("wb") as file:
        file.truncate(1 << 42)
    assert worktree_diff.stat(scene.yard.repository, scene.tree, scene.base) == DiffStat(
        files=3, insertions=2, deletions=1
    )
    assert "Binary files /dev/null and b/huge differ" in worktree_diff.diff(
        scene.yard.repository, scene.tree, scene.base
    )


def test_unreadable_files_do_not_stop_a_look(scene: Scene) -> None:
    (scene.tree / "closed").write_text("x")
    (scene.tree / "closed").chmod(0)
    assert "closed" in worktree_diff.dirty(scene.yard.repository, scene.tree)


@pytest.mark.parametrize(
    "name", ["\x1b]0;owned\x07", "two\nlines", "-n", ":(glob)**", "caf\udce9", '"quoted\\', ".GIT~1"]
)
def test_names_of_every_kind_are_only_names(scene: Scene, name: str) -> None:
    (scene.tree / name).write_text("odd\n")
    repo = scene.yard.repository
    assert name in worktree_diff.dirty(repo, scene.tree)
    assert "+odd\n" in worktree_diff.diff(repo, scene.tree, scene.base)
    assert "\x1b" not in worktree_diff.diff(repo, scene.tree, scene.base)
    commit = worktree_diff.snapshot(repo, scene.tree, "keep")
    assert name in [file.path for file in tree_diff.changed_files(repo.git(), scene.base, commit)[0]]
    _gone_and_back(scene)
    assert (scene.tree / name).read_text() == "odd\n"


def test_a_directory_called_like_gits_own_hides_no_file(scene: Scene) -> None:
    scene.yard.write({"deep/.GIT/config": "x\n", "deep/.Git/hooks/pre-commit": "x\n"}, at=scene.tree)
    commit = worktree_diff.snapshot(scene.yard.repository, scene.tree, "keep")
    kept = scene.yard.git("ls-tree", "-r", "--name-only", commit).split()
    assert "deep/dot-git/config" in kept
    assert "deep/dot-git/hooks/pre-commit" in kept


def test_an_attribute_with_an_impossible_encoding_stops_nothing(scene: Scene) -> None:
    (scene.tree / ".gitattributes").write_text("* working-tree-encoding=UTF-16\n*.py ident eol=crlf\n")
    assert worktree_diff.stat(scene.yard.repository, scene.tree, scene.base).files == 3
    assert worktree_diff.snapshot(scene.yard.repository, scene.tree, "keep")


def test_a_nested_repository_is_one_path(scene: Scene) -> None:
    traps.nested_repository(scene)
    assert worktree_diff.dirty(scene.yard.repository, scene.tree) == ["app.py", "nested", "new.txt"]
    assert "new file mode 160000" in worktree_diff.diff(scene.yard.repository, scene.tree, scene.base)
