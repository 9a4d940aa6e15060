"""A review for a pager and as data."""

from __future__ import annotations

from orchestra.model import Scope
from orchestra.review.printed import as_data, printed
from tests.support.reviews import FakeSource, patch_text


def test_files_are_listed_first_and_each_is_read_when_it_is_its_turn() -> None:
    source = FakeSource()
    lines = printed(source, source.changes(Scope.BRANCH), 60)
    shown = [next(lines).plain for _ in range(4)]
    assert shown[0].startswith("4 files")
    assert shown[2] == "look at these first"
    assert ".github/workflows/ci.yml" in shown[3]
    assert not any(asked.startswith("patch") for asked in source.asked)
    rest = [line.plain for line in lines]
    assert any("▎+ line 299" in line for line in rest)
    assert source.asked[1] == "patch .github/workflows/ci.yml"


def test_no_line_of_code_is_cut() -> None:
    source = FakeSource({"wide.txt": patch_text("wide.txt", ["+" + "x" * 9_000 + "END"])})
    assert any(line.plain.endswith("xEND") for line in printed(source, source.changes(Scope.BRANCH), 40))


def test_the_data_says_what_each_file_is_and_what_is_left_out() -> None:
    source = FakeSource(notes=("3 more files are not shown",))
    changes = source.changes(Scope.BRANCH)
    data = as_data("alpha", changes, source.counts(changes))
    assert data["left_out"] == ["3 more files are not shown"]
    assert data["files"][0] == {
        "path": ".github/workflows/ci.yml", "old_path": None, "status": "modified", "old_mode": "100644",
        "new_mode": "100644", "insertions": 1, "deletions": 1, "binary": False, "risk": "runs in CI",
    }  # fmt: skip
