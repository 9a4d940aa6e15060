"""Marks of changed files, in the list and in headings."""

from __future__ import annotations

import pytest

from orchestra.model import ChangedFile, FileStatus, LineCounts, Sides
from orchestra.views.changed_files import heading, marks, tree_line
from tests.support.reviews import changed
from tests.support.scenes import HOSTILE

FILES = {
    "new": changed("a", FileStatus.ADDED, old_mode="000000"),
    "deleted": changed("a", FileStatus.DELETED, new_mode="000000"),
    "was old name": changed("a", FileStatus.RENAMED, old_path="old name"),
    "now executable": changed("a", new_mode="100755"),
    "no longer executable": changed("a", old_mode="100755"),
    "other type, symlink": changed("a", FileStatus.RETYPED, new_mode="120000"),
    "new, repository": changed("a", FileStatus.ADDED, old_mode="000000", new_mode="160000"),
    "new, executable": changed("a", FileStatus.ADDED, old_mode="000000", new_mode="100755"),
}


@pytest.mark.parametrize(("words", "file"), FILES.items(), ids=FILES)
def test_every_kind_of_change_is_said_in_words(words: str, file: object) -> None:
    assert ", ".join(marks(file)) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (changed("a", FileStatus.ADDED, new_mode="100755"), "only in other"),
        (changed("a", FileStatus.DELETED), "only in mine"),
        (changed("a", FileStatus.RENAMED, old_path="b"), "in mine: b"),
        (changed("a", new_mode="100755"), "executable in other"),
        (changed("a", old_mode="100755"), "executable in mine"),
        (changed("a", FileStatus.RETYPED, new_mode="120000"), "other type, symlink"),
    ],
)
def test_of_two_sessions_it_is_said_which_has_it(file: ChangedFile, words: str) -> None:
    assert ", ".join(marks(file, sides=Sides("mine", "other"))) == words


def test_a_line_of_the_list_has_all_marks() -> None:
    file = changed("dir/run.sh", FileStatus.ADDED, new_mode="100755")
    line = tree_line(file, "run.sh", 40, counts=LineCounts(1200, 3), risky=True, viewed=True, depth=1)
    assert line.plain == " ✓A⚠ run.sh mode                +1.2k −3"
    binary = tree_line(changed("a"), "a", 20, counts=LineCounts(binary=True), risky=False, viewed=False, depth=0)
    assert binary.plain.rstrip() == " M a bin"


@pytest.mark.parametrize("width", [8, 20, 40, 200])
def test_hostile_names_fit_and_steer_nothing(width: int) -> None:
    file = changed(f"{HOSTILE}/{'深い' * 90}/x", FileStatus.RENAMED, old_path=HOSTILE)
    counts = LineCounts(1, 2)
    shown = [
        heading(file, width, counts=counts, reason="runs in CI", viewed=True, folded=True),
        tree_line(file, file.path, width, counts=counts, risky=True, viewed=True, depth=99),
    ]
    assert [line.plain for line in shown if line.cell_len > width or not line.plain.isprintable()] == []
