"""What an agent could leave in its worktree to make a look at it wait, fill the disk or the memory, or miss work."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.drivers import temporary
from orchestra.drivers.git import anchors, commit_import, merge_trees, worktree_diff, worktree_snapshot
from orchestra.drivers.git.repository import Repository
from orchestra.errors import DeadlineExceeded, Refused
from orchestra.model import DiffStat
from tests.support.git_traps import Scene
from tests.support.repositories import Yard
from tests.support.tmux import until


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    yard = Yard.make(tmp_path, monkeypatch)
    base, tree = yard.tip, yard.worktree("agent")
    yard.write({"app.py": "one\nchanged\nthree\n", "sub/new.txt": "new\n"}, at=tree)
    return Scene(yard, tree, base)


def repo(scene: Scene) -> Repository:
    return replace(scene.yard.repository, scratch=scene.yard.place / "scratch")


def files_of(scene: Scene, commit: str) -> list[str]:
    return scene.yard.git("ls-tree", "-r", "--name-only", "-z", commit).removesuffix("\0").split("\0")


# --- what git would wait for -------------------------------------------------------------------

PIPES = (
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    "sub/.gitignore",
    "sub/.gitattributes",
    "inner/.git/HEAD",
    "inner/.git/config",
    "inner/.git/commondir",
    "inner/.git",
    "docs/.gitattributes",
    "docs/.git/HEAD",
    "app.py",
)


@pytest.mark.parametrize("name", PIPES)
def test_a_named_pipe_of_any_name_keeps_nobody_waiting(scene: Scene, name: str) -> None:
    place = scene.tree / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    (scene.tree / "run.sh").touch()
    cache = scene.yard.place / "cache"
    for _ in range(2):
        assert worktree_diff.stat(repo(scene), scene.tree, scene.base, cache=cache).files == 2
    assert "+new\n" in worktree_diff.diff(repo(scene), scene.tree, scene.base)
    assert worktree_diff.dirty(repo(scene), scene.tree) == ["app.py", "sub/new.txt"]
    commit = worktree_diff.snapshot(repo(scene), scene.tree, "keep")
    anchors.anchor(repo(scene), scene.tree, "agent")
    repo(scene).remove_worktree(scene.tree)
    assert "sub/new.txt" in files_of(scene, commit)


def test_pipes_keep_no_commit_from_the_host(scene: Scene) -> None:
    """What the host's index notes after an import is noted without a look at the files."""
    new = worktree_diff.snapshot(repo(scene), scene.tree, "as if the agent had committed it")
    for name in (".gitattributes", ".gitignore", ".gitmodules", "sub/.gitattributes"):
        os.mkfifo(scene.tree / name)
    assert commit_import.advance(repo(scene), scene.tree, "orchestra/agent", scene.base, new)
    assert worktree_diff.dirty(repo(scene), scene.tree) == []


def test_sockets_and_devices_are_no_files(scene: Scene) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        here = Path.cwd()
        os.chdir(scene.tree / "sub")
        link.bind(".gitignore")
        os.chdir(here)
        assert worktree_diff.dirty(repo(scene), scene.tree) == ["app.py", "sub/new.txt"]


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", "app.py", "sub/new.txt"])
def test_a_pipe_made_between_two_looks_is_bounded_too(scene: Scene, name: str) -> None:
    """A file that turns into a pipe, and back, while the host looks again and again."""
    place, stop = scene.tree / name, threading.Event()

    def swap() -> None:
        while not stop.is_set():
            place.unlink(missing_ok=True)
            os.mkfifo(place)
            place.unlink()
            place.write_text("*.log\n")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(5):
            worktree_diff.stat(repo(scene), scene.tree, scene.base, cache=scene.yard.place / "cache")
            worktree_diff.snapshot(repo(scene), scene.tree, "keep")
    finally:
        stop.set()
        thread.join()


def test_rules_behind_a_symlink_are_not_obeyed(scene: Scene) -> None:
    (scene.yard.place / "rules").write_text("*\n")
    (scene.tree / ".gitignore").symlink_to(scene.yard.place / "rules")
    assert worktree_diff.dirty(repo(scene), scene.tree) == [".gitignore", "app.py", "sub/new.txt"]


def test_a_pattern_that_takes_for_ever_to_match_is_given_up(scene: Scene) -> None:
    (scene.tree / ".gitignore").write_text("*a" * 40 + "b\n")
    for number in range(200):
        (scene.tree / ("a" * 200 + str(number))).touch()
    with contextlib.suppress(DeadlineExceeded):
        assert worktree_diff.stat(repo(scene), scene.tree, scene.base).files >= 202


def test_rules_hold_as_git_means_them(scene: Scene) -> None:
    scene.yard.write(
        {
            ".gitignore": "*.log\nbuild/\n/only-top\n!keep.log\ndeep/**/x\n",
            "a.log": "", "keep.log": "", "build/out.o": "", "only-top": "", "sub/only-top": "",
            "sub/.gitignore": "*\n!*.py\n!.gitignore\n", "sub/a.py": "", "sub/a.txt": "",
            "deep/1/2/x": "", "deep/1/y": "", ":(glob)**": "",
        },
        at=scene.tree,
    )  # fmt: skip
    (scene.tree / "sub/new.txt").unlink()
    seen = worktree_diff.dirty(repo(scene), scene.tree)
    agents_view = scene.yard.git("ls-files", "--others", "--modified", "--deleted", "--exclude-standard", at=scene.tree)
    assert seen == sorted(agents_view.splitlines())


# --- what would fill the disk or the memory ----------------------------------------------------


def used(place: Path) -> int:
    return sum(one.lstat().st_blocks * 512 for one in place.rglob("*")) if place.exists() else 0


@contextmanager
def watched(place: Path) -> Iterator[Callable[[], int]]:
    """Look every few milliseconds how much is below a directory, and tell the most there ever was."""
    most, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            try:
                most[0] = max(most[0], used(place))
            except OSError:
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: most[0]
    finally:
        stop.set()
        thread.join()


def test_holes_in_files_are_written_nowhere(scene: Scene) -> None:
    """Files that cost an agent nothing must not cost the host gigabytes."""
    for number in range(100):
        with (scene.tree / f"sparse{number}").open("wb") as file:
            file.truncate(4 << 20)
    cache = scene.yard.place / "cache"
    with watched(cache) as look, watched(scene.yard.place / "scratch") as kept:
        assert worktree_diff.stat(repo(scene), scene.tree, scene.base, cache=cache) == DiffStat(102, 2, 1)
        commit = worktree_diff.snapshot(repo(scene), scene.tree, "keep")
    assert look() < 8 << 20
    assert kept() < 32 << 20
    assert scene.yard.git("cat-file", "-s", f"{commit}:sparse7") == str(4 << 20)


def test_what_is_written_around_a_hole_is_kept(scene: Scene) -> None:
    content = b"begin" + bytes(3 << 20) + b"middle" + bytes(1 << 20)
    with (scene.tree / "holes").open("wb") as file:
        file.write(b"begin")
        file.seek(5 + (3 << 20))
        file.write(b"middle")
        file.truncate(len(content))
    commit = worktree_diff.snapshot(repo(scene), scene.tree, "keep")
    shown = scene.yard.repository.git().run("cat-file", "blob", f"{commit}:holes").stdout
    assert shown == content


def test_more_than_can_be_kept_is_refused_by_name(scene: Scene) -> None:
    for number in range(9):
        with (scene.tree / f"sparse{number}").open("wb") as file:
            file.truncate((2 << 30) - number)
    with pytest.raises(Refused, match=r"more than 17,179,869,184 bytes.*'sparse0'"):
        worktree_diff.snapshot(repo(scene), scene.tree, "keep")


def test_more_files_than_can_be_kept_are_refused_by_their_directory(scene: Scene) -> None:
    scene.yard.write({f"heap/{number}": "x" for number in range(60)}, at=scene.tree)
    few = replace(worktree_snapshot.KEEP, entries=50)
    with (
        pytest.raises(Refused, match="more than 50 untracked files, most of them in 'heap'"),
        worktree_snapshot.keep(repo(scene), scene.tree, bounds=few),
    ):
        pass


def test_the_fullest_directory_is_left_out_first_and_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.yard.write({f"node_modules/{number % 7}/{number}.js": "x\n" for number in range(60)}, at=scene.tree)
    monkeypatch.setattr(worktree_snapshot, "LOOK", replace(worktree_snapshot.LOOK, files=20))
    stat = worktree_diff.stat(repo(scene), scene.tree, scene.base)
    assert (stat.files, stat.uncounted) == (62, 41)
    text = worktree_diff.diff(repo(scene), scene.tree, scene.base)
    assert "b/sub/new.txt" in text
    assert text.endswith("[41 more files are not shown, because there are too many]\n")


def test_a_directory_with_more_entries_than_are_read_hides_no_tracked_file(scene: Scene) -> None:
    scene.yard.write({f"docs/{number}": "x" for number in range(200)}, at=scene.tree)
    few = replace(worktree_snapshot.LOOK, entries=50)
    with worktree_snapshot.look(repo(scene), scene.tree, None, bounds=few) as frozen:
        assert any("more files" in note for note in frozen.notes)
        deleted = frozen.git.lines0("diff-index", "--cached", "--diff-filter=D", "--name-only", "-z", scene.base)
    assert deleted == []


def test_a_diff_of_hundreds_of_megabytes_is_read_within_bounds(scene: Scene) -> None:
    for number in range(40):
        (scene.tree / f"long{number}.txt").write_text(f"line {number}\n" * 400_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = worktree_diff.diff(repo(scene), scene.tree, scene.base)
    assert len(text) < 1_100_000
    assert "more lines of this file are not shown]" in text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_line_without_end_is_cut(scene: Scene) -> None:
    (scene.tree / "one-line.txt").write_text("x" * 4_000_000)
    (scene.tree / "zz.txt").write_text("short\n")
    text = worktree_diff.diff(repo(scene), scene.tree, scene.base)
    assert len(text) < 300_000
    assert "+short\n" in text


def test_a_thousand_directories_inside_each_other_can_be_seen_kept_and_removed(scene: Scene) -> None:
    place = os.open(scene.tree, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=place)
        place, above = os.open("d", os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    deep = "d/" * 1_500 + "f"
    assert deep in worktree_diff.dirty(repo(scene), scene.tree)
    assert worktree_diff.stat(repo(scene), scene.tree, scene.base).files == 3
    worktree_diff.diff(repo(scene), scene.tree, scene.base)
    commit = worktree_diff.snapshot(repo(scene), scene.tree, "keep")
    assert deep in files_of(scene, commit)
    anchors.anchor(repo(scene), scene.tree, "agent")
    repo(scene).remove_worktree(scene.tree)
    assert not scene.tree.exists()


def test_more_directories_than_are_looked_through_in_a_repository_of_its_own_are_refused(scene: Scene) -> None:
    for number in range(20):
        for other in range(20):
            (scene.tree / f"own/{number}/{other}").mkdir(parents=True)
    (scene.tree / "own/.git").mkdir()
    (scene.tree / "own/.git/HEAD").write_text("ref: refs/heads/x\n")
    with (
        pytest.raises(Refused, match=r"own holds more than 200 files"),
        worktree_snapshot.keep(repo(scene), scene.tree, bounds=replace(worktree_snapshot.KEEP, entries=200)),
    ):
        pass


def test_a_path_longer_than_the_system_takes_is_kept(scene: Scene) -> None:
    place, path = os.open(scene.tree, os.O_RDONLY), ""
    for _ in range(25):
        name = "n" * 200
        os.mkdir(name, dir_fd=place)
        place, above = os.open(name, os.O_RDONLY, dir_fd=place), place
        os.close(above)
        path += f"{name}/"
    with os.fdopen(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=place), "w") as file:
        file.write("deep\n")
    os.symlink("/etc/passwd", "link", dir_fd=place)
    os.close(place)
    assert "+deep\n" in worktree_diff.diff(repo(scene), scene.tree, scene.base)
    commit = worktree_diff.snapshot(repo(scene), scene.tree, "keep")
    assert f"{path}f" in files_of(scene, commit)
    assert scene.yard.git("cat-file", "blob", f"{commit}:{path}link") == "/etc/passwd"


# --- what a look would miss --------------------------------------------------------------------


def with_module(scene: Scene) -> Path:
    """Give the branch a submodule, which is an empty directory in its worktree."""
    entry = f"160000 {scene.base}\tvendor/lib\0".encode()
    git = repo(scene).worktree_git(scene.tree)
    git.run("update-index", "-z", "--index-info", stdin=entry)
    git.run("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "module")
    place = scene.tree / "vendor/lib"
    place.mkdir(parents=True)
    return place


def test_work_in_the_directory_of_a_submodule_is_seen_kept_and_put_back(scene: Scene) -> None:
    place, repository = with_module(scene), repo(scene)
    base = repository.branches()["orchestra/agent"]
    assert worktree_diff.dirty(repository, scene.tree) == ["app.py", "sub/new.txt"]
    (place / "patch.c").write_text("three days of work\n")
    assert "vendor/lib/patch.c" in worktree_diff.dirty(repository, scene.tree)
    assert "+three days of work\n" in worktree_diff.diff(repository, scene.tree, base)
    anchors.anchor(repository, scene.tree, "agent")
    kept = anchors.latest(repository, "agent")
    assert kept is not None
    assert scene.yard.git("show", f"{kept.commit}:vendor/lib/patch.c") == "three days of work"
    repository.remove_worktree(scene.tree)
    repository.add_worktree(scene.tree, "orchestra/agent", base)
    anchors.put_back(repository, scene.tree, kept)
    assert (place / "patch.c").read_text() == "three days of work\n"


def test_a_submodule_that_is_checked_out_is_named_and_kept_whole(scene: Scene) -> None:
    place = with_module(scene)
    (place / ".git").write_text("gitdir: /nowhere\n")
    (place / "file.c").write_text("x\n")
    assert worktree_diff.dirty(repo(scene), scene.tree) == ["app.py", "sub/new.txt"]
    text = worktree_diff.diff(repo(scene), scene.tree, repo(scene).branches()["orchestra/agent"])
    assert "[not shown: 'vendor/lib' is a submodule with its own history]" in text
    kept = files_of(scene, worktree_diff.snapshot(repo(scene), scene.tree, "keep"))
    assert {"vendor/lib/file.c", "vendor/lib/dot-git"} <= set(kept)


def test_a_repository_made_inside_a_tracked_directory_hides_nothing(scene: Scene) -> None:
    scene.yard.write(
        {"docs/.git/HEAD": "ref: refs/heads/x\n", "docs/.git/objects/x": "", "docs/more.md": "x\n"}, scene.tree
    )
    assert worktree_diff.dirty(repo(scene), scene.tree) == ["app.py", "docs/more.md", "sub/new.txt"]
    kept = files_of(scene, worktree_diff.snapshot(repo(scene), scene.tree, "keep"))
    assert {"docs/more.md", "docs/dot-git/HEAD"} <= set(kept)


def test_a_tracked_directory_swapped_for_a_link_shows_what_is_gone(scene: Scene) -> None:
    shutil.rmtree(scene.tree / "docs")
    (scene.tree / "docs").symlink_to("/etc")
    assert worktree_diff.dirty(repo(scene), scene.tree) == ["app.py", "docs", "docs/guide.md", "sub/new.txt"]


def test_times_that_were_set_back_hide_no_change(scene: Scene) -> None:
    place = scene.tree / "run.sh"
    noted = place.stat()
    worktree_diff.dirty(repo(scene), scene.tree, cache=scene.yard.place / "cache")
    place.write_text("evil\n")
    os.utime(place, ns=(noted.st_atime_ns, noted.st_mtime_ns))
    assert "run.sh" in worktree_diff.dirty(repo(scene), scene.tree, cache=scene.yard.place / "cache")


def test_new_attributes_change_how_files_are_read_that_were_read_before(scene: Scene) -> None:
    cache = scene.yard.place / "cache"
    scene.yard.write({"dos.txt": b"a\r\n"}, at=scene.tree)
    assert "+a\r\n" in worktree_diff.diff(repo(scene), scene.tree, scene.base, cache=cache)
    scene.yard.write({".gitattributes": "*.txt text\n"}, at=scene.tree)
    assert "+a\n" in worktree_diff.diff(repo(scene), scene.tree, scene.base, cache=cache)
    (scene.tree / ".gitattributes").unlink()
    assert "+a\r\n" in worktree_diff.diff(repo(scene), scene.tree, scene.base, cache=cache)


def test_a_look_without_time_goes_on_where_the_last_one_stopped(scene: Scene) -> None:
    scene.yard.write({f"many/{number}.txt": f"{number}\n" for number in range(2_500)}, at=scene.tree)
    newest = max(file.stat().st_ctime for file in (scene.tree / "many").iterdir())
    # Files younger than this are read again.
    until(lambda: time.time() - newest > 0.2)
    cache = scene.yard.place / "cache"
    left = []
    for _ in range(4):
        with worktree_snapshot.look(repo(scene), scene.tree, cache, clock=Steps()) as frozen:
            left.append(frozen.uncounted)
    assert left[0] > left[1] > left[2] == left[3] == 0
    assert worktree_diff.stat(repo(scene), scene.tree, scene.base, cache=cache).insertions == 2_502


class Steps:
    """A clock by which each batch of files takes most of the time there is."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += worktree_snapshot.LOOK.seconds * 0.6
        return self._now


# --- what a killed process leaves --------------------------------------------------------------


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    above = tmp_path / "scratch"
    left = above / f"{temporary.PREFIX}left"
    (left / "stage" / "deep").mkdir(parents=True)
    with temporary.directory(above) as first:
        assert not left.exists()
        with temporary.directory(above) as second:
            assert first.exists()
            assert first != second
    assert list(above.iterdir()) == []


def test_nothing_is_made_outside_the_state_of_the_project(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = scene.yard.place / "tmp"
    empty.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(empty))
    with watched(empty) as outside:
        commit = worktree_diff.snapshot(repo(scene), scene.tree, "keep")
        merge_trees.preview(repo(scene), scene.base, commit)
        anchors.anchor(repo(scene), scene.tree, "agent")
    assert outside() == 0
    assert list(empty.iterdir()) == []
    assert list((scene.yard.place / "scratch").iterdir()) == []
