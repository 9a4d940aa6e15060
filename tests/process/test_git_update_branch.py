"""Moving a branch on the host: its ref, and what the person has staged and changed around it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestra.drivers.git import commit_import
from orchestra.drivers.git.repository import Repository
from orchestra.errors import Moved
from tests.conftest import GitCall, MakeRepository

FILES = {"a.txt": "a\n", "b.txt": "b\n", "c.txt": "c\n", "dir/d.txt": "d\n"}


@dataclass(frozen=True)
class Desk:
    """The person's checkout, where an agent commits through a git directory and an index of its own."""

    root: Path
    repo: Repository
    git: GitCall
    first: str

    def agent_commits(self, files: Mapping[str, str | None]) -> str:
        """Change files as the agent would, and commit them without touching the host's index or branch."""
        index = self.root / ".git" / "agent-index"
        git = self.repo.git(work_tree=True).at(index)
        git.run("read-tree", self.first)
        for name, text in files.items():
            place = self.root / name
            place.parent.mkdir(exist_ok=True, parents=True)
            if text is None:
                place.unlink()
            else:
                place.write_text(text)
            git.run("update-index", "--add", "--remove", "--replace", "--", place.relative_to(self.root).as_posix())
        tree = git.text("write-tree")
        index.unlink()
        return git.text("commit-tree", tree, "-p", self.first, "-m", "Agent")

    def status(self) -> list[str]:
        return self.git(self.root, "status", "--porcelain").splitlines()


@pytest.fixture
def desk(make_repository: MakeRepository, git: GitCall) -> Desk:
    root = make_repository(files=FILES)
    return Desk(root, Repository.open(root), git, git(root, "rev-parse", "HEAD"))


def test_a_clean_checkout_is_clean_afterwards(desk: Desk) -> None:
    new = desk.agent_commits({"a.txt": "A\n", "new/x.txt": "x\n", "b.txt": None})
    assert commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.repo.head() == (new, "main")
    # Already noted as unchanged: `git status` has no file to read again.
    assert desk.git(desk.root, "diff-files") == ""
    assert desk.status() == []
    assert not commit_import.follow_designer(desk.repo, "main", desk.first, new)


def test_what_the_person_staged_stays_staged(desk: Desk) -> None:
    (desk.root / "c.txt").write_text("staged by hand\n")
    desk.git(desk.root, "add", "c.txt")
    (desk.root / "c.txt").write_text("and changed again\n")
    (desk.root / "own.txt").write_text("mine\n")
    desk.git(desk.root, "add", "own.txt")
    (desk.root / "dir" / "d.txt").write_text("not staged\n")
    new = desk.agent_commits({"a.txt": "A\n"})
    commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.status() == ["MM c.txt", " M dir/d.txt", "A  own.txt"]
    assert desk.git(desk.root, "show", ":c.txt") == "staged by hand"


def test_a_path_staged_and_committed_differently_stays_as_staged(desk: Desk) -> None:
    (desk.root / "a.txt").write_text("staged by hand\n")
    desk.git(desk.root, "add", "a.txt")
    new = desk.agent_commits({"a.txt": "by the agent\n", "b.txt": "B\n"})
    commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.status() == ["MM a.txt"]
    assert desk.git(desk.root, "show", ":a.txt") == "staged by hand"


def test_a_merge_in_progress_keeps_its_conflicts(desk: Desk) -> None:
    blob = desk.git(desk.root, "hash-object", "-w", "a.txt")
    lines = "".join(f"100644 {blob} {stage}\tb.txt\n" for stage in (1, 2, 3))
    zero = "0" * 40
    desk.git(desk.root, "update-index", "--index-info", stdin=f"0 {zero}\tb.txt\n{lines}")
    new = desk.agent_commits({"a.txt": "A\n", "b.txt": "B\n"})
    commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.status() == ["UU b.txt"]


def test_a_file_can_become_a_directory_and_back(desk: Desk) -> None:
    (desk.root / "a.txt").unlink()
    new = desk.agent_commits({"a.txt/inside": "x\n"})
    commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.status() == []


def test_odd_names_are_carried(desk: Desk) -> None:
    new = desk.agent_commits({"new\nline": "1", "ünï \t\"'": "2", "*": "3", ":(top)": "4", "-x": "5"})
    commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.status() == []


def test_a_branch_that_moved_is_left_alone_with_its_index(desk: Desk) -> None:
    new = desk.agent_commits({"a.txt": "A\n"})
    desk.git(desk.root, "commit", "--quiet", "--allow-empty", "-m", "By hand")
    tip = desk.git(desk.root, "rev-parse", "HEAD")
    with pytest.raises(Moved):
        commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.repo.head() == (tip, "main")
    assert desk.status() == [" M a.txt"]


def test_another_branch_of_the_person_is_not_disturbed(desk: Desk) -> None:
    new = desk.agent_commits({"a.txt": "A\n"})
    desk.git(desk.root, "switch", "--quiet", "--create", "other")
    commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.repo.branches() == {"main": new, "other": desk.first}
    assert desk.status() == [" M a.txt"]


def test_a_detached_checkout_follows_as_well(desk: Desk) -> None:
    desk.git(desk.root, "switch", "--quiet", "--detach")
    new = desk.agent_commits({"a.txt": "A\n"})
    commit_import.follow_designer(desk.repo, "", desk.first, new)
    assert desk.repo.head() == (new, "")
    assert desk.repo.branches() == {"main": desk.first}
    assert desk.status() == []


def test_a_crash_between_index_and_ref_is_made_good_by_the_next_import(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = desk.agent_commits({"a.txt": "A\n", "b.txt": None})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    update_ref = Repository.update_ref
    monkeypatch.setattr(Repository, "update_ref", die)
    with pytest.raises(KeyboardInterrupt):
        commit_import.follow_designer(desk.repo, "main", desk.first, new)
    monkeypatch.setattr(Repository, "update_ref", update_ref)
    assert desk.repo.head() == (desk.first, "main")
    assert commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.status() == []


def test_a_crash_right_after_the_ref_moved_leaves_nothing_to_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    new = desk.agent_commits({"a.txt": "A\n", "b.txt": None})
    update_ref = Repository.update_ref

    def move_and_die(repo: Repository, ref: str, new: str, old: str | None) -> None:
        update_ref(repo, ref, new, old)
        raise KeyboardInterrupt

    monkeypatch.setattr(Repository, "update_ref", move_and_die)
    with pytest.raises(KeyboardInterrupt):
        commit_import.follow_designer(desk.repo, "main", desk.first, new)
    assert desk.repo.head() == (new, "main")
    assert desk.status() == []


def test_an_executors_worktree_is_clean_after_an_import(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "w"
    desk.repo.add_worktree(place, "orchestra/x", "HEAD")
    new = desk.agent_commits({"a.txt": "A\n", "b.txt": None})
    (place / "a.txt").write_text("A\n")
    (place / "b.txt").unlink()
    (place / "untracked").touch()
    assert commit_import.advance(desk.repo, place, "orchestra/x", desk.first, new)
    assert desk.git(place, "status", "--porcelain") == "?? untracked"
    assert desk.git(place, "rev-parse", "HEAD") == new


def test_no_filter_hook_or_monitor_runs_on_the_way(desk: Desk, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    place = tmp_path / "w"
    desk.repo.add_worktree(place, "orchestra/x", "HEAD")
    for key in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor"):
        desk.git(desk.root, "config", key, f"touch {canary}")
    hook = desk.root / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
    hook.chmod(0o755)
    new = desk.agent_commits({"a.txt": "A\n"})
    (place / "a.txt").write_text("A\n")
    (place / ".gitattributes").write_text("* filter=evil diff=evil merge=evil working-tree-encoding=nonsense\n")
    nested = place / "dir" / "nested"
    nested.mkdir()
    desk.git(nested, "init", "--quiet")
    desk.git(nested, "config", "core.fsmonitor", f"touch {canary}")
    (place / ".git").write_text(f"gitdir: {nested}/.git\n")
    canary.unlink(missing_ok=True)
    assert commit_import.advance(desk.repo, place, "orchestra/x", desk.first, new)
    assert not canary.exists()


def test_a_file_that_became_a_pipe_blocks_nobody(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "w"
    desk.repo.add_worktree(place, "orchestra/x", "HEAD")
    new = desk.agent_commits({"a.txt": "A\n"})
    (place / "a.txt").unlink()
    os.mkfifo(place / "a.txt")
    assert commit_import.advance(desk.repo, place, "orchestra/x", desk.first, new)


def test_a_sparse_worktree_does_not_report_what_it_left_out(desk: Desk, tmp_path: Path) -> None:
    desk.git(desk.root, "sparse-checkout", "set", "--no-cone", "/a.txt")
    place = tmp_path / "w"
    desk.repo.add_worktree(place, "orchestra/x", "HEAD")
    blob = desk.git(desk.root, "rev-parse", "HEAD:a.txt")
    listing = desk.git(desk.root, "ls-tree", "-r", "HEAD") + f"\n100644 blob {blob}\telsewhere.txt\n"
    tree = desk.git(desk.root, "mktree", stdin=listing.replace("dir/d.txt", "d.txt"))
    new = desk.git(desk.root, "commit-tree", tree, "-p", desk.first, "-m", "Outside")
    commit_import.advance(desk.repo, place, "orchestra/x", desk.first, new)
    assert desk.git(place, "status", "--porcelain") == ""
