"""Diffs as a person reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from orchestra.views.diff import DiffView, parse
from tests.conftest import GitCall
from tests.support.scenes import HOSTILE

CHANGE = """\
diff --git a/app.py b/app.py
index 111..222 100644
--- a/app.py
+++ b/app.py
@@ -10,3 +10,4 @@ def run():
 before
---- old [red]
++++ new
+two
 after
\\ No newline at end of file
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-bye
"""


def texts(diff: str, width: int = 60) -> list[str]:
    return [one.plain for one in DiffView(diff).lines(width)]


def test_each_file_is_counted() -> None:
    app, gone = parse(CHANGE)
    assert (app.path, app.insertions, app.deletions) == ("app.py", 2, 1)
    assert (gone.path, gone.insertions, gone.deletions, gone.note) == ("gone.txt", 0, 1, "deleted")


def test_content_that_looks_like_a_heading_is_content() -> None:
    assert parse(CHANGE)[0].hunks[0].lines == [" before", "---- old [red]", "++++ new", "+two", " after"]


def test_lines_carry_their_number_where_there_is_room() -> None:
    lines = texts(CHANGE, 60)
    assert "  11 ▎+ +++ new" in lines
    assert "     ▎− --- old [red]" in lines
    assert "▎+ +++ new" in texts(CHANGE, 44)


@pytest.mark.parametrize("width", [10, 26, 44, 120])
def test_no_line_is_wider_than_the_pane(width: int) -> None:
    diff = CHANGE.replace("+two", "+" + "日本語 wide 👩‍💻 text " * 20)
    assert 0 < max(cell_len(one) for one in texts(diff, width)) <= width


def test_any_part_is_the_same_as_that_part_of_the_whole() -> None:
    view = DiffView(CHANGE)
    whole = list(view.lines(44))
    assert len(whole) == len(view)
    for top in range(len(whole) + 2):
        assert list(view.lines(44, top, 4)) == whole[top : top + 4]


def test_nothing_changed_is_nothing_to_show() -> None:
    assert len(DiffView("")) == 0
    assert texts("") == []
    assert texts("not a diff at all\n@@ -1 +1 @@\n") == []


def test_code_is_coloured_by_its_language_and_removed_lines_are_red() -> None:
    lines = list(DiffView(CHANGE.replace("+two", "+import os")).lines(44))
    added = next(one for one in lines if "import os" in one.plain)
    removed = next(one for one in lines if "--- old" in one.plain)
    assert "color(141)" in {str(span.style) for span in added.spans}
    assert {str(span.style) for span in removed.spans} | {str(removed.style)} >= {"color(203)"}


def test_what_git_really_prints_is_read(tmp_path: Path, git: GitCall) -> None:
    """Names with quotes, tabs and bytes that are no text; new, renamed, binary, linked, and mode-only files."""
    git(tmp_path, "init", "-q")
    for name in ("old name.txt", "mode.sh", "form.txt"):
        (tmp_path / name).write_text("one\ntwo\x0cfeed\rcarriage\nthree\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    (tmp_path / "old name.txt").rename(tmp_path / "new name.txt")
    (tmp_path / "mode.sh").chmod(0o755)
    (tmp_path / "form.txt").write_text("one\ntwo\x0cfeed\rother\nthree\n")
    (tmp_path / "bin").write_bytes(b"\0\1\2")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / 'tab\tquote".py').write_text("x = 1\n")
    (tmp_path / "ünï.py").write_text("x = 1\n")
    (tmp_path / "esc\x1b[31m.py").write_text(HOSTILE.strip("\0"), errors="surrogateescape")
    git(tmp_path, "add", "-A")
    files = {file.path: file for file in parse(git(tmp_path, "diff", "--cached", "-M", "HEAD"))}
    assert files["new name.txt"].note == "was old name.txt"
    assert files["mode.sh"].note == "mode 100755"
    assert (files["form.txt"].insertions, files["form.txt"].deletions) == (1, 1)
    assert files["bin"].note == "binary"
    assert files["link"].note == "link"
    assert files['tab\tquote".py'].note == files["ünï.py"].note == files["esc\x1b[31m.py"].note == "new"
    view = DiffView(git(tmp_path, "diff", "--cached", "-M", "HEAD"))
    lines = [one.plain for one in view.lines(100)]
    assert len(lines) == len(view) > len(files)
    assert [one for one in lines if not one.isprintable()] == []


def test_a_megabyte_is_shown_from_anywhere_at_once() -> None:
    body = "".join(f"+line {number} = {number}\n" for number in range(60_000))
    view = DiffView(f"diff --git a/big.py b/big.py\n--- /dev/null\n+++ b/big.py\n@@ -0,0 +1,60000 @@\n{body}")
    shown = [one.plain for one in view.lines(80, 59_990, 5)]
    assert shown[0] == "59988 ▎+ line 59987 = 59987"
    assert len(shown) == 5


# --- what is left out ------------------------------------------------------------------------------

NOTES = """\
[cut at 1000 bytes: 3 of 7 changed files are missing or incomplete]
[12 more files are not shown, because there are too many]
"""


def test_what_is_left_out_stands_first_and_at_the_end_of_its_file() -> None:
    app, gone = CHANGE.split("diff --git a/gone.txt")
    lines = texts(f"{app}[cut: 99 more lines of this file are not shown]\ndiff --git a/gone.txt{gone}{NOTES}", 80)
    assert lines[0].startswith("2 files")
    assert lines[1].startswith("⚠ cut at 1000 bytes: 3 of 7 changed files")
    assert lines[2] == "⚠ 12 more files are not shown, because there are too many"
    cut = lines.index("⚠ cut: 99 more lines of this file are not shown")
    assert "two" in "".join(lines[:cut])
    assert "gone.txt" in "".join(lines[cut:])


def test_notes_alone_are_shown() -> None:
    view = DiffView(NOTES)
    assert len(view) == len(texts(NOTES)) == 3


def test_a_changed_line_in_brackets_is_no_note() -> None:
    assert DiffView(CHANGE.replace("+two", "+[two]")).notes == []


def test_from_anywhere_in_a_diff_the_lines_are_the_same() -> None:
    diff = f"{CHANGE}{NOTES}"
    whole = texts(diff)
    assert len(whole) == len(DiffView(diff))
    assert [one.plain for one in DiffView(diff).lines(60, 2, 5)] == whole[2 : 2 + 5]
