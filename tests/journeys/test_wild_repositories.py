"""Repositories as they are found in the wild: sessions work on each, or one line says why not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.person import Person, arriving, eventually

pytestmark = pytest.mark.docker

QUIET = "family: plain\ncommand: [sleep, '3600']\n"
LARGE = 10_000
"""Files of the large repository; it is checked out once and read once."""
SIGNATURE = """echo '[GNUPG:] SIG_CREATED ' >&2
printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nmine\\n-----END PGP SIGNATURE-----\\n'
"""
"""What a program that git signs with answers."""


@dataclass(frozen=True)
class Place:
    """A repository of the person's, and what a person does in it."""

    person: Person
    root: Path

    def orchestra(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository."""
        done = self.person.run(*self.person.command(*words), cwd=self.root, deadline=120)
        assert not check or done.returncode == 0, (words, done.stderr)
        return done

    def json(self, *words: str) -> Any:  # noqa: ANN401 -- JSON has no narrower type
        """Run a command with --json."""
        return json.loads(self.orchestra(*words, "--json").stdout)

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run git in the repository."""
        return self.person.git(*words, cwd=cwd or self.root)

    def commits(self, name: str, script: str, message: str = "From the container") -> str:
        """Have a session's container change something and commit it; return the commit once the host has it."""
        seen = self.json("show", name)
        words = ("docker", "exec", "--workdir", seen["worktree"], seen["container"])
        line = f"{script} && git add -A && git commit -qm '{message}' && git status --porcelain && git rev-parse HEAD"
        done = self.person.run(*words, "sh", "-ec", line)
        assert done.returncode == 0, done.stderr
        *dirty, commit = done.stdout.split("\n")[:-1]
        assert dirty == []
        branch = f"refs/heads/{seen['branch']}"
        eventually(lambda: self.git("rev-parse", branch) == commit, what=f"{branch} is at {commit}")
        return commit

    def whole_story(self, *options: str, into: str = "") -> None:
        """Up, new, a commit in the container, seen on the host, merged, deleted; the checkout is clean throughout."""
        before = self.git("status", "--porcelain")
        self.orchestra("up", "--detach")
        row = self.json("new", "Wild one", *options)
        tree = Path(row["worktree"])
        assert self.git("status", "--porcelain", cwd=tree) == ""
        commit = self.commits("wild-one", "echo made here >made.txt")
        assert self.git("status", "--porcelain", cwd=tree) == ""
        assert "made.txt" in self.orchestra("diff", "wild-one").stdout
        self.orchestra("merge", "wild-one", *(("--into", into) if into else ()))
        self.git("merge-base", "--is-ancestor", commit, into or "HEAD")
        if not into:
            assert (self.root / "made.txt").read_text() == "made here\n"
        assert self.git("status", "--porcelain") == before
        self.orchestra("delete", "wild-one", "--force", "--worktree")
        self.git("fsck", "--no-dangling", "--no-progress")

    def leaves(self) -> None:
        """End what was started here."""
        done = self.orchestra("down", "--stop", check=False)
        assert done.returncode == 0, done


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with arriving(tmp_path_factory.mktemp("wild") / "person", ORCHESTRA_AGENT="quiet") as someone:
        someone.home.agents.mkdir(parents=True)
        (someone.home.agents / "quiet.yaml").write_text(QUIET)
        someone.git("config", "--global", "protocol.file.allow", "always")
        yield someone


@pytest.fixture
def place(person: Person, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A clone of the sample repository, called after the test."""
    root = person.place / f"{request.node.name.removeprefix('test_')[:30]}-{len(list(person.place.iterdir()))}"
    person.git("clone", "--quiet", "--no-hardlinks", str(person.repository), str(root))
    made = Place(person, root)
    yield made
    made.leaves()


def refused(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    """See that a command was refused in one line, with a hint."""
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines)) == (1, 2), done.stderr
    assert [text for text in texts if text not in done.stderr] == [], done.stderr


def test_a_linked_worktree_as_the_person_s_checkout(place: Place) -> None:
    linked = place.root.with_name("linked tree")
    place.git("worktree", "add", "--quiet", "-b", "topic", str(linked))
    other = Place(place.person, linked)
    other.whole_story()
    assert place.git("log", "-1", "--format=%s", "topic").startswith("Merge orchestra/wild-one")
    assert not (place.root / "made.txt").exists()
    other.leaves()


def test_submodules(place: Place) -> None:
    """The ones there are stay as they are; an executor's worktree has theirs empty, as git's own worktrees do."""
    place.git("submodule", "--quiet", "add", str(place.person.repository), "part")
    place.git("commit", "-qm", "Add a part")
    place.whole_story()
    assert place.git("submodule", "status").startswith(" ")


def test_a_shallow_clone(place: Place) -> None:
    for number in range(3):
        place.git("commit", "-q", "--allow-empty", "-m", str(number))
    shallow = place.root.with_name("shallow")
    place.git("clone", "--quiet", "--depth", "1", f"file://{place.root}", str(shallow))
    other = Place(place.person, shallow)
    other.whole_story()
    assert other.git("rev-parse", "--is-shallow-repository") == "true"
    other.leaves()


def test_a_partial_clone_is_refused_and_the_hint_completes_it(place: Place) -> None:
    place.git("config", "uploadpack.allowFilter", "true")
    (place.root / "old.txt").write_text("old\n")
    place.git("add", "-A")
    place.git("commit", "-qm", "Old")
    (place.root / "old.txt").write_text("new\n")
    place.git("commit", "-qam", "New")
    partial = place.root.with_name("partial")
    place.git("clone", "--quiet", "--filter=blob:none", f"file://{place.root}", str(partial))
    other = Place(place.person, partial)
    done = other.orchestra("up", "--detach", check=False)
    refused(done, "is a partial clone", "git fetch --refetch")
    hint = done.stderr.partition("complete it: ")[2].strip()
    assert place.person.run("sh", "-c", hint, cwd=partial).returncode == 0
    other.whole_story()
    other.leaves()


def test_objects_borrowed_from_another_repository(place: Place) -> None:
    borrowing = place.root.with_name("borrowing it")
    place.git("clone", "--quiet", "--shared", str(place.root), str(borrowing))
    other = Place(place.person, borrowing)
    other.whole_story()
    other.leaves()


def test_filters_such_as_lfs(place: Place) -> None:
    """The person's filters run in their own checkout when they merge; in an agent's worktree none does but git-lfs."""
    ran = place.person.place / "filter-ran"
    for part in ("clean", "smudge"):
        place.git("config", f"filter.lfs.{part}", f"cat /proc/$PPID/cmdline | tr '\\0' ' ' >>{ran}; cat")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (place.root / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (place.root / "big.bin").write_text(pointer)
    place.git("add", "-A")
    place.git("commit", "-qm", "Big")
    ran.unlink()
    place.orchestra("up", "--detach")
    tree = Path(place.json("new", "Wild one")["worktree"])
    assert (tree / "big.bin").read_text() == pointer
    place.commits("wild-one", "echo more >>big.bin")
    assert "+more" in place.orchestra("diff", "wild-one").stdout
    assert not ran.exists(), ran.read_text()
    place.orchestra("merge", "wild-one")
    assert "git read-tree -m -u" in ran.read_text()
    ran.unlink()
    assert (place.root / "big.bin").read_text() == f"{pointer}more\n"
    place.orchestra("delete", "wild-one", "--force", "--worktree")
    assert not ran.exists(), ran.read_text()


@pytest.mark.parametrize("kind", ["--cone", "--no-cone"])
def test_a_sparse_checkout(place: Place, kind: str) -> None:
    """What is not checked out is not lost by a merge, and the checkout stays sparse."""
    for name in ("wanted", "unwanted"):
        (place.root / name).mkdir()
        (place.root / name / "file").write_text(name)
    place.git("add", "-A")
    place.git("commit", "-qm", "Directories")
    place.git("sparse-checkout", "set", kind, *(("wanted",) if kind == "--cone" else ("/*", "!/unwanted/")))
    place.whole_story()
    assert place.git("ls-tree", "-r", "--name-only", "HEAD", "unwanted") == "unwanted/file"
    assert not (place.root / "unwanted").exists()


def test_sha256(person: Person) -> None:
    root = person.place / "sha256"
    person.git("init", "-q", "--object-format=sha256", str(root))
    place = Place(person, root)
    place.git("commit", "-q", "--allow-empty", "-m", "First")
    place.whole_story()
    assert len(place.git("rev-parse", "HEAD")) == 64
    place.leaves()


def test_a_detached_head(place: Place) -> None:
    """Everything works but a merge that names no branch, and that says what to name."""
    place.git("checkout", "--quiet", "--detach")
    place.orchestra("up", "--detach")
    place.json("new", "Wild one")
    place.commits("wild-one", "echo 1 >made.txt")
    refused(place.orchestra("merge", "wild-one", check=False), "HEAD is detached", "--into BRANCH")
    assert place.git("status", "--porcelain") == ""
    place.orchestra("merge", "wild-one", "--into", "main")
    assert place.git("show", "main:made.txt") == "1"
    assert place.git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    place.orchestra("delete", "wild-one", "--force", "--worktree")


@pytest.mark.parametrize("branch", ["feature/with/slashes", "größe-分支-☃", "a'b\"c;d$(e)&f", "#42-{x}%"])
def test_odd_branch_names(place: Place, branch: str) -> None:
    place.git("switch", "--quiet", "--create", branch)
    place.whole_story()
    assert place.git("branch", "--show-current") == branch


def test_a_branch_where_ours_would_go(place: Place) -> None:
    """A branch called orchestra leaves no room for orchestra/…: git itself cannot have both."""
    place.git("branch", "orchestra")
    place.orchestra("up", "--detach")
    refused(place.orchestra("new", "Wild one", check=False), "there can be no branch", "git branch -m orchestra")
    assert [row["name"] for row in place.json("list")] == ["main"]
    assert len(place.git("worktree", "list").splitlines()) == 1
    place.git("branch", "-m", "orchestra", "other")
    place.orchestra("new", "Wild one")


def test_a_tracked_orchestra_directory(place: Place) -> None:
    (place.root / ".orchestra" / "specs").mkdir(parents=True)
    (place.root / ".orchestra" / "specs" / "main.md").write_text("# Plan\n")
    (place.root / ".orchestra" / "config.yaml").write_text("max_sessions: 3\n")
    place.git("add", "-A", "--force")
    place.git("commit", "-qm", "Share our settings")
    place.whole_story()


HOOKS = ("pre-commit", "commit-msg", "post-commit", "post-checkout", "post-merge", "pre-merge-commit", "pre-rebase",
         "reference-transaction", "post-index-change", "post-rewrite", "pre-auto-gc")  # fmt: skip


@pytest.mark.parametrize("where", [".git/hooks", ".githooks"])
def test_the_person_s_hooks_run_for_the_person_alone(place: Place, where: str) -> None:
    """None runs for what orchestra does, and a commit inside a container is not stopped by one on the host."""
    ran = place.person.place / f"hook-ran-{place.root.name}"
    if where == ".githooks":
        place.git("config", "core.hooksPath", where)
        (place.root / ".git" / "info" / "exclude").write_text("/.githooks/\n")
    for name in HOOKS:
        hook = place.root / where / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {name} >>'{ran}'\nexit 1\n")
        hook.chmod(0o755)
    place.orchestra("up", "--detach")
    place.json("new", "Wild one")
    commit = place.commits("wild-one", "echo made here >made.txt")
    place.orchestra("merge", "wild-one")
    place.orchestra("delete", "wild-one", "--force", "--worktree")
    place.orchestra("restore", "wild-one")
    place.orchestra("delete", "wild-one", "--force", "--worktree")
    assert not ran.exists(), ran.read_text()
    assert (place.root / "made.txt").exists()
    assert commit in place.git("rev-list", "HEAD")
    done = place.person.run("git", "commit", "-q", "--allow-empty", "-m", "By hand", cwd=place.root)
    assert (done.returncode, ran.exists()) == (1, True)


def test_a_person_who_signs_commits(place: Place) -> None:
    """The merge is signed as theirs are, and with their key nothing else is: no agent's commit, no anchor."""
    signed = place.person.place / "signed"
    program = place.person.place / "gpg"
    program.write_text(f"#!/bin/sh\ncat >>'{signed}'\n{SIGNATURE}")
    program.chmod(0o755)
    for key, value in (("commit.gpgSign", "true"), ("tag.gpgSign", "true"), ("gpg.program", str(program))):
        place.git("config", key, value)
    place.whole_story()
    assert "-----BEGIN PGP SIGNATURE-----" in place.git("cat-file", "commit", "HEAD")
    assert signed.read_text().count("tree ") == 1


def test_a_person_without_a_name(place: Place) -> None:
    """Commits get a name made up from the login, and nobody is asked."""
    place.git("config", "--global", "--rename-section", "user", "nobody")
    try:
        place.whole_story()
    finally:
        place.git("config", "--global", "--rename-section", "nobody", "user")
    assert "Test Person" not in place.git("log", "-2", "--format=%an %cn")


def test_files_in_a_container_belong_to_whoever_started_it(place: Place) -> None:
    """To root too, where root starts it: nothing is left that its owner cannot delete."""
    place.orchestra("up", "--detach")
    tree = Path(place.json("new", "Wild one")["worktree"])
    place.commits("wild-one", "mkdir sub && echo 1 >sub/made.txt")
    assert {path.lstat().st_uid for path in (tree, *tree.rglob("*"))} == {os.getuid()}
    place.orchestra("delete", "wild-one", "--force", "--worktree")
    assert not tree.exists()


def test_a_large_repository(person: Person) -> None:
    root = person.place / "large"
    person.git("init", "-q", str(root))
    place = Place(person, root)
    for number in range(LARGE // 100):
        (root / f"d{number}").mkdir()
        for name in range(100):
            (root / f"d{number}" / f"f{name}").write_text(f"{number} {name}\n")
    place.git("add", "-A")
    place.git("commit", "-qm", "Many")
    place.orchestra("up", "--detach")
    tree = Path(place.json("new", "Wild one")["worktree"])
    (tree / "d0/f0").write_text("changed\n")
    assert place.orchestra("diff", "wild-one", "--stat").stdout.startswith("1 file changed")
    place.orchestra("delete", "wild-one", "--force", "--worktree")
    place.leaves()
