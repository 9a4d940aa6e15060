"""One file's diff as rows and as pairs."""

from __future__ import annotations

from orchestra.views.patch import ADDED, HUNK, NOTE, REMOVED, SAME, Patch, Row
from tests.support.reviews import APP, patch_text


def test_rows_carry_the_numbers_of_both_sides() -> None:
    assert Patch.parse(APP).rows == [
        Row(HUNK, 1, 1, "part 0"),
        Row(SAME, 1, 1, "import os"),
        Row(REMOVED, 2, 0, "x = 1"),
        Row(ADDED, 0, 2, "x = 2"),
        Row(SAME, 3, 3, "end"),
        Row(HUNK, 101, 101, "part 1"),
        Row(SAME, 101, 101, "def run():"),
        Row(ADDED, 0, 102, "    pass"),
    ]


def test_content_that_looks_like_a_heading_or_note_is_content() -> None:
    text = patch_text("a", ["---- a", "++++ b", "+@@ -1 +1 @@", "-diff --git a/x b/x", "+[cut: it]", "+a\rb\x0cc"])
    assert [row.text for row in Patch.parse(text).rows[1:]] == [
        "--- a", "+++ b", "@@ -1 +1 @@", "diff --git a/x b/x", "[cut: it]", "a\rb\x0cc",
    ]  # fmt: skip


def test_replaced_lines_stand_beside_each_other() -> None:
    patch = Patch.parse(patch_text("a", [" same", "-one", "-two", "-three", "+ONE", "+TWO", " end", "+new"]))
    assert patch.pairs == [(0, 0), (1, 1), (2, 5), (3, 6), (4, -1), (7, 7), (-1, 8)]
    assert patch.partners == {2: 5, 5: 2, 3: 6, 6: 3}
    assert patch.places[6] == 3
    assert patch.hunks == patch.pair_hunks == [0]


def test_a_missing_newline_at_the_end_is_said_and_parts_no_lines() -> None:
    text = "@@ -1 +1 @@\n-one\n\\ No newline at end of file\n+two\n\\ No newline at end of file\n"
    patch = Patch.parse(text)
    assert [row.kind for row in patch.rows] == [HUNK, REMOVED, NOTE, ADDED, NOTE]
    assert patch.partners == {1: 3, 3: 1}


def test_a_file_that_became_a_link_has_both_parts() -> None:
    text = patch_text("a", ["-text"]) + patch_text("a", ["+/etc/passwd"])
    assert [row.text for row in Patch.parse(text).rows] == ["part 0", "text", "part 0", "/etc/passwd"]


def test_a_note_about_what_is_cut_is_shown_and_no_lines_are_none() -> None:
    assert Patch.parse(f"{APP}\n[cut: the rest]\n").rows[-1] == Row(NOTE, 0, 0, "cut: the rest")
    assert not Patch.parse("diff --git a/x b/x\nsimilarity index 100%\nrename from x\n").has_lines
    assert Patch.of_note("binary").rows == [Row(NOTE, 0, 0, "binary")]
