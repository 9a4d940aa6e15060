"""Merging in this process: a real repository and store, with agents on the host."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from orchestra.actions.merge import finish_landings, merge
from orchestra.actions.spawn import spawn
from orchestra.errors import MergeConflict, Refused
from tests.projects import HostProject

LFS = {"clean": "git-lfs clean -- %f", "smudge": "git-lfs smudge -- %f", "process": "git-lfs filter-process"}
needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


def test_a_merge_brings_the_commits_to_the_branch_and_the_files_to_the_checkout(host: HostProject) -> None:
    one = host.spawn("one")
    host.commit(one, "made.txt", "made\n")
    done = merge(host.project, "one")
    assert host.git("rev-parse", "main") == done["commit"]
    assert (host.source / "made.txt").read_text() == "made\n"
    assert host.git("status", "--porcelain", "--untracked-files=no") == ""
    assert host.fsck() == ""


@pytest.mark.parametrize("strategy", ["merge", "squash", "rebase"])
def test_what_the_person_has_not_committed_stays(host: HostProject, strategy: str) -> None:
    one = host.spawn("one")
    host.commit(one, "made.txt", "made\n")
    host.write(host.source, "README.md", "mine\n")
    merge(host.project, "one", strategy=strategy)
    assert host.git("status", "--porcelain", "--untracked-files=no") == " M README.md"
    assert (host.source / "README.md").read_text() == "mine\n"


def test_a_merge_that_meets_changes_of_the_persons_is_refused_and_forgotten(host: HostProject) -> None:
    one = host.spawn("one")
    host.commit(one, "README.md", "theirs\n")
    host.write(host.source, "README.md", "mine\n")
    with pytest.raises(Refused, match=r"in the way of main: README\.md"):
        merge(host.project, "one")
    assert host.project.store.get("landing") in {None, ""}
    host.git("checkout", "--", "README.md")
    merge(host.project, "one")
    assert (host.source / "README.md").read_text() == "theirs\n"


def test_a_conflict_leaves_the_branch_and_tells_the_session(host: HostProject) -> None:
    one = host.spawn("one")
    host.commit(one, "README.md", "theirs\n")
    mine = host.commit(host.source, "README.md", "mine\n")
    with pytest.raises(MergeConflict):
        merge(host.project, "one")
    assert host.git("rev-parse", "main") == mine


def test_a_landing_that_a_crash_cut_off_is_finished_before_the_next_merge(host: HostProject) -> None:
    old = host.git("rev-parse", "main")
    one, two = host.spawn("one"), host.spawn("two")
    new = host.commit(one, "one.txt", "one\n")
    host.commit(two, "two.txt", "two\n")
    host.project.store.set("landing", json.dumps({"session": "one", "branch": "main", "new": new, "old": old}))
    host.git("update-ref", "refs/heads/main", new)
    merge(host.project, "two")
    assert (host.source / "one.txt").read_text() == "one\n"
    assert host.git("status", "--porcelain", "--untracked-files=no") == ""


def test_what_a_cut_off_landing_could_not_bring_is_told_once(host: HostProject) -> None:
    old = host.git("rev-parse", "main")
    one = host.spawn("one")
    new = host.commit(one, "README.md", "theirs\n")
    host.project.store.set("landing", json.dumps({"session": "one", "branch": "main", "new": new, "old": old}))
    host.git("update-ref", "refs/heads/main", new)
    host.write(host.source, "README.md", "mine\n")
    with pytest.raises(Refused, match=r"left as they are: README\.md"):
        finish_landings(host.project)
    finish_landings(host.project)
    assert (host.source / "README.md").read_text() == "mine\n"
    assert host.git("diff", "--cached", "--name-only") == ""


# --- identity --------------------------------------------------------------------------------------


def test_a_name_that_only_the_environment_has_is_the_merges(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    one = host.spawn("one")
    host.commit(one, "made.txt", "made\n")
    host.git("config", "--global", "--unset-all", "user.name")
    host.git("config", "--global", "--unset-all", "user.email")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Direnv")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "direnv@example.org")
    merge(host.project, "one")
    assert host.git("log", "-1", "--format=%an <%ae>", "main") == "Direnv <direnv@example.org>"


def test_a_merge_without_any_name_says_what_to_type(host: HostProject) -> None:
    one = host.spawn("one")
    host.commit(one, "made.txt", "made\n")
    host.git("config", "--global", "--unset-all", "user.email")
    said: list[str] = []
    merge(host.project, "one", progress=said.append)
    assert any("git config --global user.email" in line for line in said)


# --- Git LFS ---------------------------------------------------------------------------------------


def use_lfs(host: HostProject) -> None:
    for part, command in LFS.items():
        host.git("config", "--global", f"filter.lfs.{part}", command)
    host.git("config", "--global", "filter.lfs.required", "true")
    host.commit(host.source, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")


@needs_lfs
def test_a_picture_that_git_lfs_keeps_is_merged_as_a_pointer_and_shown_whole(host: HostProject) -> None:
    use_lfs(host)
    one = host.spawn("one")
    host.commit(one, "logo.png", "a picture " * 500)
    merge(host.project, "one")
    assert host.git("cat-file", "-p", "main:logo.png").startswith("version https://git-lfs")
    assert (host.source / "logo.png").read_text() == "a picture " * 500
    assert host.git("status", "--porcelain", "--untracked-files=no") == ""


@needs_lfs
def test_a_whole_picture_past_git_lfs_is_refused_and_the_hint_mends_it(host: HostProject) -> None:
    use_lfs(host)
    one = host.spawn("one")
    host.write(one, "logo.png", "a picture " * 500)
    plain = ("-c", "filter.lfs.clean=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")
    host.git(*plain, "add", "logo.png", cwd=one.worktree)
    host.git(*plain, "commit", "--quiet", "-m", "picture", cwd=one.worktree)
    with pytest.raises(Refused, match=r"Git LFS is to keep: logo\.png") as caught:
        merge(host.project, "one")
    command = caught.value.hint.removeprefix("on this machine: ")
    subprocess.run(("sh", "-ec", command), check=True, capture_output=True, timeout=60)
    merge(host.project, "one")
    assert host.git("cat-file", "-p", "main:logo.png").startswith("version https://git-lfs")
    assert (host.source / "logo.png").read_text() == "a picture " * 500


def test_a_new_session_says_that_it_sees_pointers(host: HostProject) -> None:
    host.commit(host.source, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")
    said: list[str] = []
    spawn(host.project, title="one", task="x", progress=said.append)
    assert any("Git LFS" in line for line in said)


@needs_lfs
def test_a_content_that_is_not_here_stays_a_pointer_and_is_asked_for_nowhere(host: HostProject) -> None:
    """A commit's own .lfsconfig would say where."""
    use_lfs(host)
    host.commit(host.source, ".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:9/agents\n")
    one = host.spawn("one")
    host.commit(one, "logo.png", "a picture " * 500)
    shutil.rmtree(host.source / ".git/lfs/objects")
    merge(host.project, "one")
    assert (host.source / "logo.png").read_text().startswith("version https://git-lfs")
    logs = host.source / ".git/lfs/logs"
    assert not any("127.0.0.1" in log.read_text() for log in logs.glob("*"))
