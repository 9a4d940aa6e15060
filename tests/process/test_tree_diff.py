"""Two trees compared: the files, their line counts, and the text of each on its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.drivers.git import tree_diff
from orchestra.model import ChangedFile, FileStatus, LineCounts
from tests.support.repositories import Yard


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard.make(tmp_path, monkeypatch)


def changed(yard: Yard) -> tuple[str, str, dict[str, ChangedFile]]:
    """Commit one change of every kind."""
    yard.commit({"old name.txt": "same\n" * 9, "gone.txt": "x\n", "kind": "text\n"}, "before")
    base = yard.tip
    (yard.root / "old name.txt").rename(yard.root / 'new "name".txt')
    (yard.root / "run.sh").chmod(0o755)
    (yard.root / "kind").unlink()
    (yard.root / "kind").symlink_to("/etc/passwd")
    tip = yard.commit(
        {"app.py": "one\n2\nthree\n", "gone.txt": None, "caf\udce9\x1b\n.bin": b"\0\1", "new.txt": "a\nb\n"}, "change"
    )
    files, whole = tree_diff.changed_files(yard.repository.git(), base, tip)
    assert whole
    return base, tip, {file.path: file for file in files}


def test_every_kind_of_change_is_told_apart(yard: Yard) -> None:
    _, _, files = changed(yard)
    assert {path: file.status for path, file in files.items()} == {
        "app.py": FileStatus.MODIFIED,
        "caf\udce9\x1b\n.bin": FileStatus.ADDED,
        "gone.txt": FileStatus.DELETED,
        "kind": FileStatus.RETYPED,
        'new "name".txt': FileStatus.RENAMED,
        "new.txt": FileStatus.ADDED,
        "run.sh": FileStatus.MODIFIED,
    }
    assert list(files) == sorted(files)
    assert files['new "name".txt'].old_path == "old name.txt"
    assert files["run.sh"].changes_mode
    assert files["kind"].is_link
    assert files["app.py"].mark == f"100644 {yard.git('rev-parse', 'HEAD:app.py')}"


def test_lines_are_counted_by_path_under_every_name(yard: Yard) -> None:
    base, tip, files = changed(yard)
    counts = tree_diff.line_counts(yard.repository.git(), base, tip)
    assert counts.keys() == files.keys()
    assert counts["app.py"] == LineCounts(1, 1)
    assert counts["new.txt"] == LineCounts(2, 0)
    assert counts['new "name".txt'] == LineCounts(0, 0)
    assert counts["caf\udce9\x1b\n.bin"] == LineCounts(binary=True)


def test_each_file_has_its_own_text_whole(yard: Yard) -> None:
    lines = "".join(f"line {number}\n" for number in range(20_000))
    base = yard.tip
    tip = yard.commit({"app.py": lines, "other.py": "x\n"}, "much")
    file = next(one for one in tree_diff.changed_files(yard.repository.git(), base, tip)[0] if one.path == "app.py")
    text = tree_diff.file_patch(yard.repository.git(), base, tip, file)
    assert text.count("\n+line ") == 20_000
    assert "other.py" not in text


def test_a_renamed_file_s_text_is_of_the_rename(yard: Yard) -> None:
    base, tip, files = changed(yard)
    text = tree_diff.file_patch(yard.repository.git(), base, tip, files['new "name".txt'])
    assert "rename from old name.txt" in text
    assert "\n-" not in text


def test_a_text_without_end_is_cut_and_says_so(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_diff, "FILE_BYTES", 70_000)
    base = yard.tip
    tip = yard.commit({"app.py": "x" * 80 + "\n" + "line\n" * 40_000}, "much")
    (file,) = tree_diff.changed_files(yard.repository.git(), base, tip)[0]
    text = tree_diff.file_patch(yard.repository.git(), base, tip, file)
    assert len(text) < 80_000
    assert text.endswith("[cut: the rest of this file is not shown]\n")


def test_no_more_files_are_listed_than_fit(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_diff, "FILES", 50)
    base = yard.tip
    tip = yard.commit({f"many/{number:04}.txt": f"{number}\n" for number in range(3_000)}, "many")
    files, whole = tree_diff.changed_files(yard.repository.git(), base, tip)
    assert not whole
    assert 50 <= len(files) < 3_000


def test_sizes_are_those_of_the_files(yard: Yard) -> None:
    base = yard.tip
    tip = yard.commit({"app.py": b"\0" * 5_000, "new.bin": b"\0123456789 bytes, x", "run.sh": None}, "sizes")
    files = {file.path: file for file in tree_diff.changed_files(yard.repository.git(), base, tip)[0]}
    git = yard.repository.git()
    assert tree_diff.file_sizes(git, files["app.py"]) == (14, 5_000)
    assert tree_diff.file_sizes(git, files["run.sh"]) == (5, None)


def test_the_whole_text_is_that_of_git(yard: Yard) -> None:
    base, tip, _ = changed(yard)
    blocks: list[bytes] = []

    def take(block: bytes) -> bool:
        blocks.append(block)
        return True

    assert tree_diff.whole_patch(yard.repository.git(), base, tip, take)
    assert b"".join(blocks).decode("utf-8", "surrogateescape").strip() == yard.git("diff", "-M", base, tip)
