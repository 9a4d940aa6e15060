"""What an agent may put into its private git directory, and what of it reaches the host."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestra.drivers.git import commit_import, private_dir, quarantine
from orchestra.drivers.git.quarantine import Quarantine
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.sandbox import docker_config
from orchestra.errors import CommandFailed, DeadlineExceeded, Moved, NotFound, Refused
from tests.conftest import GitCall, MakeRepository

INTO = "refs/orchestra/sessions/x"
BRANCH = "orchestra/x"


@dataclass(frozen=True)
class Side:
    """A session's two sides: the host's repository, and a plain clone that stands for the container's git."""

    repo: Repository
    host: Path
    clone: Path
    git: GitCall
    first: str

    def fetch(self, *, largest: int = 1 << 30, deadline: float = 60.0) -> str | None:
        command = ("git-upload-pack", str(self.clone / ".git"))
        return commit_import.fetch(
            self.repo, upload_pack=command, branch=BRANCH, into=INTO, largest=largest, deadline=deadline
        )

    def commit(self, path: str, text: str) -> str:
        target = self.clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        self.git(self.clone, "add", "--all")
        self.git(self.clone, "commit", "--quiet", "--message", f"Change {path}")
        return self.git(self.clone, "rev-parse", "HEAD")

    def commit_tree(self, tree: str) -> str:
        """Commit a tree object, whatever it holds, on the session's branch."""
        tip = self.git(self.clone, "commit-tree", tree, "-p", "HEAD", "-m", "Crafted")
        self.git(self.clone, "update-ref", f"refs/heads/{BRANCH}", tip)
        return tip

    def plant(self, kind: str, content: bytes) -> str:
        """Write an object that git itself would refuse to write."""
        whole = f"{kind} {len(content)}\0".encode() + content
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        place = self.clone / ".git" / "objects" / name[:2] / name[2:]
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            place.write_bytes(zlib.compress(whole))
        return name

    def plant_tree(self, *entries: tuple[str, str, str]) -> str:
        raw = b"".join(f"{mode} ".encode() + name.encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
        return self.plant("tree", raw)

    def refuse(self, match: str, **limits: float) -> Refused:
        """Expect a refusal, and that nothing at all has reached the host."""
        before = self.state()
        with pytest.raises(Refused, match=match) as caught:
            self.fetch(**limits)  # type: ignore[arg-type] # one of the two keywords
        assert self.state() == before
        return caught.value

    def state(self) -> tuple[str, list[str]]:
        objects = sorted(str(path) for path in (self.host / ".git").rglob("*"))
        return self.git(self.host, "for-each-ref"), objects


@pytest.fixture
def side(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> Side:
    host = make_repository(files={"a.txt": "a\n", "dir/b.txt": "b\n"})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(host), str(clone))
    git(clone, "switch", "--quiet", "--create", BRANCH)
    repo = Repository.open(host)
    return Side(repo, host, clone, git, git(host, "rev-parse", "HEAD"))


def test_commits_arrive_at_the_one_ref_and_nothing_else_does(side: Side) -> None:
    side.git(side.clone, "tag", "v1")
    side.git(side.clone, "update-ref", "refs/heads/main", side.commit("later.txt", "x"))
    tip = side.commit("c.txt", "c\n")
    side.git(side.clone, "tag", "-a", "-m", "t", "v2")
    assert side.fetch() == tip
    assert side.repo.refs() == {"refs/heads/main": side.first, INTO: tip}
    assert not list((side.host / ".git" / "objects").glob("tmp_*"))
    assert not (side.host / ".git" / "FETCH_HEAD").exists()


def test_a_second_fetch_takes_a_rewritten_branch_too(side: Side) -> None:
    side.commit("c.txt", "1\n")
    side.fetch()
    side.git(side.clone, "reset", "--quiet", "--hard", "main")
    tip = side.commit("c.txt", "2\n")
    assert side.fetch() == tip
    assert side.fetch() == tip


def test_few_objects_arrive_loose_and_many_as_one_pack(side: Side) -> None:
    packs = side.host / ".git" / "objects" / "pack"
    side.commit("c.txt", "c\n")
    side.fetch()
    assert not list(packs.glob("*.pack"))
    for number in range(120):
        (side.clone / f"many-{number}").write_text(str(number))
    tip = side.commit("last", "x")
    assert side.fetch() == tip
    assert len(list(packs.glob("*.pack"))) == 1
    side.git(side.host, "fsck", "--strict")


def test_a_branch_that_is_not_there_is_no_error(side: Side) -> None:
    side.git(side.clone, "switch", "--quiet", "main")
    side.git(side.clone, "branch", "--quiet", "-D", BRANCH)
    assert side.fetch() is None


def test_a_container_that_does_not_answer_is_an_error_with_a_hint(side: Side) -> None:
    with pytest.raises(CommandFailed) as caught:
        commit_import.fetch(side.repo, upload_pack=("false",), branch=BRANCH, into=INTO)
    assert "container" in caught.value.hint
    assert BRANCH in caught.value.message


def test_a_container_that_never_ends_is_cut_off(side: Side) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        commit_import.fetch(side.repo, upload_pack=("sleep", "60"), branch=BRANCH, into=INTO, deadline=0.5)
    assert (
        caught.value.message
        == f"the commits of {BRANCH} cannot be fetched: git in its container did not answer within 0.5 s"
    )
    assert "docker" in caught.value.hint
    assert not list((side.host / ".git" / "objects").glob("tmp_*"))


def test_a_fetch_obeys_no_setting_in_the_home_of_the_agent(side: Side, tmp_path: Path) -> None:
    """The container's end runs with these variables; `git config --global` there could name a program."""
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\nsleep 60\n")
    hook.chmod(0o755)
    home = tmp_path / "agent"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[uploadpack]\n\tpackObjectsHook = {hook}\n")
    tip = side.commit("new.txt", "x\n")
    careless = ("env", f"HOME={home}", f"GIT_CONFIG_GLOBAL={home}/.gitconfig")
    served = ("git-upload-pack", str(side.clone / ".git"))
    with pytest.raises(DeadlineExceeded):
        commit_import.fetch(side.repo, upload_pack=(*careless, *served), branch=BRANCH, into=INTO, deadline=8)
    (tmp_path / "canary").unlink()
    asked = ("env", *(word for word in docker_config.NO_GIT_SETTINGS if word != "--env"))
    assert commit_import.fetch(side.repo, upload_pack=(*careless, *asked, *served), branch=BRANCH, into=INTO) == tip
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["a b", "100%", "%s %S %G x", "quo\"te'", "Ünï", "$(touch oops)", "new\nline", "%"])
def test_any_path_survives_the_transport_and_no_shell_sees_it(side: Side, tmp_path: Path, name: str) -> None:
    tip = side.commit("c.txt", "c\n")
    moved = tmp_path / "odd" / name
    moved.parent.mkdir()
    side.clone.rename(moved)
    command = ("git-upload-pack", str(moved / ".git"))
    assert commit_import.fetch(side.repo, upload_pack=command, branch=BRANCH, into=INTO) == tip
    assert not list(tmp_path.rglob("oops"))


def test_an_empty_word_is_refused_before_anything_runs() -> None:
    with pytest.raises(Refused):
        commit_import.quoted(("docker", "", "x"))


def test_hostile_configuration_and_hooks_on_either_side_run_nothing_on_the_host(side: Side, tmp_path: Path) -> None:
    """The person's own settings count for nothing in quarantine, so no rewritten address or program either."""
    canary = tmp_path / "canary"
    touch = f"touch {canary}"
    for where in (side.host, side.clone):
        hooks = where / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        for name in ("reference-transaction", "post-checkout", "pre-auto-gc", "post-rewrite", "post-index-change"):
            (hooks / name).write_text(f"#!/bin/sh\n{touch}\n")
            (hooks / name).chmod(0o755)
    side.git(side.clone, "config", "uploadpack.packObjectsHook", touch)
    side.git(side.host, "config", "core.fsmonitor", touch)
    side.git(side.host, "config", "core.sshCommand", touch)
    side.git(side.host, "config", "url.ext::false.insteadOf", "ext::git-upload-pack")
    side.git(side.host, "config", "core.alternateRefsCommand", touch)
    canary.unlink(missing_ok=True)
    (side.clone / ".git" / "hooks").rename(side.clone / ".git" / "quiet")
    tip = side.commit("c.txt", "c\n")
    (side.clone / ".git" / "quiet").rename(side.clone / ".git" / "hooks")
    canary.unlink(missing_ok=True)
    assert side.fetch() == tip
    assert not canary.exists()


def test_a_repository_inside_the_repository_is_refused_by_name(side: Side) -> None:
    side.git(side.clone, "update-index", "--add", "--cacheinfo", f"160000,{side.first},vendor/evil lib")
    side.git(side.clone, "commit", "--quiet", "-m", "Add a gitlink")
    error = side.refuse("vendor/evil lib")
    assert "git rm --cached" in error.hint


def test_a_gitlink_that_a_later_commit_removes_is_refused_too(side: Side) -> None:
    side.git(side.clone, "update-index", "--add", "--cacheinfo", f"160000,{side.first},evil")
    side.git(side.clone, "commit", "--quiet", "-m", "Add")
    side.git(side.clone, "rm", "--quiet", "--cached", "evil")
    side.git(side.clone, "commit", "--quiet", "-m", "Remove")
    side.refuse("evil")


def test_a_gitlink_that_hides_in_a_merge_is_refused(side: Side) -> None:
    ours = side.commit("ours", "1")
    side.git(side.clone, "switch", "--quiet", "--detach", side.first)
    theirs = side.commit("theirs", "2")
    side.git(side.clone, "switch", "--quiet", BRANCH)
    side.git(side.clone, "update-index", "--add", "--cacheinfo", f"160000,{side.first},evil")
    tree = side.git(side.clone, "write-tree")
    tip = side.git(side.clone, "commit-tree", tree, "-p", ours, "-p", theirs, "-m", "Merge")
    side.git(side.clone, "update-ref", f"refs/heads/{BRANCH}", tip)
    side.refuse("evil")


def test_a_gitlink_in_a_root_commit_is_refused(side: Side) -> None:
    tree = side.plant_tree(("160000", "evil", side.first))
    tip = side.git(side.clone, "commit-tree", tree, "-m", "Root")
    side.git(side.clone, "update-ref", f"refs/heads/{BRANCH}", tip)
    side.refuse("evil")


def test_gitmodules_cannot_hide_a_gitlink(side: Side) -> None:
    (side.clone / ".gitmodules").write_text('[submodule "evil"]\n\tpath = evil\n\turl = ../x\n\tignore = all\n')
    side.git(side.clone, "add", ".gitmodules")
    side.git(side.clone, "update-index", "--add", "--cacheinfo", f"160000,{side.first},evil")
    side.git(side.clone, "commit", "--quiet", "-m", "Both")
    side.refuse("evil")


def test_a_submodule_the_project_has_may_move_and_may_go(side: Side) -> None:
    for commit, path in ((side.first, "lib"), (side.first, "other")):
        side.git(side.host, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    side.git(side.host, "commit", "--quiet", "-m", "Submodules")
    side.git(side.clone, "pull", "--quiet", "origin", "main")
    moved = side.git(side.clone, "rev-parse", "HEAD")
    side.git(side.clone, "update-index", "--cacheinfo", f"160000,{moved},lib")
    side.git(side.clone, "rm", "--quiet", "--cached", "other")
    side.git(side.clone, "commit", "--quiet", "-m", "Move")
    assert side.fetch() == side.git(side.clone, "rev-parse", "HEAD")


BadTree = Callable[[Side, str], str]
_BAD_TREES: dict[str, BadTree] = {
    "dot git": lambda side, blob: side.plant_tree(("100644", ".git", blob)),
    "upper case": lambda side, blob: side.plant_tree(("100644", ".GIT", blob)),
    "windows short name": lambda side, blob: side.plant_tree(("100644", "GIT~1", blob)),
    "windows trailing dot": lambda side, blob: side.plant_tree(("100644", ".git.", blob)),
    "macos ignorable character": lambda side, blob: side.plant_tree(("100644", ".g\u200cit", blob)),
    "parent directory": lambda side, blob: side.plant_tree(("100644", "..", blob)),
    "slash in a name": lambda side, blob: side.plant_tree(("100644", "../oops", blob)),
    "empty name": lambda side, blob: side.plant_tree(("100644", "", blob)),
    "twice the same name": lambda side, blob: side.plant_tree(("100644", "x", blob), ("100644", "x", blob)),
    "out of order": lambda side, blob: side.plant_tree(("100644", "b", blob), ("100644", "a", blob)),
    "odd mode": lambda side, blob: side.plant_tree(("0100644", "a", blob)),
    "gitmodules as a link": lambda side, blob: side.plant_tree(("120000", ".gitmodules", blob)),
    "gitmodules that runs": lambda side, _: side.plant_tree(
        ("100644", ".gitmodules", side.plant("blob", b'[submodule "x"]\n\tpath = x\n\turl = -u./oops\n'))
    ),
    "gitmodules that updates by command": lambda side, _: side.plant_tree(
        ("100644", ".gitmodules", side.plant("blob", b'[submodule "x"]\n\tpath = x\n\tupdate = !touch oops\n'))
    ),
    "gitmodules that escapes": lambda side, _: side.plant_tree(
        ("100644", ".gitmodules", side.plant("blob", b'[submodule "../../x"]\n\tpath = x\n\turl = y\n'))
    ),
}


@pytest.mark.parametrize("kind", _BAD_TREES)
def test_malformed_trees_are_refused(side: Side, kind: str) -> None:
    side.commit_tree(_BAD_TREES[kind](side, side.plant("blob", b"content")))
    side.refuse("malformed")


def test_a_malformed_commit_is_refused(side: Side) -> None:
    tree = side.git(side.clone, "rev-parse", "HEAD^{tree}")
    tip = side.plant("commit", f"tree {tree}\nauthor nobody\ncommitter nobody\n\nx\n".encode())
    (side.clone / ".git" / "refs" / "heads" / BRANCH).write_text(f"{tip}\n")
    side.refuse("malformed")


def test_commits_whose_objects_are_missing_are_refused(side: Side) -> None:
    tip = side.commit("c.txt", "only here\n")
    blob = side.git(side.clone, "rev-parse", f"{tip}:c.txt")
    (side.clone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    before = side.state()
    with pytest.raises((Refused, CommandFailed)):
        side.fetch()
    assert side.state() == before


@pytest.mark.parametrize("expression", ["HEAD:a.txt", "HEAD^{tree}", "v1"])
def test_a_branch_that_names_no_commit_is_refused(side: Side, expression: str) -> None:
    side.git(side.clone, "tag", "-a", "-m", "t", "v1")
    other = side.git(side.clone, "rev-parse", expression)
    (side.clone / ".git" / "refs" / "heads" / BRANCH).write_text(f"{other}\n")
    before = side.state()
    with pytest.raises((Refused, CommandFailed)):
        side.fetch()
    assert side.state() == before


def test_more_than_the_limit_is_refused_and_leaves_nothing(side: Side) -> None:
    (side.clone / "big").write_bytes(os.urandom(3 << 20))
    side.git(side.clone, "add", "big")
    side.git(side.clone, "commit", "--quiet", "-m", "Big")
    side.refuse("larger than 1 MiB", largest=1 << 20)


def test_an_object_that_asks_for_too_much_memory_is_refused(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quarantine.VARIABLES["GIT_ALLOC_LIMIT"] == "1g"
    monkeypatch.setitem(quarantine.VARIABLES, "GIT_ALLOC_LIMIT", "8m")
    side.git(side.clone, "commit", "--quiet", "--allow-empty", "--file=-", stdin="many words " * (1 << 20))
    side.refuse("larger than")


def test_a_bomb_of_nothing_but_zeros_stays_as_small_as_it_came(side: Side) -> None:
    """200 MB that compress to almost nothing are not blown up on the host's disk."""
    with (side.clone / "zeros").open("wb") as file:
        file.truncate(200 << 20)
    side.git(side.clone, "add", "zeros")
    side.git(side.clone, "commit", "--quiet", "-m", "Zeros")
    assert side.fetch()
    stored = sum(path.stat().st_size for path in (side.host / ".git" / "objects").rglob("*") if path.is_file())
    assert stored < 1 << 20


def test_the_ref_that_moved_meanwhile_is_not_overwritten(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.commit("c.txt", "c\n")
    release = Quarantine.release

    def interfere(held: Quarantine) -> None:
        release(held)
        side.git(side.host, "update-ref", INTO, side.first)

    monkeypatch.setattr(Quarantine, "release", interfere)
    with pytest.raises(Moved):
        side.fetch()
    assert side.repo.refs(INTO) == {INTO: side.first}


def test_what_a_crash_leaves_is_removed_by_git_itself(side: Side) -> None:
    left = side.host / ".git" / "objects" / "tmp_objdir-orchestra-0123456789ab"
    (left / "objects" / "pack").mkdir(parents=True)
    side.git(side.host, "gc", "--quiet", "--prune=now")
    assert not left.exists()


def test_sha256_repositories_import_as_well(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    host = make_repository(init=("--object-format=sha256",))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(host), str(clone))
    git(clone, "switch", "--quiet", "--create", BRANCH)
    side = Side(Repository.open(host), host, clone, git, git(host, "rev-parse", "HEAD"))
    tip = side.commit("x", "y")
    assert len(tip) == 64
    assert side.fetch() == tip


def test_a_shallow_repository_imports_through_its_private_git(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    origin = make_repository("origin")
    for number in range(3):
        git(origin, "commit", "--quiet", "--allow-empty", "-m", str(number))
    host = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "2", f"file://{origin}", str(host))
    repo = Repository.open(host)
    first = repo.resolve("HEAD")
    target = tmp_path / "private"
    private_dir.create(target, repo, branch=BRANCH, tip=first, base=first, index=repo.git_dir / "index")
    (target / "objects" / "info" / "alternates").write_text(f"{repo.object_dirs[0]}\n")
    git(tmp_path, f"--git-dir={target}", f"--work-tree={host}", "commit", "--quiet", "--allow-empty", "-m", "New")
    tip = git(tmp_path, f"--git-dir={target}", "rev-parse", "HEAD")
    command = ("git-upload-pack", str(target))
    assert commit_import.fetch(repo, upload_pack=command, branch=BRANCH, into=INTO) == tip
    assert git(host, "rev-list", "--count", tip) == "3"


def test_an_unknown_worktree_is_no_reason_to_fail(side: Side, tmp_path: Path) -> None:
    tip = side.commit("c.txt", "c\n")
    side.fetch()
    side.repo.update_ref(f"refs/heads/{BRANCH}", side.first, None)
    with pytest.raises(NotFound):
        side.repo.worktree_git(tmp_path / "gone")
    assert commit_import.advance(side.repo, tmp_path / "gone", BRANCH, side.first, tip)
    assert not commit_import.advance(side.repo, tmp_path / "gone", BRANCH, side.first, tip)
    assert side.repo.branches()[BRANCH] == tip
