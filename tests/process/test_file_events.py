"""File events from the real kernel: what is told, what is never followed, and what limits do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from orchestra.drivers.file_events import MOST, FileEvents
from tests.support.services import eventually


class Told:
    """The subjects that were told of, in order."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def __call__(self, subjects: Collection[str]) -> None:
        self.subjects += subjects

    def of(self, subject: str) -> bool:
        """Wait until a subject was told of."""
        return eventually(lambda: subject in self.subjects)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def events(told: Told) -> Iterator[FileEvents[str]]:
    made: FileEvents[str] = FileEvents(told)
    made.start()
    yield made
    made.close()


def tree(root: Path, *paths: str) -> dict[str, int]:
    """Make directories, and return them with their inodes as a scan does."""
    for path in paths:
        (root / path).mkdir(parents=True, exist_ok=True)
    return {path: (root / path).stat().st_ino for path in paths}


def test_a_written_file_tells_its_subject_alone(tmp_path: Path, told: Told, events: FileEvents[str]) -> None:
    assert events.watch_tree("one", tmp_path / "one", tree(tmp_path / "one", "", "src")) == (True, True)
    assert events.watch_tree("two", tmp_path / "two", tree(tmp_path / "two", "")) == (True, True)
    (tmp_path / "one/src/new.py").write_text("1")
    assert told.of("one")
    assert "two" not in told.subjects


def test_a_directory_that_is_not_named_tells_nothing(tmp_path: Path, told: Told, events: FileEvents[str]) -> None:
    known = tree(tmp_path / "tree", "", "node_modules")
    events.watch_tree("tree", tmp_path / "tree", {"": known[""]})
    events.watch_tree("witness", tmp_path / "witness", tree(tmp_path / "witness", ""))
    (tmp_path / "tree/node_modules/file").write_text("")
    (tmp_path / "witness/file").write_text("")
    assert told.of("witness")
    assert "tree" not in told.subjects


def test_a_new_directory_is_told_and_then_watched(tmp_path: Path, told: Told, events: FileEvents[str]) -> None:
    events.watch_tree("tree", tmp_path, tree(tmp_path, ""))
    known = tree(tmp_path, "", "new")
    assert told.of("tree")
    assert events.watch_tree("tree", tmp_path, known) == (True, True)
    told.subjects.clear()
    (tmp_path / "new/file").write_text("")
    assert told.of("tree")


def test_a_directory_in_the_place_of_another_is_watched(tmp_path: Path, told: Told, events: FileEvents[str]) -> None:
    events.watch_tree("tree", tmp_path, tree(tmp_path, "", "part"))
    (tmp_path / "part").rename(tmp_path / "gone")
    assert events.watch_tree("tree", tmp_path, tree(tmp_path, "", "part")) == (True, True)
    told.of("tree")
    events.forget("other")
    told.subjects.clear()
    (tmp_path / "part/file").write_text("")
    assert told.of("tree")


def test_a_renamed_directory_stays_watched(tmp_path: Path, told: Told, events: FileEvents[str]) -> None:
    events.watch_tree("tree", tmp_path, tree(tmp_path, "", "before"))
    (tmp_path / "before").rename(tmp_path / "after")
    assert events.watch_tree("tree", tmp_path, tree(tmp_path, "", "after"))[0]
    told.of("tree")
    told.subjects.clear()
    (tmp_path / "after/file").write_text("")
    assert told.of("tree")


def test_a_link_in_the_place_of_a_directory_is_never_followed(
    tmp_path: Path, told: Told, events: FileEvents[str]
) -> None:
    inside, outside = tmp_path / "tree", tmp_path / "outside"
    known = tree(inside, "", "part")
    outside.mkdir()
    (inside / "part").rmdir()
    (inside / "part").symlink_to(outside)
    events.watch_tree("tree", inside, known)
    told.subjects.clear()
    (outside / "secret").write_text("")
    events.watch_tree("witness", outside, tree(outside, ""))
    (outside / "again").write_text("")
    assert told.of("witness")
    assert "tree" not in told.subjects


def test_a_file_in_a_missing_directory_is_told_once_it_appears(
    tmp_path: Path, told: Told, events: FileEvents[str]
) -> None:
    spots = [(tmp_path, "deep/down/file")]
    assert events.watch_files("file", spots)
    for directory in ("deep", "deep/down"):
        (tmp_path / directory).mkdir()
        assert told.of("file")
        told.subjects.clear()
        assert events.watch_files("file", spots)
    (tmp_path / "deep/down/other").write_text("")
    (tmp_path / "deep/down/file").write_text("")
    assert told.of("file")


def test_a_storm_is_muted_and_hides_nobody_else(tmp_path: Path, told: Told, events: FileEvents[str]) -> None:
    wild, calm = tmp_path / "wild", tmp_path / "calm"
    known = tree(wild, "")
    events.watch_tree("wild", wild, known)
    events.watch_tree("calm", calm, tree(calm, ""))

    def is_muted() -> bool:
        for number in range(20_000):
            (wild / f"{number}").touch()
            (wild / f"{number}").unlink()
        return events.watch_tree("wild", wild, known) == (False, False)

    # On a busy machine one storm may be over, and its silence too, before anybody asks.
    assert eventually(is_muted), "it is left alone for a while"
    assert told.of("wild")
    told.subjects.clear()
    (calm / "file").write_text("")
    assert told.of("calm")


def test_events_that_the_kernel_dropped_count_as_changes_of_all(tmp_path: Path, told: Told) -> None:
    events: FileEvents[str] = FileEvents(told)
    for name in ("wild", "calm"):
        events.watch_tree(name, tmp_path / name, tree(tmp_path / name, ""))
    # Nobody reads yet, and the kernel keeps 16,384 (fs.inotify.max_queued_events).
    for number in range(20_000):
        (tmp_path / "wild" / f"{number}").touch()
    events.start()
    try:
        assert told.of("calm")
    finally:
        events.close()


def test_a_tree_with_too_many_directories_is_not_watched(tmp_path: Path, events: FileEvents[str]) -> None:
    known = tree(tmp_path, "")
    events.watch_tree("tree", tmp_path, known)
    assert events.watch_tree("tree", tmp_path, known | {f"{number}": 1 for number in range(MOST)}) == (False, False)


_LIMITED = """
import json, os, sys
from pathlib import Path
from orchestra.drivers.file_events import FileEvents, gives_events
root = Path(sys.argv[1])
events = FileEvents(lambda subjects: None)
directories = {"": root.stat().st_ino} | {str(n): (root / str(n)).stat().st_ino for n in range(20)}
small = events.watch_tree("small", root, {"": directories[""]})
print(json.dumps([small, events.watch_tree("large", root, directories), events.works, events.trouble, gives_events()]))
"""


def limited(root: Path, limit: str, number: int) -> list[object]:
    """Watch in a user namespace of its own, which has its own limits (user_namespaces(7))."""
    for name in range(20):
        (root / str(name)).mkdir(exist_ok=True)
    script = f'echo {number} >/proc/sys/user/{limit} && exec "$@"'
    words = (
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        script,
        "sh",
        sys.executable,
        "-c",
        _LIMITED,
        str(root),
    )
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env={**os.environ})
    if "unshare failed" in done.stderr:
        pytest.skip("this system allows no user namespaces")
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("number", [30, 12])
def test_the_limit_of_watches_is_met_and_said(tmp_path: Path, number: int) -> None:
    small, large, works, trouble, more = limited(tmp_path, "max_inotify_watches", number)
    assert (small, large, works, more) == ([True, True], [False, False], True, True)
    assert "sudo sysctl fs.inotify.max_user_watches=" in str(trouble)


def test_without_any_events_everything_is_said_to_be_unwatched(tmp_path: Path) -> None:
    small, large, works, trouble, more = limited(tmp_path, "max_inotify_instances", 0)
    assert (small, large, works, more) == ([False, False], [False, False], False, False)
    assert "sudo sysctl fs.inotify.max_user_instances=" in str(trouble)
