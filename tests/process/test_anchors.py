"""Anchors keep what a session held, and give it back."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestra.drivers.git import anchors
from orchestra.drivers.git.command import Git
from orchestra.errors import Refused
from tests.support.repositories import Yard

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard.make(tmp_path, monkeypatch)


def gone_and_back(yard: Yard, tree: Path) -> anchors.Anchor:
    """Anchor a worktree, remove it with its branch, and make it anew from the anchor's tip."""
    repo = yard.repository
    anchors.anchor(repo, tree, "login")
    kept = anchors.latest(repo, "login")
    assert kept is not None
    repo.remove_worktree(tree)
    yard.git("branch", "-D", "orchestra/login")
    repo.add_worktree(tree, "orchestra/login", kept.tip)
    return kept


def test_an_anchor_is_a_ref_named_after_session_and_time(yard: Yard) -> None:
    tree = yard.worktree("login")
    tip = yard.commit({"a.py": "a\n"}, "work", at=tree)
    ref = anchors.anchor(yard.repository, tree, "login", clock=lambda: NOON)
    assert ref == "refs/orchestra/trash/login/20260301T120000.000000Z"
    kept = anchors.latest(yard.repository, "login")
    assert kept is not None
    assert (kept.ref, kept.name, kept.at, kept.tip) == (ref, "login", NOON, tip)


def test_uncommitted_and_untracked_files_outlive_the_worktree_and_its_branch(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.commit({"committed.py": "a\n"}, "work", at=tree)
    yard.write({"app.py": "changed\n", "new/file.txt": "new\n", "docs/guide.md": None}, at=tree)
    (tree / "link").symlink_to("app.py")
    (tree / "run.sh").chmod(0o755)
    before = yard.git("status", "--porcelain", "-uall", at=tree)
    kept = gone_and_back(yard, tree)
    yard.git("gc", "--quiet", "--prune=now")
    anchors.put_back(yard.repository, tree, kept)
    assert yard.git("status", "--porcelain", "-uall", at=tree) == before
    assert (tree / "app.py").read_text() == "changed\n"
    assert (tree / "link").readlink() == Path("app.py")
    assert yard.git("log", "-1", "--format=%s", at=tree) == "work"


def test_putting_back_twice_or_after_a_crash_halfway_is_harmless(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"app.py": "changed\n", "new.txt": "new\n"}, at=tree)
    kept = gone_and_back(yard, tree)
    yard.write({"new.txt": "new\n"}, at=tree)
    for _ in range(2):
        anchors.put_back(yard.repository, tree, kept)
        assert yard.git("status", "--porcelain", at=tree) == "M app.py\n?? new.txt"


def test_putting_back_overwrites_nothing(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"app.py": "changed\n", "new.txt": "new\n"}, at=tree)
    kept = gone_and_back(yard, tree)
    yard.write({"new.txt": "somebody else's\n"}, at=tree)
    with pytest.raises(Refused, match="in the way of the kept ones"):
        anchors.put_back(yard.repository, tree, kept)
    assert (tree / "app.py").read_text() == "one\ntwo\nthree\n"
    assert (tree / "new.txt").read_text() == "somebody else's\n"


def test_no_git_sees_the_worktree_that_is_filled(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent may be in there by then: of an earlier session, in a container that still runs."""
    tree = yard.worktree("login")
    yard.write({"app.py": "changed\n", "new.txt": "new\n", "docs/guide.md": None}, at=tree)
    kept = gone_and_back(yard, tree)
    os.mkfifo(tree / ".gitattributes")
    os.mkfifo(tree / "docs" / ".gitignore")
    seen: list[str] = []
    environment = Git.environment

    def noted(git: Git) -> dict[str, str]:
        seen.append(str(git.work_tree))
        return environment(git)

    monkeypatch.setattr(Git, "environment", noted)
    anchors.put_back(yard.repository, tree, kept)
    assert (tree / "app.py").read_text() == "changed\n"
    assert (tree / "new.txt").read_text() == "new\n"
    assert not (tree / "docs/guide.md").exists()
    assert seen
    assert not [place for place in seen if Path(place) == tree or tree in Path(place).parents]


def test_a_link_in_the_way_is_not_followed(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"new/file.txt": "new\n"}, at=tree)
    kept = gone_and_back(yard, tree)
    (yard.place / "elsewhere").mkdir()
    (tree / "new").symlink_to(yard.place / "elsewhere")
    with pytest.raises(Refused, match="in the way of the kept ones: new"):
        anchors.put_back(yard.repository, tree, kept)
    assert not list((yard.place / "elsewhere").iterdir())


@pytest.mark.parametrize("setting", ["filter.crypt.smudge", "filter.crypt.process"])
def test_a_filter_and_an_encoding_change_nothing_of_what_was_kept(yard: Yard, setting: str) -> None:
    yard.commit({".gitattributes": "*.key filter=crypt\n*.txt working-tree-encoding=UTF-16\n"}, "attributes")
    tree = yard.worktree("login")
    yard.write({"a.key": "sealed\n", "new.txt": "new\n"}, at=tree)
    kept = gone_and_back(yard, tree)
    yard.configure(setting, f"touch {yard.place}/ran; tr a-z A-Z")
    anchors.put_back(yard.repository, tree, kept)
    assert (tree / "a.key").read_text() == "sealed\n"
    assert (tree / "new.txt").read_text() == "new\n"
    assert not (yard.place / "ran").exists()


def test_a_worktree_whose_directory_is_gone_still_anchors_its_branch(yard: Yard) -> None:
    tree = yard.worktree("login")
    tip = yard.commit({"a.py": "a\n"}, "work", at=tree)
    shutil.rmtree(tree)
    anchors.anchor(yard.repository, tree, "login")
    kept = anchors.latest(yard.repository, "login")
    assert kept is not None
    assert kept.tip == tip


def test_a_worktree_that_git_has_forgotten_has_its_last_anchor(yard: Yard) -> None:
    tree = yard.worktree("login")
    assert anchors.anchor(yard.repository, yard.ours / "never", "never") == ""
    ref = anchors.anchor(yard.repository, tree, "login")
    yard.repository.remove_worktree(tree)
    assert anchors.anchor(yard.repository, tree, "login") == ref


def test_anchors_are_listed_oldest_first_and_can_be_let_go(yard: Yard) -> None:
    repo, login, search = yard.repository, yard.worktree("login"), yard.worktree("search")
    times = (NOON + timedelta(microseconds=number) for number in range(3))
    for tree, name in ((search, "search"), (login, "login"), (login, "login")):
        anchors.anchor(repo, tree, name, clock=lambda: next(times))
    yard.git("update-ref", "refs/orchestra/trash/login/kept-by-others", "HEAD")
    assert [one.name for one in anchors.anchors(repo)] == ["search", "login", "login"]
    anchors.drop(repo, anchors.anchors(repo, "login")[1])
    assert len(anchors.anchors(repo, "login")) == 1
    assert anchors.latest(repo, "nobody") is None


def test_an_anchor_keeps_further_commits_too(yard: Yard) -> None:
    tree = yard.worktree("login")
    other = yard.git("commit-tree", "-m", "on no branch", "HEAD^{tree}")
    ref = anchors.anchor(yard.repository, tree, "login", also=(other,))
    assert yard.repository.is_ancestor(other, ref)


def test_a_nested_repository_is_kept_with_its_history_as_plain_files(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"vendor/lib/code.py": "x\n"}, at=tree)
    yard.git("init", "--quiet", at=tree / "vendor/lib")
    yard.commit({}, "nested", at=tree / "vendor/lib")
    ref = anchors.anchor(yard.repository, tree, "login")
    listing = yard.git("ls-tree", "-r", "--name-only", ref).splitlines()
    assert "vendor/lib/code.py" in listing
    assert "vendor/lib/dot-git/HEAD" in listing
