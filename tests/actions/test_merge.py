"""Merging in this process: a real repository and store, with agents on the host."""

from __future__ import annotations

import pytest

from orchestra.actions.landing import merge as merging
from orchestra.actions.landing.merge import merge
from orchestra.actions.landing.move import finish_landings
from orchestra.actions.session import branch_sync
from orchestra.actions.work.checks import FailedChecks
from orchestra.actions.work.review import review
from orchestra.errors import CheckFailed, DeadlineExceeded, MergeConflict, Refused, RefusedCommits
from orchestra.model import Landing, Role, Session
from orchestra.project import Project
from tests.support.projects import HostProject


def test_a_merge_brings_the_commits_to_the_branch_and_the_files_to_the_checkout(host: HostProject) -> None:
    one = host.spawn("one")
    host.commit(one, "made.txt", "made\n")
    done = merge(host.project, "one")
    assert host.git("rev-parse", "main") == done["commit"]
    assert (host.source / "made.txt").read_text() == "made\n"
    assert host.git("status", "--porcelain", "--untracked-files=no") == ""
    assert host.fsck() == ""


def test_the_designers_work_is_not_even_asked_about(host: HostProject) -> None:
    one = host.spawn("one")
    host.project.store.sessions.update("one", role=Role.DESIGNER)
    for action in (review, merge):
        with pytest.raises(Refused, match="already works on your branch"):
            action(host.project, one.name)


def test_no_merge_waits_for_another_session_s_own_git(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    host.commit(host.spawn("one"), "made.txt", "made\n")

    def silent(_project: Project, _session: Session) -> bool:
        with Project.open(host.source).lock("merge", deadline=0.0):
            raise DeadlineExceeded("its own git did not answer")

    monkeypatch.setattr(merging, "import_or_refuse", silent)
    with pytest.raises(DeadlineExceeded, match="its own git"):
        merge(host.project, "one")


def test_commits_that_are_not_taken_are_not_called_uncommitted(
    host: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.write(host.spawn("one"), "made.txt", "made\n")

    def refused(_project: Project, _session: Session) -> bool:
        raise RefusedCommits("its own git holds a pipe", hint="remove it")

    monkeypatch.setattr(branch_sync, "take_commits", refused)
    with pytest.raises(RefusedCommits, match="the commits of one were not imported: its own git holds a pipe"):
        merge(host.project, "one")


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
    assert host.project.store.workspace.get().landing is None
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
    host.project.store.workspace.update(landing=Landing("one", "main", new, old))
    host.git("update-ref", "refs/heads/main", new)
    merge(host.project, "two")
    assert (host.source / "one.txt").read_text() == "one\n"
    assert host.git("status", "--porcelain", "--untracked-files=no") == ""


def test_what_a_cut_off_landing_could_not_bring_is_told_once(host: HostProject) -> None:
    old = host.git("rev-parse", "main")
    one = host.spawn("one")
    new = host.commit(one, "README.md", "theirs\n")
    host.project.store.workspace.update(landing=Landing("one", "main", new, old))
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


# --- submodules ------------------------------------------------------------------------------------


def test_files_in_a_submodules_directory_are_named_with_what_to_type(host: HostProject) -> None:
    """No git adds them: "Pathspec is in submodule"."""
    lib = host.place / "lib"
    host.git("init", "--quiet", str(lib))
    host.commit(lib, "code", "code\n")
    host.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib), "vendor/lib")
    host.git("commit", "--quiet", "-m", "lib")
    one = host.spawn("one")
    host.commit(one, "made.txt", "made\n")
    file = host.write(one, "vendor/lib/sub/mine.c", "mine\n")
    with pytest.raises(Refused, match=r"in the submodule vendor/lib.*: vendor/lib/sub/mine\.c") as caught:
        merge(host.project, "one")
    assert "out of vendor/lib" in caught.value.hint
    file.rename(one.worktree / "mine.c")
    with pytest.raises(Refused, match=r"uncommitted changes: mine\.c"):
        merge(host.project, "one")


def test_a_failed_check_is_known_until_one_passes_or_the_work_is_merged(host: HostProject) -> None:
    one, two = host.spawn("one"), host.spawn("two")
    for session in (one, two):
        host.commit(session, f"{session.name}.txt", "made\n")
    checks = FailedChecks(host.project.store)
    assert checks.now() == frozenset()
    for session in (one, two):
        with pytest.raises(CheckFailed):
            merge(host.project, session.name, check="false")
    assert checks.now() == {one.id, two.id}
    host.write(host.source, "one.txt", "in the way\n")
    with pytest.raises(Refused, match="in the way"):
        merge(host.project, "one", check="true")
    assert checks.now() == {two.id}
    merge(host.project, "two", check="")
    assert checks.now() == FailedChecks(host.project.store).now() == frozenset()
