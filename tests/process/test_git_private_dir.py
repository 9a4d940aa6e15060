"""The private git directory, used by a real git inside a real container with the mounts that sessions have."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from git import Repo as GitPython

from orchestra.drivers.git import commit_import, private_dir
from orchestra.drivers.git.repository import Repository
from tests.conftest import GitCall, MakeRepository

BRANCH = "orchestra/x"
INTO = "refs/orchestra/sessions/x"


@dataclass(frozen=True)
class Box:
    """A running container with a worktree, its private git directory and the host's objects."""

    name: str
    worktree: Path
    private: Path

    def sh(self, script: str) -> str:
        """Run a shell script in the worktree, strictly: a word on the error output fails the test too."""
        done = subprocess.run(
            ("docker", "exec", self.name, "sh", "-ec", script), capture_output=True, check=False, timeout=60, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.strip()

    @property
    def upload_pack(self) -> tuple[str, ...]:
        return ("docker", "exec", "-i", self.name, "git-upload-pack", str(self.private))


def mounts(repo: Repository, worktree: Path, private: Path, pointer: Path | None) -> list[str]:
    pairs = [(worktree, str(worktree), "")]
    if pointer is None:
        pairs.append((private, f"{worktree}/.git", ""))
    else:
        pairs += [(pointer, f"{worktree}/.git", ",readonly"), (private, str(private), "")]
    pairs += [(place, target, ",readonly") for place, target in private_dir.container_objects(repo)]
    return [f"--mount=type=bind,src={source},dst={target}{mode}" for source, target, mode in pairs]


def test_programs_that_read_git_without_git_find_the_branches(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    """GitPython is one, and agents are built on it."""
    source = make_repository()
    git(source, "branch", BRANCH)
    git(source, "tag", "--annotate", "--message", "x", "v1")
    repo = Repository.open(source)
    tip = repo.resolve(f"refs/heads/{BRANCH}")
    private_dir.create(tmp_path / "git", repo, branch=BRANCH, tip=tip, base=tip, index=None)
    seen = GitPython(tmp_path / "git")
    assert seen.head.reference.name == BRANCH
    assert {one.name for one in seen.heads} == {BRANCH, "main"}
    assert [one.name for one in seen.tags] == ["v1"]
    seen.close()


class Boxes:
    """Containers of one test, removed at its end."""

    def __init__(self, image: str, place: Path) -> None:
        self.image = image
        self.place = place
        self.names: list[str] = []

    def start(self, repo: Repository, worktree: Path, *, branch: str = BRANCH, as_directory: bool = False) -> Box:
        private, pointer = self.place / "ST" / "git", self.place / "ST" / "dotgit"
        private.parent.mkdir()
        checkout = repo.worktree_git(worktree)
        tip = repo.resolve(f"refs/heads/{branch}")
        private_dir.create(private, repo, branch=branch, tip=tip, base=tip, index=checkout.git_dir / "index")
        pointer.write_text(private_dir.pointer_text(str(private)))
        name = f"orchestra-test-git-{uuid4().hex[:8]}"
        self.names.append(name)
        home = self.place / "agent home"
        home.mkdir()
        command = (
            *("docker", "run", "--detach", "--name", name, "--init", "--cap-drop", "ALL", "--network", "none"),
            *("--security-opt", "no-new-privileges", "--user", f"{os.getuid()}:{os.getgid()}"),
            *("--env", "HOME=/home/agent", f"--mount=type=bind,src={home},dst=/home/agent"),
            *mounts(repo, worktree, private, None if as_directory else pointer),
            *("--workdir", str(worktree), self.image, "sleep", "300"),
        )
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return Box(name, worktree, worktree / ".git" if as_directory else private)

    def remove(self) -> None:
        for name in self.names:
            subprocess.run(("docker", "rm", "--force", name), check=True, capture_output=True, timeout=60)


@pytest.fixture
def boxes(git_image: str, tmp_path: Path) -> Iterator[Boxes]:
    made = Boxes(git_image, tmp_path)
    yield made
    made.remove()


def started(boxes: Boxes, root: Path) -> tuple[Repository, Box]:
    repo = Repository.open(root)
    worktree = boxes.place / "worktrees" / "ünï space"
    repo.add_worktree(worktree, BRANCH, "HEAD")
    return repo, boxes.start(repo, worktree)


def make_history(make_repository: MakeRepository, git: GitCall) -> Path:
    root = make_repository(files={"a.txt": "1\n", "dir/b.txt": "b\n", "new\nline": "x"})
    git(root, "tag", "-a", "-m", "One", "v1")
    for number in (2, 3):
        (root / "a.txt").write_text(f"{number}\n")
        git(root, "commit", "--quiet", "--all", "-m", f"Commit {number}")
    return root


WORK = """
test -z "$(git status --porcelain)"
git log --oneline main | wc -l
git describe
echo mine >> dir/b.txt; echo new > new.txt
git diff --stat | tail -1
git stash -q -u && test -z "$(git status --porcelain)" && git stash pop -q
git add . && git commit -q -m 'Work'
git switch -q -c aside HEAD~1 && echo x > x && git add x && git commit -q -m 'ScratchProject'
git switch -q orchestra/x && git rebase -q aside && git branch -q -d aside
git commit -q --amend -m 'Work, amended'
git log -1 --format='%an <%ae> %s'
git fsck --no-progress --no-dangling
git gc -q --prune=now 2>&1
git status --porcelain --branch
"""


@pytest.mark.docker
def test_everyday_git_just_works_and_its_commits_come_home(
    boxes: Boxes, make_repository: MakeRepository, git: GitCall
) -> None:
    root = make_history(make_repository, git)
    repo, box = started(boxes, root)
    before = repo.refs()
    assert box.sh(WORK).splitlines() == [
        "3",
        "v1-2-" + "g" + repo.resolve("HEAD")[:7],
        " 1 file changed, 1 insertion(+)",
        "Test Person <person@example.invalid> Work, amended",
        "## orchestra/x",
    ]
    tip = commit_import.fetch(repo, upload_pack=box.upload_pack, branch=BRANCH, into=INTO)
    assert tip == box.sh("git rev-parse HEAD")
    old = repo.branches()[BRANCH]
    assert commit_import.advance(repo, box.worktree, BRANCH, old, tip)
    assert git(box.worktree, "status", "--porcelain") == ""
    assert repo.count("main", BRANCH) == 2
    assert repo.refs() == before | {INTO: tip, f"refs/heads/{BRANCH}": tip}


@pytest.mark.docker
def test_the_first_status_reads_no_file(boxes: Boxes, make_repository: MakeRepository, git: GitCall) -> None:
    """The index that came along says which files are unchanged, by times and inode numbers that hold inside too."""
    _, box = started(boxes, make_history(make_repository, git))
    assert box.sh("git diff-files") == ""


@pytest.mark.docker
def test_the_pointer_cannot_be_moved_or_rewritten(boxes: Boxes, make_repository: MakeRepository, git: GitCall) -> None:
    root = make_history(make_repository, git)
    _, box = started(boxes, root)
    attempts = ("rm .git", "mv .git x", "echo gitdir: /tmp > .git", "ln -sf /tmp .git", "umount .git")
    for attempt in (*attempts, "touch /orchestra/objects/x", f"ls {root}/.git"):
        assert box.sh(f"if ( {attempt} ) 2>/dev/null; then echo done; else echo no; fi") == "no"


@pytest.mark.docker
def test_the_designers_git_lies_over_the_real_one(boxes: Boxes, make_repository: MakeRepository, git: GitCall) -> None:
    root = make_history(make_repository, git)
    (root / "a.txt").write_text("staged by the person\n")
    git(root, "add", "a.txt")
    repo = Repository.open(root)
    box = boxes.start(repo, root, branch="main", as_directory=True)
    assert box.sh("git status --porcelain") == "M  a.txt"
    box.sh("echo d > d; git add d; git commit -q -m D -- d")
    tip = commit_import.fetch(repo, upload_pack=box.upload_pack, branch="main", into=INTO)
    assert tip is not None
    commit_import.follow_designer(repo, "main", repo.resolve("main"), tip)
    assert git(root, "status", "--porcelain") == "M  a.txt"
    assert git(root, "log", "-1", "--format=%s") == "D"


@pytest.mark.docker
def test_alternates_sha256_and_sparse_checkouts_work_inside(
    boxes: Boxes, make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    first = make_repository("first", {"in/a": "a", "out/b": "b"}, init=("--object-format=sha256",))
    second, third = tmp_path / "second", tmp_path / "third"
    git(tmp_path, "clone", "--quiet", "--shared", str(first), str(second))
    (second / ".git/objects/info/alternates").write_text("../../../first/.git/objects\n")
    (second / "in" / "a").write_text("second\n")
    git(second, "commit", "--quiet", "--all", "-m", "Second")
    git(tmp_path, "clone", "--quiet", "--shared", str(second), str(third))
    git(third, "sparse-checkout", "set", "in")
    repo, box = started(boxes, third)
    assert box.sh("git status --porcelain; git log --oneline | wc -l; ls; git show HEAD:out/b; echo; git fsck") == (
        "2\nin\nb"
    )
    box.sh("echo more >> in/a; git commit -q -a -m More")
    tip = commit_import.fetch(repo, upload_pack=box.upload_pack, branch=BRANCH, into=INTO)
    assert tip is not None
    assert len(tip) == 64
    commit_import.advance(repo, box.worktree, BRANCH, repo.branches()[BRANCH], tip)
    assert git(box.worktree, "status", "--porcelain") == ""


@pytest.mark.docker
def test_a_shallow_repository_works_inside(
    boxes: Boxes, make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    origin = make_history(make_repository, git)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "2", f"file://{origin}", str(shallow))
    repo, box = started(boxes, shallow)
    assert box.sh("git log --oneline | wc -l; git status --porcelain; git fsck") == "2"
    box.sh("git commit -q --allow-empty -m More")
    tip = commit_import.fetch(repo, upload_pack=box.upload_pack, branch=BRANCH, into=INTO)
    assert tip == box.sh("git rev-parse HEAD")


def test_one_that_exists_is_never_written_again(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    repo = Repository.open(make_history(make_repository, git))
    tip = repo.resolve("HEAD")
    target = tmp_path / "ST" / "git"
    (target.parent / ".git.dead" / "refs").mkdir(parents=True)
    private_dir.create(target, repo, branch=BRANCH, tip=tip, base=tip, index=None)
    (target / "work").touch()
    private_dir.create(target, repo, branch="other", tip=tip, base=tip, index=None)
    assert (target / "work").exists()
    assert (target / "HEAD").read_text() == f"ref: refs/heads/{BRANCH}\n"
    assert [path.name for path in target.parent.iterdir()] == ["git"]


def test_one_that_was_cut_short_is_completed_where_it_lies(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    """A container may look at the directory already, and what is in it may be there nowhere else."""
    repo = Repository.open(make_history(make_repository, git))
    tip = repo.resolve("HEAD")
    target = tmp_path / "git"
    (target / "objects/ab").mkdir(parents=True)
    (target / "objects/ab/cd").write_text("kept")
    seen = target.stat().st_ino
    private_dir.create(target, repo, branch=BRANCH, tip=tip, base=tip, index=None)
    assert (target / "objects/ab/cd").read_text() == "kept"
    assert (target / "HEAD").read_text() == f"ref: refs/heads/{BRANCH}\n"
    assert f"{tip} refs/heads/{BRANCH}\n" in (target / "packed-refs").read_text()
    assert target.stat().st_ino == seen
    assert [path.name for path in tmp_path.glob(".git.*")] == []


def test_settings_and_ignore_lists_come_along_without_programs(
    make_repository: MakeRepository, git: GitCall, home: Path, tmp_path: Path
) -> None:
    root = make_repository()
    odd = 'O"Neil \\ \t; # x'
    git(root, "config", "user.name", odd)
    git(root, "config", "core.autocrlf", "input")
    git(root, "config", "filter.lfs.clean", "evil")
    git(root, "config", "alias.st", "!evil")
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/ignore").write_text("*.swp")
    (root / ".git/info/exclude").write_text("/.orchestra/\n")
    repo = Repository.open(root)
    tip = repo.resolve("HEAD")
    private_dir.create(tmp_path / "p", repo, branch=BRANCH, tip=tip, base=tip, index=None)
    assert git(tmp_path, "--git-dir=p", "config", "user.name") == odd
    assert git(tmp_path, "--git-dir=p", "config", "core.autocrlf") == "input"
    assert "evil" not in (tmp_path / "p" / "config").read_text()
    assert (tmp_path / "p/info/exclude").read_text().split() == ["*.swp", "/.orchestra/"]


def test_a_split_index_is_copied_whole(make_repository: MakeRepository, git: GitCall, tmp_path: Path) -> None:
    root = make_repository(files={"a": "a", "b": "b"})
    git(root, "update-index", "--split-index")
    (root / "a").write_text("A")
    git(root, "add", "a")
    repo = Repository.open(root)
    tip = repo.resolve("HEAD")
    private_dir.create(tmp_path / "p", repo, branch="main", tip=tip, base=tip, index=root / ".git/index")
    (tmp_path / "p/objects/info/alternates").write_text(f"{repo.object_dirs[0]}\n")
    assert git(tmp_path, "--git-dir=p", f"--work-tree={root}", "status", "--porcelain") == "M  a"


def test_a_checked_out_submodule_whose_git_is_not_there_stops_no_git(
    make_repository: MakeRepository, git: GitCall, tmp_path: Path
) -> None:
    """Where the container shows the checkout, the submodule's pointer leads into the host's own git directory."""
    library, root = make_repository("library"), make_repository("project")
    git(root, "submodule", "--quiet", "add", str(library), "vendor/lib")
    git(root, "commit", "--quiet", "--message", "Add the library")
    repo = Repository.open(root)
    tip, branch = repo.head()
    private = tmp_path / "private"
    private_dir.create(private, repo, branch=branch, tip=tip, base=tip, index=repo.git_dir / "index")
    objects = private / "objects" / "info" / "alternates"
    objects.write_text(f"{root}/hidden/objects\n")
    (root / ".git").rename(root / "hidden")
    (root / ".gitignore").write_text("hidden\n")
    private.rename(root / ".git")
    assert git(root, "status", "--porcelain") == "?? .gitignore"
    for words in (
        ("add", "--all"),
        ("stash", "--quiet"),
        ("reset", "--quiet"),
        ("commit", "--allow-empty", "-aqm", "x"),
    ):
        git(root, *words)
    assert git(root, "ls-files", "-v", "vendor").startswith("h ")
    git(root, "fsck", "--strict")
