"""Whatever an agent puts in a directory, Orchestra's reads, writes and removals stay inside it and come to an end."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from orchestra import safe_files
from orchestra.errors import DeadlineExceeded, Refused
from orchestra.safe_files import Limits

DEEP = 1_600
_EXCHANGE = 2
"""RENAME_EXCHANGE of renameat2(2)."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "secret").write_text("secret")
    made = tmp_path / "tree"
    made.mkdir()
    return made


@pytest.fixture
def victim(tree: Path) -> Iterator[Path]:
    """A directory outside the tree, in which nothing may change."""
    place = tree.with_name("victim")
    yield place
    assert {one.name: one.read_text() for one in place.iterdir()} == {"secret": "secret"}


def dig(place: Path, depth: int = DEEP, name: str = "directory") -> None:
    """Make directories inside each other, far beyond what one path can name."""
    here = os.open(place, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def door(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, suppress(OSError):
        listening.bind(os.fspath(path))


OBSTACLES: dict[str, Callable[[Path], None]] = {
    "symlink to a file": lambda path: path.symlink_to("../victim/secret"),
    "symlink to nothing": lambda path: path.symlink_to("../victim/new"),
    "symlink to a directory": lambda path: path.symlink_to("../victim"),
    "symlink to itself": lambda path: path.symlink_to(path.name),
    "symlink to a device": lambda path: path.symlink_to("/dev/zero"),
    "directory": Path.mkdir,
    "pipe": fifo,
    "socket": door,
}
untouched = pytest.mark.usefixtures("victim")
obstacles = pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES.keys())
links = pytest.mark.parametrize("target", ["../victim", "/dev", "loop", "nowhere"])


@obstacles
@untouched
def test_what_is_no_plain_file_is_neither_read_nor_written_nor_copied(
    tree: Path, obstacle: Callable[[Path], None]
) -> None:
    obstacle(tree / "name")
    with pytest.raises(Refused, match=str(tree / "name")):
        safe_files.read(tree, "name", most=100)
    with pytest.raises(Refused, match=str(tree / "name")):
        safe_files.write(tree, "name", b"mine")
    with pytest.raises(Refused):
        safe_files.copy_file(tree, "name", tree, "copy", most=100)
    assert not safe_files.plant(tree, "name", b"mine", 0o600)
    assert [one.name for one in tree.iterdir()] == ["name"]


@links
@untouched
def test_no_symlink_on_the_way_is_followed(tree: Path, target: str) -> None:
    (tree / "loop").symlink_to(target)
    for attempt in (
        lambda: safe_files.read(tree, "loop/secret", most=100),
        lambda: safe_files.write(tree, "loop/secret", b"mine"),
        lambda: safe_files.write(tree, "loop/deep/secret", b"mine"),
        lambda: safe_files.list_directory(tree, "loop"),
        lambda: safe_files.copy_file(tree, "loop/secret", tree, "copy", most=100),
        lambda: safe_files.remove_file(tree, "loop/secret"),
        lambda: list(safe_files.walk(tree, "loop")),
    ):
        with pytest.raises(Refused, match="symlink"):
            attempt()
    assert not safe_files.plant(tree, "loop/new", b"mine", 0o600)
    assert not safe_files.plant_link(tree, "loop/new", "x")
    assert not safe_files.make_directory(tree, "loop/new")
    assert safe_files.look(tree, "loop/secret") is None


@pytest.mark.parametrize("name", ["../victim/secret", "a/../../victim/secret", "/etc/passwd", "a\0b"])
@untouched
def test_no_name_leads_out(tree: Path, name: str) -> None:
    for attempt in (
        lambda: safe_files.read(tree, name, most=100),
        lambda: safe_files.write(tree, name, b"mine"),
        lambda: safe_files.remove_file(tree, name),
    ):
        with pytest.raises(Refused, match="is not inside the directory"):
            attempt()


@contextmanager
def swapping(first: Path, second: Path) -> Iterator[None]:
    """Exchange two names as fast as possible, as an agent would that aims between a look and a use."""
    libc, done = ctypes.CDLL(None), threading.Event()
    names = os.fsencode(first), os.fsencode(second)

    def swap() -> None:
        while not done.is_set():
            libc.renameat2(-100, names[0], -100, names[1], _EXCHANGE)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("kind", ["the file", "its directory"])
def test_a_swap_between_look_and_use_wins_nothing(tree: Path, victim: Path, kind: str) -> None:
    (tree / "config").mkdir()
    (tree / "config" / "secret").write_text("own")
    if kind == "the file":
        (tree / "swap").symlink_to(victim / "secret")
        pair = tree / "config" / "secret", tree / "swap"
    else:
        (tree / "swap").symlink_to(victim)
        pair = tree / "config", tree / "swap"
    seen = set()
    with swapping(*pair):
        for number in range(300):
            with suppress(Refused):
                seen.add(safe_files.read(tree, "config/secret", most=100))
            with suppress(Refused, FileNotFoundError):
                safe_files.copy_file(tree, "config/secret", tree, f"copies/{number}", most=100)
            with suppress(Refused):
                safe_files.write(tree, "config/secret", b"own")
    seen |= {one.read_bytes() for one in tree.glob("copies/*")}
    assert seen <= {b"own", None}


def test_a_directory_swapped_for_a_link_while_it_is_removed_leads_nowhere(tree: Path, victim: Path) -> None:
    (tree / "gone" / "inner").mkdir(parents=True)
    for number in range(2_000):
        (tree / "gone" / "inner" / f"secret{number}").touch()
    (tree / "gone" / "link").symlink_to(victim)
    victim.chmod(0o750)
    with swapping(tree / "gone" / "inner", tree / "gone" / "link"), suppress(Refused):
        safe_files.remove(tree / "gone")
    safe_files.remove(tree / "gone")
    assert victim.stat().st_mode & 0o777 == 0o750


def test_directories_beyond_any_path_are_removed(tree: Path) -> None:
    dig(tree)
    dig(tree, 60, "n" * 250)
    safe_files.remove(tree)
    assert not tree.exists()


@untouched
def test_all_that_is_in_the_way_of_a_removal_is_removed(tree: Path) -> None:
    for number, obstacle in enumerate(OBSTACLES.values()):
        obstacle(tree / f"{number}")
    (tree / "locked" / "inner" / "more").mkdir(parents=True)
    (tree / "locked" / "inner" / "file").write_text("x")
    (tree / os.fsdecode(b"\xff\xfe")).write_text("x")
    with (tree / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    for name in ("locked/inner/more", "locked/inner", "locked"):
        (tree / name).chmod(0)
    safe_files.remove(tree)
    assert not tree.exists()


def test_a_removal_ends_though_an_agent_goes_on(tree: Path) -> None:
    for number in range(10):
        (tree / str(number)).touch()
    ticks = count()
    with pytest.raises(DeadlineExceeded, match="could not be removed in time"):
        safe_files.remove(tree, seconds=3, clock=lambda: float(next(ticks)))


def test_a_symlink_is_not_removed_as_the_directory_it_leads_to(tree: Path, victim: Path) -> None:
    (tree / "link").symlink_to(victim)
    with pytest.raises(Refused, match="is a symlink"):
        safe_files.remove(tree / "link")
    (tree / "file").write_text("x")
    with pytest.raises(Refused, match="is not a directory"):
        safe_files.remove(tree / "file")
    safe_files.remove(tree / "nothing")


def test_a_walk_sees_links_and_follows_none(tree: Path, victim: Path) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("12345")
    (tree / "a" / "link").symlink_to(victim)
    fifo(tree / "pipe")
    seen = {entry.path: entry for entry in safe_files.walk(tree)}
    assert list(seen) == ["a", "pipe", "a/b", "a/link", "a/b/file"]
    assert seen["a/b/file"].size == 5
    assert (seen["a/link"].is_link, seen["pipe"].is_file, seen["a"].is_directory) == (True, False, True)


@pytest.mark.parametrize(
    "limits", [Limits(entries=3), Limits(size=1 << 20), Limits(depth=20), Limits(seconds=0)], ids=str
)
def test_a_walk_ends_at_its_limits(tree: Path, limits: Limits) -> None:
    for name in "abcd":
        (tree / name).touch()
    with (tree / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    dig(tree, 40)
    ticks = count()
    with pytest.raises((Refused, DeadlineExceeded)):
        list(safe_files.walk(tree, limits=limits, clock=lambda: float(next(ticks)) / 10_000))


def test_a_walk_goes_as_deep_as_it_may(tree: Path) -> None:
    dig(tree, 400)
    assert len(list(safe_files.walk(tree, limits=Limits(depth=500)))) == 401


def test_of_a_huge_file_no_more_is_read_than_asked_for(tree: Path) -> None:
    with (tree / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert safe_files.read(tree, "sparse", most=1000) == bytes(1001)
    with pytest.raises(Refused, match="1,099,511,627,776 bytes"):
        safe_files.copy_file(tree, "sparse", tree, "copy", most=1 << 20)
    assert not (tree / "copy").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tree: Path) -> None:
    safe_files.write(tree, "a/b/file", b"first")
    kept = (tree / "a/b/file").stat().st_ino
    with (tree / "a/b/file").open("rb") as reader:
        safe_files.write(tree, "a/b/file", b"second")
        assert reader.read() == b"first"
    assert (tree / "a/b/file").read_bytes() == b"second"
    assert (tree / "a/b/file").stat().st_ino != kept
    assert [one.name for one in (tree / "a/b").iterdir()] == ["file"]


def test_a_planted_temporary_name_is_not_written_through(tree: Path, victim: Path) -> None:
    (tree / "file").write_text("old")
    killed(tree, "os.rename")
    hidden = next(one for one in tree.iterdir() if one.name != "file")
    hidden.unlink()
    hidden.symlink_to(victim / "secret")
    safe_files.write(tree, "file", b"mine")
    assert [one.name for one in tree.iterdir()] == ["file"]
    hidden.mkdir()
    with pytest.raises(Refused):
        safe_files.write(tree, "file", b"more")
    assert (tree / "file").read_text() == "mine"


def killed(tree: Path, event: str, content: bytes = b"new") -> None:
    """Write ``file`` in a process of its own, which is killed right before its first effect of that kind."""
    script = (
        "import os, signal, sys; from pathlib import Path; from orchestra import safe_files\n"
        "def hook(event, args):\n"
        f"    if event == {event!r}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(hook)\n"
        f"safe_files.write(Path({str(tree)!r}), 'file', {content!r})\n"
    )
    subprocess.run((sys.executable, "-c", script), check=False, timeout=60)


def test_a_new_file_that_is_not_finished_leaves_nothing(tree: Path) -> None:
    killed(tree, "os.link")
    assert list(tree.iterdir()) == []
    killed(tree, "os.rename")
    assert [one.name for one in tree.iterdir()] == ["file"]


def test_what_a_killed_process_left_goes_with_the_next_write(tree: Path) -> None:
    (tree / "file").write_text("old")
    killed(tree, "os.link")
    assert [one.name for one in tree.iterdir()] == ["file"]
    killed(tree, "os.rename")
    assert len(list(tree.iterdir())) == 2
    safe_files.write(tree, "file", b"new")
    assert [(one.name, one.read_text()) for one in tree.iterdir()] == [("file", "new")]


def test_a_file_system_that_knows_no_files_without_a_name(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra.safe_files.writing._UNNAMED", os.O_WRONLY | os.O_DIRECTORY)
    for text in ("first", "second"):
        safe_files.write(tree, "file", text.encode(), mode=0o600)
        assert [(one.name, one.read_text()) for one in tree.iterdir()] == [("file", text)]
    assert (tree / "file").stat().st_mode & 0o777 == 0o600


def test_links_above_the_root_are_the_person_s(tree: Path) -> None:
    (tree / "file").write_text("x")
    tree.with_name("elsewhere").symlink_to(tree.parent)
    assert safe_files.read(tree.with_name("elsewhere") / "tree", "file", most=10) == b"x"


def test_what_is_not_there_is_nothing(tree: Path) -> None:
    assert safe_files.read(tree, "a/b", most=10) is None
    assert safe_files.look(tree, "a/b") is None
    assert safe_files.read_link(tree, "a") is None
    assert safe_files.list_directory(tree, "a") == []
    assert list(safe_files.walk(tree, "a")) == []
    assert not safe_files.remove_file(tree, "a")


def test_what_may_not_be_read_is_told_by_name(tree: Path) -> None:
    (tree / "locked").mkdir(mode=0)
    try:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        with pytest.raises(Refused, match=f"{tree / 'locked'}: permission denied"):
            safe_files.read(tree, "locked/file", most=10)
    finally:
        (tree / "locked").chmod(0o700)


@pytest.mark.parametrize("name", ["", ".", "./"])
def test_the_root_itself_is_no_file(tree: Path, name: str) -> None:
    with pytest.raises(Refused, match="does not name a file"):
        safe_files.read(tree, name, most=10)
    with pytest.raises(Refused, match="does not name a file"):
        safe_files.write(tree, name, b"x")


def test_a_name_too_long_is_told_and_never_there(tree: Path) -> None:
    name = "n" * 300
    assert safe_files.look(tree, name) is None
    with pytest.raises(Refused, match="too long"):
        safe_files.write(tree, name, b"x")
