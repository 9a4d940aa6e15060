"""The lines of a review's document, and the ways through it."""

from __future__ import annotations

import re

from orchestra.model import Changes, FileStatus, Scope
from orchestra.review.document import ROWS_KEPT, Document, Lines, Position
from orchestra.review.tree import RISKY, WIDEST, TreeRow, tree_rows, width_of
from orchestra.views.patch import Patch, Row
from tests.support.reviews import APP, TEXTS, changed


def document(*, read: bool = True, files: int = 0) -> Document:
    paths = [f"f{number:05}" for number in range(files)] or sorted(TEXTS)
    made = Document.of(Changes(Scope.BRANCH, "o", "n", tuple(changed(path) for path in paths)))
    for number, entry in enumerate(made.entries if read else ()):
        made.patches[number] = Patch.parse(TEXTS.get(entry.file.path, APP))
    return made


def test_risky_files_come_first_and_all_others_in_their_order() -> None:
    made = document()
    assert [entry.file.path for entry in made.entries] == [
        ".github/workflows/ci.yml", "app.py", "lib/util.py", "long.txt",
    ]  # fmt: skip
    assert made.risky == 1
    assert tree_rows(made.entries) == [
        TreeRow(RISKY, 0), TreeRow(".github/workflows/ci.yml", 1, 0), TreeRow("app.py", 0, 1), TreeRow("lib/", 0),
        TreeRow("util.py", 1, 2), TreeRow("long.txt", 0, 3),
    ]  # fmt: skip


def test_the_list_is_as_wide_as_its_names_need_and_no_wider_than_it_may_be() -> None:
    assert width_of([TreeRow("src/", 0), TreeRow("app.py", 1, 0)]) == len(" app.py") + 20
    assert width_of([TreeRow("long/" * 20, 0)]) == WIDEST
    assert width_of([]) < WIDEST


def test_a_risky_file_stands_before_those_that_come_before_it_by_name() -> None:
    files = tuple(changed(path) for path in ("a.py", "b.py", "uv.lock", "web/.envrc"))
    entries = Document.of(Changes(Scope.BRANCH, "", "", files)).entries
    assert [entry.file.path for entry in entries] == ["uv.lock", "web/.envrc", "a.py", "b.py"]


def test_viewed_is_what_has_the_same_mark() -> None:
    marks = {"app.py": "100644 new-app.py", "long.txt": "100644 other", "gone": "x"}
    assert document().viewed(marks) == {1}


def test_moving_down_and_up_by_any_step_meets_every_line_once() -> None:
    lines = Lines(document(), folded=frozenset({2}))
    every = lines.shown(Position(0, 0), 10_000)
    assert len(every) == len(set(every)) == sum(lines.height(number) for number in range(4))
    for step in (1, 7, 50):
        assert [lines.moved(Position(0, 0), by) for by in range(0, len(every), step)] == every[::step]
        assert [lines.moved(every[-1], -by) for by in range(0, len(every), step)] == every[::-1][::step]
    assert lines.moved(Position(0, 0), -5) == Position(0, 0)
    assert lines.moved(Position(0, 0), 1_000_000) == every[-1]


def test_the_end_is_in_sight_or_the_last_heading_on_top() -> None:
    lines = Lines(document())
    assert lines.shown(lines.last_top(10), 10)[-1] == Position(3, lines.height(3) - 1)
    assert Lines(document(), folded=frozenset({3})).last_top(10) == Position(3, 0)
    assert Lines(Document.of(Changes(Scope.BRANCH, "", ""))).last_top(5) == (0, 0)


def test_files_in_sight_are_read_and_those_beside_them() -> None:
    lines = Lines(document(read=False), folded=frozenset({1}))
    assert lines.unread(Position(0, 0), 2) == [0]
    assert lines.unread(Position(2, 0), 3) == [2, 3]
    assert lines.unread(Position(3, 0), 3) == [3, 2]


def test_hunks_are_found_in_both_directions_and_across_files() -> None:
    lines = Lines(document(), folded=frozenset({2}))
    found = [at := Position(0, 0)]
    while (after := lines.hunk(at, 1)) != at:
        found.append(at := after)
    assert found == [(0, 0), (0, 1), (1, 1), (1, 6), (3, 1)]
    assert lines.hunk(Position(3, 1), -1) == Position(1, 6)
    assert Lines(document(read=False)).hunk(Position(0, 0), 1) == Position(1, 0)


def test_a_match_is_found_below_and_above_and_asks_for_files_that_are_not_read() -> None:
    lines, needle = Lines(document()), re.compile("needle", re.IGNORECASE)
    assert lines.match(Position(0, 0), needle, 1) == Position(2, 2)
    assert lines.match(Position(2, 2), needle, 1) == Position(2, 3)
    assert lines.match(Position(3, 9), needle, -1) == Position(2, 3)
    assert lines.match(Position(2, 3), needle, 1) is None
    assert Lines(document(), split=True).match(Position(0, 0), needle, 1) == Position(2, 2)
    assert lines.match(Position(0, 0), re.compile("util"), 1) == Position(2, 0)
    assert Lines(document(read=False)).match(Position(0, 0), needle, 1) == 0


def test_the_place_stays_when_the_sides_turn() -> None:
    made = document()
    unified, split = Lines(made), Lines(made, split=True)
    added = Position(1, 4)
    assert unified.turned(added) == Position(1, 3)
    assert split.turned(Position(1, 3)) == added
    assert split.turned(Position(1, 0)) == Position(1, 0)


def test_patches_far_away_are_forgotten_when_there_are_too_many() -> None:
    made = document(files=6, read=False)
    rows = [Row(" ", 1, 1, "x")] * (ROWS_KEPT // 3)
    for number in range(6):
        made.add(number, Patch(rows), near=number)
    assert sorted(made.patches) == [3, 4, 5]


def test_a_deleted_test_is_risky_in_the_document_too() -> None:
    file = changed("tests/test_a.py", FileStatus.DELETED)
    assert Document.of(Changes(Scope.BRANCH, "", "", (file,))).entries[0].reason == "removes a test"
