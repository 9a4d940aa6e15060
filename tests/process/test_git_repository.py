"""Repositories as they are found in the wild: each works, or is refused in one line that says what to do."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from orchestra.drivers.git import find_repository
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.repository import Repository
from orchestra.errors import CommandFailed, Moved, NameTaken, NotARepository, NotFound, Refused
from tests.conftest import GitCall, MakeRepository


def refused(start: Path) -> NotARepository:
    with pytest.raises(NotARepository) as caught:
        Repository.open(start)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


# What works


def test_a_plain_repository_is_found_from_any_directory_in_it(make_repository: MakeRepository, git: GitCall) -> None:
    root = make_repository(files={"deep/er/file": "x"})
    repo = Repository.open(root / "deep" / "er")
    assert (repo.root, repo.git_dir, repo.common_dir) == (root, root / ".git", root / ".git")
    assert repo.object_dirs == (root / ".git" / "objects",)
    assert repo.head() == (git(root, "rev-parse", "HEAD"), "main")


def test_a_symlink_to_a_repository_leads_to_its_real_place(make_repository: MakeRepository, tmp_path: Path) -> None:
    root = make_repository()
    (tmp_path / "link").symlink_to(root)
    assert Repository.open(tmp_path / "link").root == root


def test_a_linked_worktree_can_be_the_persons_checkout(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    root = make_repository()
    git(root, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    repo = Repository.open(tmp_path / "side")
    assert (repo.root, repo.common_dir) == (tmp_path / "side", root / ".git")
    assert repo.head()[1] == "side"
    assert repo.worktree_git(repo.root).git_dir == repo.git_dir
    assert repo.worktree_git(root).git_dir == root / ".git"
    repo.add_worktree(tmp_path / "w", "orchestra/w", "HEAD")
    assert repo.worktrees()[tmp_path / "w"].branch == "orchestra/w"
    for place in (root, repo.root):
        with pytest.raises(Refused):
            repo.remove_worktree(place)


def test_a_submodule_can_be_the_project(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    inner, outer = make_repository("inner"), make_repository("outer")
    git(outer, "submodule", "--quiet", "add", str(inner), "sub")
    repo = Repository.open(outer / "sub")
    assert (repo.root, repo.git_dir) == (outer / "sub", outer / ".git" / "modules" / "sub")
    repo.add_worktree(tmp_path / "w", "orchestra/w", "HEAD")
    assert (tmp_path / "w" / "README.md").read_text() == "hello\n"
    assert repo.worktree_git(tmp_path / "w").text("status", "--porcelain") == ""


def test_a_repository_with_submodules_has_worktrees_without_them(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    inner, outer = make_repository("inner"), make_repository("outer")
    git(outer, "submodule", "--quiet", "add", str(inner), "sub")
    git(outer, "commit", "--quiet", "-m", "Submodule")
    git(outer, "config", "submodule.recurse", "true")
    repo = Repository.open(outer)
    repo.add_worktree(tmp_path / "w", "orchestra/w", "HEAD")
    assert not list((tmp_path / "w" / "sub").iterdir())


def test_a_detached_checkout_has_no_branch(make_repository: MakeRepository, git: GitCall) -> None:
    root = make_repository()
    git(root, "switch", "--quiet", "--detach")
    assert Repository.open(root).head() == (git(root, "rev-parse", "HEAD"), "")


def test_sha256_is_noticed(make_repository: MakeRepository) -> None:
    repo = Repository.open(make_repository(init=("--object-format=sha256",)))
    assert repo.object_format == "sha256"
    repo.update_ref("refs/orchestra/x", repo.resolve("HEAD"), None)


def test_alternates_are_followed_whether_absolute_relative_or_quoted(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    first = make_repository("first")
    second, third = tmp_path / "second", tmp_path / "ümlaut"
    git(tmp_path, "clone", "--quiet", "--shared", str(first), str(second))
    git(tmp_path, "clone", "--quiet", "--shared", str(second), str(third))
    (second / ".git/objects/info/alternates").write_text("# a comment\n../../../first/.git/objects\n/not/there\n")
    chain = tuple(place / ".git" / "objects" for place in (third, second, first))
    assert Repository.open(third).object_dirs == chain
    (third / ".git/objects/info/alternates").write_text('"../../../sec\\157nd/.git/objects"\n')
    assert Repository.open(third).object_dirs == chain
    assert git(third, "log", "--oneline")


def test_alternates_that_form_a_ring_end(make_repository: MakeRepository) -> None:
    one, two = (make_repository(name) / ".git" / "objects" for name in ("one", "two"))
    (one / "info/alternates").write_text(f"{two}\n")
    (two / "info/alternates").write_text(f"{one}\n")
    assert find_repository.object_dirs(one) == (one, two)


def test_ignored_environment_variables_cannot_redirect(
    make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, other = make_repository(), make_repository("other", {"other": "x"})
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(other / ".git"))
    repo = Repository.open(root)
    assert repo.git().text("ls-tree", "--name-only", "HEAD") == "README.md"


# What is refused


def test_outside_a_repository(tmp_path: Path) -> None:
    assert "git init" in refused(tmp_path).hint


def test_a_bare_repository(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(make_repository()), "bare.git")
    assert "bare" in refused(tmp_path / "bare.git").message


def test_inside_the_git_directory(make_repository: MakeRepository) -> None:
    assert "inside a .git directory" in refused(make_repository() / ".git").message


def test_no_commits_yet(tmp_path: Path, git: GitCall) -> None:
    git(tmp_path, "init", "--quiet", "new")
    assert "no commit yet" in refused(tmp_path / "new").message


def test_a_line_break_in_the_repositorys_own_path(make_repository: MakeRepository) -> None:
    assert "line break" in refused(make_repository("two\nlines")).message


def test_a_repository_of_another_user(make_repository: MakeRepository, git: GitCall) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    root = make_repository()
    for place in (root, root / ".git"):
        os.chown(place, 12345, 12345)
    error = refused(root)
    assert "does not trust" in error.message
    git(root, "config", "--global", "--add", "safe.directory", error.hint.split("'")[1])
    assert Repository.open(root).root == root


def test_a_broken_repository(make_repository: MakeRepository) -> None:
    root = make_repository()
    (root / ".git" / "config").write_text("[core\n")
    assert "cannot read" in refused(root).message


def test_a_partial_clone_and_its_hint_makes_it_whole(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    origin = make_repository("origin")
    git(origin, "config", "uploadpack.allowFilter", "true")
    (origin / "README.md").write_text("changed\n")
    git(origin, "commit", "--quiet", "--all", "-m", "Second")
    clone = tmp_path / "partial"
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{origin}", str(clone))
    error = refused(clone)
    assert "partial clone" in error.message
    command = error.hint.removeprefix("complete it: ")
    Git(clone / ".git").run("version")
    assert os.waitstatus_to_exitcode(os.system(f"cd '{clone}' && {{ {command}; }} 2>/dev/null")) == 0  # noqa: S605 -- the hint
    shutil.rmtree(origin)
    assert git(clone, "log", "-p", "--format=", "--", "README.md").count("+") > 1
    assert Repository.open(clone).count("HEAD~1", "HEAD") == 1


# Refs


def test_a_ref_moves_only_from_where_it_was_thought_to_be(make_repository: MakeRepository, git: GitCall) -> None:
    root = make_repository()
    repo = Repository.open(root)
    first = repo.resolve("HEAD")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Second")
    second = repo.resolve("HEAD")
    repo.update_ref("refs/orchestra/x", first, None)
    for old in (None, second):
        with pytest.raises(Moved):
            repo.update_ref("refs/orchestra/x", second, old)
    repo.update_ref("refs/orchestra/x", second, first)
    with pytest.raises(Moved):
        repo.update_ref("refs/orchestra/x", "", first)
    assert repo.refs("refs/orchestra/") == {"refs/orchestra/x": second}
    repo.update_ref("refs/orchestra/x", "", second)
    repo.update_ref("refs/orchestra/x", "", None)
    assert repo.refs("refs/orchestra/") == {}
    assert (repo.is_ancestor(first, second), repo.is_ancestor(second, first)) == (True, False)
    assert repo.count(first, second) == 1


def test_unknown_names_are_not_found(make_repository: MakeRepository) -> None:
    repo = Repository.open(make_repository())
    for name in ("nope", "--all", "HEAD:README.md", ""):
        with pytest.raises(NotFound):
            repo.resolve(name)


def test_a_short_lock_is_waited_for_and_a_stale_one_named(make_repository: MakeRepository) -> None:
    root = make_repository()
    lock = root / ".git" / "index.lock"
    lock.touch()
    waits: list[float] = []

    def release(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            lock.unlink()

    Git(root / ".git", work_tree=root, sleep=release).run("read-tree", "HEAD")
    assert waits == [0.02, 0.04, 0.08]
    lock.touch()
    with pytest.raises(CommandFailed, match=r"index\.lock") as caught:
        Git(root / ".git", work_tree=root, sleep=waits.append).run("read-tree", "HEAD")
    assert "delete that lock" in caught.value.hint


def test_an_exclude_pattern_is_added_once(make_repository: MakeRepository, git: GitCall) -> None:
    root = make_repository()
    (root / ".git/info/exclude").write_text("last line has no end")
    for _ in range(2):
        Repository.open(root).exclude("/.orchestra/")
    (root / ".orchestra").mkdir()
    (root / ".orchestra" / "x").touch()
    assert (root / ".git/info/exclude").read_text() == "last line has no end\n/.orchestra/\n"
    assert git(root, "status", "--porcelain") == ""


# Worktrees


def test_a_worktree_is_made_once_and_kept(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    repo = Repository.open(make_repository())
    place = tmp_path / "worktrees" / "with space" / "ünï"
    for _ in range(2):
        repo.add_worktree(place, "orchestra/x", "HEAD", keep="refs/orchestra/base/x")
        (place / "work").touch()
    assert git(place, "branch", "--show-current") == "orchestra/x"
    assert repo.refs("refs/orchestra/") == {"refs/orchestra/base/x": repo.resolve("HEAD")}
    assert (place / "work").exists()


def test_making_a_worktree_runs_no_hook_and_no_filter(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    """A file kept by Git LFS stays the pointer that it is in the repository, and does not count as changed."""
    canary = tmp_path / "canary"
    root = make_repository(files={".gitattributes": "*.bin filter=lfs\n", "a.bin": "version https://git-lfs\n"})
    for part in ("smudge", "clean", "process"):
        git(root, "config", f"filter.lfs.{part}", f"touch {canary}")
    git(root, "config", "filter.lfs.required", "true")
    git(root, "config", "filter.odd=name.clean", f"touch {canary}")
    hook = root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
    hook.chmod(0o755)
    repo = Repository.open(root)
    repo.add_worktree(tmp_path / "w", "orchestra/x", "HEAD")
    os.utime(tmp_path / "w" / "a.bin", (1, 1))
    assert (tmp_path / "w" / "a.bin").read_text() == "version https://git-lfs\n"
    assert repo.worktree_git(tmp_path / "w").text("status", "--porcelain") == ""
    assert not canary.exists()


def test_a_worktree_that_git_left_half_made_is_made_again(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    """`git worktree add` marks its record as locked while it works (builtin/worktree.c)."""
    repo = Repository.open(make_repository())
    place = tmp_path / "w"
    repo.add_worktree(place, "orchestra/x", "HEAD")
    (repo.record(place) / "locked").write_text("initializing")
    (repo.record(place) / "index").unlink()
    (place / "README.md").unlink()
    repo.add_worktree(place, "orchestra/x", "HEAD")
    assert git(place, "status", "--porcelain") == ""


def test_a_worktree_is_made_while_another_git_writes_the_record_of_its_own(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    repo = Repository.open(root := make_repository())
    git(root, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    common = root / ".git" / "worktrees" / "side" / "commondir"
    content = common.read_text()
    common.write_text("")
    written = threading.Timer(0.3, common.write_text, (content,))
    written.start()
    assert repo.add_worktree(tmp_path / "w", "orchestra/w", "HEAD")
    written.join()
    assert {path.name for path in repo.worktrees()} == {root.name, "side", "w"}


def test_a_worktree_whose_directory_is_gone_is_made_again(make_repository: MakeRepository, tmp_path: Path) -> None:
    repo = Repository.open(make_repository())
    repo.add_worktree(tmp_path / "w", "orchestra/x", "HEAD")
    shutil.rmtree(tmp_path / "w")
    repo.add_worktree(tmp_path / "w", "orchestra/x", "HEAD")
    assert (tmp_path / "w" / "README.md").exists()


def test_names_in_use_are_refused(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    root = make_repository()
    repo = Repository.open(root)
    git(root, "branch", "orchestra/theirs")
    with pytest.raises(NameTaken, match="orchestra/theirs"):
        repo.add_worktree(tmp_path / "w", "orchestra/theirs", "HEAD", keep="refs/orchestra/base/w")
    with pytest.raises(NameTaken, match="checked out elsewhere"):
        repo.add_worktree(tmp_path / "w", "main", "HEAD")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(NameTaken, match="already exists"):
        repo.add_worktree(tmp_path / "full", "orchestra/x", "HEAD")
    repo.add_worktree(tmp_path / "w", "orchestra/x", "HEAD")
    with pytest.raises(NameTaken, match="not orchestra/y"):
        repo.add_worktree(tmp_path / "w", "orchestra/y", "HEAD")


def test_a_sparse_checkout_has_sparse_worktrees(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    root = make_repository(files={"in/a": "a", "out/b": "b", "top": "t"})
    git(root, "sparse-checkout", "set", "in")
    repo = Repository.open(root)
    repo.add_worktree(tmp_path / "w", "orchestra/x", "HEAD")
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == [".git", "in", "top"]
    assert repo.worktree_git(tmp_path / "w").text("status", "--porcelain") == ""


def test_the_pointer_in_a_worktree_is_never_believed(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    repo = Repository.open(make_repository())
    repo.add_worktree(tmp_path / "w", "orchestra/x", "HEAD")
    evil = make_repository("evil")
    git(evil, "config", "core.fsmonitor", f"touch {canary}")
    (tmp_path / "w" / ".git").write_text(f"gitdir: {evil}/.git\n")
    pinned = repo.worktree_git(tmp_path / "w")
    assert pinned.text("status", "--porcelain", "--ignore-submodules=all") == ""
    assert pinned.git_dir.is_relative_to(repo.common_dir)
    assert not canary.exists()
    repo.remove_worktree(tmp_path / "w")
    assert (evil / ".git").exists()


def test_a_removed_worktree_leaves_branch_and_others(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    root = make_repository()
    repo = Repository.open(root)
    for name in ("a", "b"):
        repo.add_worktree(tmp_path / name, f"orchestra/{name}", "HEAD")
    shutil.move(tmp_path / "b", tmp_path / "unplugged")
    for _ in range(2):
        repo.remove_worktree(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert {"orchestra/a", "orchestra/b"} <= set(repo.branches())
    # The record of a worktree on a drive that is not plugged in is not ours to prune.
    assert tmp_path / "b" in repo.worktrees()
    assert git(root, "fsck") == ""


def test_removal_follows_no_link_and_takes_only_worktrees(make_repository: MakeRepository, tmp_path: Path) -> None:
    root = make_repository()
    repo = Repository.open(root)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").touch()
    repo.add_worktree(tmp_path / "w", "orchestra/x", "HEAD")
    (tmp_path / "w" / "link").symlink_to(outside)
    os.mkfifo(tmp_path / "w" / "fifo")
    locked = tmp_path / "w" / "locked"
    locked.mkdir()
    (locked / "x").touch()
    locked.chmod(0)
    for place in (outside, root, tmp_path):
        with pytest.raises(Refused):
            repo.remove_worktree(place)
    shutil.move(tmp_path / "w", tmp_path / "elsewhere")
    (tmp_path / "w").symlink_to(outside)
    with pytest.raises(Refused, match="symlink"):
        repo.remove_worktree(tmp_path / "w")
    (tmp_path / "w").unlink()
    shutil.move(tmp_path / "elsewhere", tmp_path / "w")
    repo.remove_worktree(tmp_path / "w")
    assert (outside / "keep").exists()
    assert not (tmp_path / "w").exists()


def test_fifty_thousand_files_are_checked_out(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    root = make_repository()
    blob = git(root, "rev-parse", "HEAD:README.md")
    listing = "".join(f"100644 {blob}\td{n % 250}/file-{n}\n" for n in range(50_000))
    git(root, "update-index", "--index-info", stdin=listing)
    git(root, "commit", "--quiet", "-m", "Many")
    Repository.open(root).add_worktree(tmp_path / "ours", "orchestra/x", "HEAD")
    assert stat.S_ISREG((tmp_path / "ours" / "d249" / "file-49999").stat().st_mode)
