"""Whatever an agent's own git holds is kept in the repository, and given back to a new one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestra.drivers.git import anchors, private_dir, private_refs
from orchestra.drivers.git.repository import Repository
from orchestra.errors import Refused
from tests.conftest import GitCall, MakeRepository

PREFIX = "refs/orchestra/trash/x/git-2-20260301T120000.000000Z/"
BRANCH = "orchestra/x"


@dataclass(frozen=True)
class Sides:
    """The project's repository, and a plain clone that stands for the container's git."""

    repo: Repository
    clone: Path
    git: GitCall

    def __call__(self, *args: str) -> str:
        return self.git(self.clone, *args)

    def commit(self, text: str) -> str:
        (self.clone / "work.txt").write_text(text)
        self("add", "--all")
        self("commit", "--quiet", "--message", text)
        return self("rev-parse", "HEAD")

    def stash(self, text: str) -> str:
        (self.clone / "README.md").write_text(text)
        self("stash", "push", "--quiet", "--message", text)
        return self("rev-parse", "refs/stash")

    def keep(self) -> dict[str, str]:
        command = ("git", "-c", "uploadpack.allowAnySHA1InWant=true", "upload-pack", str(self.clone / ".git"))
        made = private_refs.keep(self.repo, self.clone / ".git", upload_pack=command, prefix=PREFIX)
        found = {name.removeprefix(PREFIX): tip for name, tip in self.repo.refs(PREFIX).items()}
        assert sorted(found) == sorted(name.removeprefix(PREFIX) for name in made)
        return found


@pytest.fixture
def sides(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> Sides:
    host = make_repository()
    git(host, "branch", BRANCH)
    git(host, "tag", "v1")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(host), str(clone))
    git(clone, "switch", "--quiet", "--create", BRANCH, f"origin/{BRANCH}")
    return Sides(Repository.open(host), clone, git)


def test_what_the_repository_has_already_is_not_kept_again(sides: Sides) -> None:
    assert sides.keep() == {}


def test_branches_tags_stashes_and_a_detached_head_are_kept(sides: Sides) -> None:
    sides("switch", "--quiet", "--create", "experiment")
    experiment = sides.commit("an experiment")
    sides("tag", "--annotate", "--message", "two", "v2")
    stashes = [sides.stash(f"stash {number}") for number in range(3)]
    sides("switch", "--quiet", "--detach")
    detached = sides.commit("on no branch")
    found = sides.keep()
    assert found == {
        "HEAD": detached,
        "heads/experiment": experiment,
        "tags/v2": sides("rev-parse", "v2"),
        "stash": stashes[2],
        "stashes/1": stashes[1],
        "stashes/2": stashes[0],
    }
    for one in found.values():
        sides.git(sides.repo.root, "cat-file", "-e", one)


def test_a_new_private_git_is_given_all_of_it(sides: Sides, tmp_path: Path) -> None:
    refused = sides.commit("what the import refuses")
    sides("switch", "--quiet", "--create", "experiment")
    experiment = sides.commit("an experiment")
    stashes = [sides.stash(f"stash {number}") for number in range(3)]
    sides.keep()
    tip = sides.repo.resolve(f"refs/heads/{BRANCH}")
    place = tmp_path / "git"
    extras = private_refs.kept(sides.repo, PREFIX, BRANCH)
    private_dir.create(place, sides.repo, branch=BRANCH, tip=tip, base=tip, index=None, extras=extras)
    (place / "objects/info/alternates").write_text(f"{sides.repo.object_dirs[0]}\n")
    assert sides.git(place, "rev-parse", "experiment", BRANCH, f"kept-{refused[:8]}").split() == [
        experiment, tip, refused,
    ]  # fmt: skip
    listed = sides.git(place, "log", "--walk-reflogs", "--format=%H %gs", "refs/stash").splitlines()
    assert [one.split()[0] for one in listed] == stashes[::-1]
    assert "stash 2" in listed[0]
    sides.git(place, "fsck", "--no-dangling")


def test_commits_that_the_import_refuses_are_kept_all_the_same(sides: Sides) -> None:
    sides.git(sides.clone, "init", "--quiet", "nested")
    sides.git(sides.clone / "nested", "commit", "--quiet", "--allow-empty", "--message", "nested")
    refused = sides.commit("with a repository in it")
    assert sides.keep() == {f"heads/{BRANCH}": refused}


def test_too_many_refs_are_refused_and_nothing_is_kept(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_refs, "MOST_REFS", 3)
    for number in range(4):
        sides("switch", "--quiet", "--create", f"branch-{number}")
        sides.commit(f"commit {number}")
    with pytest.raises(Refused, match="4 refs that are nowhere else"):
        sides.keep()
    assert sides.repo.refs(PREFIX) == {}


def test_a_log_of_stashes_that_lies_keeps_the_rest_from_being_taken_for_kept(sides: Sides) -> None:
    sides.stash("real")
    log = sides.clone / ".git/logs/refs/stash"
    log.write_text(f"{'0' * 40} {'1' * 40} A <a> 0 +0000\tfake\n{log.read_text()}")
    with pytest.raises(Exception, match="cannot be fetched"):
        sides.keep()
    log.write_text("x y z\n../../etc/passwd\n" + log.read_text().splitlines()[-1] + "\n")
    assert "stash" in sides.keep()


def test_an_unborn_head_keeps_nothing_from_being_kept(sides: Sides) -> None:
    sides("switch", "--quiet", "--create", "experiment")
    experiment = sides.commit("an experiment")
    sides("symbolic-ref", "HEAD", "refs/heads/unborn")
    assert sides.keep() == {"heads/experiment": experiment}


def test_a_branch_that_is_called_like_an_anchor_is_none(sides: Sides) -> None:
    sides("switch", "--quiet", "--create", "20990301T120000.000000Z")
    sides.commit("trap")
    assert "heads/20990301T120000.000000Z" in sides.keep()
    assert anchors.anchors(sides.repo, "x") == []
    assert anchors.anchors(sides.repo) == []


def test_a_pipe_in_a_private_git_is_named_before_git_waits_for_it(tmp_path: Path) -> None:
    for place in ("refs/heads", "objects/ab"):
        (tmp_path / place).mkdir(parents=True)
    private_dir.refuse_pipes(tmp_path)
    private_dir.refuse_pipes(tmp_path / "nothing")
    for name in ("refs/heads/x", "objects/ab/cd", "commondir"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(Refused, match=f"the pipe {name}") as caught:
            private_dir.refuse_pipes(tmp_path)
        assert caught.value.hint == f"in its terminal: rm '{tmp_path / name}'"
        (tmp_path / name).unlink()
