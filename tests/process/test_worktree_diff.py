"""What a session changed, seen in its worktree as it is now."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from orchestra.drivers.git import worktree_diff
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.untrusted_tree import Sight
from orchestra.errors import CommandFailed, NotFound, Refused
from orchestra.model import DiffStat
from tests.support.repositories import Yard
from tests.support.tmux import until


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard.make(tmp_path, monkeypatch)


def test_a_fresh_worktree_has_no_changes(yard: Yard) -> None:
    tree = yard.worktree("login")
    assert worktree_diff.stat(yard.repository, tree, yard.tip) == DiffStat()
    assert worktree_diff.diff(yard.repository, tree, yard.tip) == ""
    assert worktree_diff.dirty(yard.repository, tree) == []


def test_committed_uncommitted_and_untracked_changes_count_from_the_base(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.commit({"committed.txt": "a\n"}, "one", at=tree)
    yard.write({"app.py": "one\n2\nthree\n", "new/deep.txt": "b\nc\n", "docs/guide.md": None}, at=tree)
    assert worktree_diff.stat(yard.repository, tree, base) == DiffStat(files=4, insertions=4, deletions=2)
    text = worktree_diff.diff(yard.repository, tree, base)
    assert "-two\n+2\n" in text
    assert "+++ b/new/deep.txt\n@@ -0,0 +1,2 @@\n+b\n+c\n" in text
    assert "deleted file mode 100644" in text
    assert worktree_diff.dirty(yard.repository, tree) == ["app.py", "docs/guide.md", "new/deep.txt"]


def test_ignored_files_are_no_changes(yard: Yard) -> None:
    yard.commit({".gitignore": "*.log\n"}, "ignore")
    (yard.root / ".git/info/exclude").write_text("/.orchestra/\n")
    tree = yard.worktree("login")
    yard.write({"run.log": "x", ".orchestra/spec.md": "x", "seen.txt": "x\n"}, at=tree)
    assert worktree_diff.dirty(yard.repository, tree) == ["seen.txt"]


def test_looking_writes_nothing_to_the_repository(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"new.txt": "never seen before\n"}, at=tree)
    before = sorted(yard.root.joinpath(".git").rglob("*"))
    worktree_diff.diff(yard.repository, tree, yard.tip)
    assert sorted(yard.root.joinpath(".git").rglob("*")) == before


def test_a_cached_look_follows_every_change(yard: Yard, tmp_path: Path) -> None:
    base, tree, cache = yard.tip, yard.worktree("login"), tmp_path / "cache"

    def seen() -> tuple[list[str], str]:
        repo = yard.repository
        return worktree_diff.dirty(repo, tree, cache=cache), worktree_diff.diff(repo, tree, base, cache=cache)

    assert seen() == ([], "")
    for text in ("aaa\n", "bbb\n", "ccc\n"):  # of one size, within one tick of the clock
        yard.write({"app.py": text, "new.txt": text}, at=tree)
        paths, shown = seen()
        assert paths == ["app.py", "new.txt"]
        assert shown.count(f"+{text}") == 2
    yard.write({"new.txt": None}, at=tree)
    assert seen()[0] == ["app.py"]
    yard.write({"app.py": "one\ntwo\nthree\n"}, at=tree)
    assert seen() == ([], "")
    yard.commit({"app.py": "done\n"}, "commit", at=tree)
    assert seen()[0] == []
    assert "+done\n" in seen()[1]


def test_a_change_right_after_checkout_is_seen_later_though_size_and_second_are_the_same(yard: Yard) -> None:
    tree = yard.worktree("login")
    noted = (tree / "app.py").stat()
    yard.write({"app.py": "ONE\ntwo\nthree\n"}, at=tree)
    os.utime(tree / "app.py", ns=(noted.st_atime_ns, noted.st_mtime_ns))
    while int(time.time()) <= int(noted.st_mtime):
        time.sleep(0.01)
    assert worktree_diff.dirty(yard.repository, tree) == ["app.py"]


def test_a_file_that_just_changed_is_read_again_at_the_next_look(tmp_path: Path) -> None:
    found = tmp_path.joinpath("home/.gitconfig").stat()
    assert Sight.of(found, found.st_ctime + 0.05).mark == ""
    assert Sight.of(found, found.st_ctime + 1.0).mark != ""


def test_two_looks_at_once_do_not_disturb_each_other(yard: Yard, tmp_path: Path) -> None:
    tree, repo, cache = yard.worktree("login"), yard.repository, tmp_path / "cache"
    yard.write({f"new{number}.txt": "x\n" for number in range(20)}, at=tree)
    found: list[int] = []

    def look() -> None:
        found.extend(worktree_diff.stat(repo, tree, yard.tip, cache=cache).files for _ in range(3))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [20] * 9


def test_a_long_diff_ends_with_what_was_left_out(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({f"new{number:03}.txt": "line\n" * 20 for number in range(300)}, at=tree)
    text = worktree_diff.diff(yard.repository, tree, yard.tip, limit=5_000)
    assert len(text) < 5_200
    shown = sum(file.count("\n+line") == 20 for file in text.split("diff --git "))
    assert text.endswith(f"[cut at 5000 bytes: {300 - shown} of 300 changed files are missing or incomplete]\n")


def test_bytes_of_any_kind_come_back_as_they_were(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"latin.txt": b"caf\xe9\n", "sub/odd \x1b[31m\nname.txt": "x\n"}, at=tree)
    text = worktree_diff.diff(yard.repository, tree, yard.tip)
    assert b"+caf\xe9\n" in text.encode("utf-8", "surrogateescape")
    assert '"b/sub/odd \\033[31m\\nname.txt"' in text
    assert worktree_diff.dirty(yard.repository, tree) == ["latin.txt", "sub/odd \x1b[31m\nname.txt"]


def test_a_binary_and_a_very_long_file_count_as_files(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({"picture": b"\0\1\2", "long.txt": b"line\n" * 2_000_000}, at=tree)
    assert worktree_diff.stat(yard.repository, tree, yard.tip) == DiffStat(files=2)
    assert "Binary files /dev/null and b/long.txt differ" in worktree_diff.diff(yard.repository, tree, yard.tip)


def test_executable_bits_and_symlinks_are_seen_as_such(yard: Yard) -> None:
    tree = yard.worktree("login")
    (tree / "run.sh").chmod(0o755)
    (tree / "link").symlink_to("/etc/passwd")
    text = worktree_diff.diff(yard.repository, tree, yard.tip)
    assert "old mode 100644\nnew mode 100755" in text
    assert "new file mode 120000" in text
    assert "+/etc/passwd\n" in text
    assert "root:" not in text


def test_a_file_with_windows_line_ends_shows_only_its_changed_lines(yard: Yard) -> None:
    yard.commit({".gitattributes": "*.bat text eol=crlf\n", "go.bat": "one\ntwo\n"}, "eol")
    tree = yard.worktree("login")
    assert (tree / "go.bat").read_bytes() == b"one\r\ntwo\r\n"
    os.utime(tree / "go.bat", (1, 1))
    assert worktree_diff.dirty(yard.repository, tree) == []
    yard.write({"go.bat": b"one\r\n2\r\n"}, at=tree)
    assert worktree_diff.stat(yard.repository, tree, yard.tip) == DiffStat(files=1, insertions=1, deletions=1)


def test_an_unchanged_file_behind_a_filter_is_no_change(yard: Yard) -> None:
    yard.configure("filter.store.clean", "tr a-z A-Z")
    yard.configure("filter.store.smudge", "tr A-Z a-z")
    yard.commit({".gitattributes": "*.big filter=store\n", "a.big": "ONE\n", "b.big": "TWO\n"}, "filtered")
    for name in ("a.big", "b.big"):
        (yard.root / name).unlink()
    yard.git("checkout", "--", ".")
    assert (yard.root / "a.big").read_text() == "one\n"
    assert worktree_diff.dirty(yard.repository, yard.root) == []
    yard.write({"a.big": "three\n"})
    assert worktree_diff.dirty(yard.repository, yard.root) == ["a.big"]


def test_a_renamed_file_counts_its_changed_lines_only(yard: Yard) -> None:
    tree = yard.worktree("login")
    (tree / "app.py").rename(tree / "main.py")
    assert worktree_diff.stat(yard.repository, tree, yard.tip) == DiffStat(files=1)
    assert worktree_diff.dirty(yard.repository, tree) == ["app.py", "main.py"]


def test_a_directory_that_became_a_file_and_back_is_seen(yard: Yard, tmp_path: Path) -> None:
    tree, cache = yard.worktree("login"), tmp_path / "cache"
    (tree / "docs/guide.md").unlink()
    (tree / "docs").rmdir()
    yard.write({"docs": "now a file\n"}, at=tree)
    (tree / "app.py").unlink()
    yard.write({"app.py/inner.py": "now a directory\n"}, at=tree)
    expected = ["app.py", "app.py/inner.py", "docs", "docs/guide.md"]
    assert worktree_diff.dirty(yard.repository, tree, cache=cache) == expected


def test_the_persons_own_checkout_can_be_looked_at(yard: Yard) -> None:
    yard.write({"app.py": "mine\n", "staged.txt": "x\n"})
    yard.git("add", "staged.txt")
    assert worktree_diff.dirty(yard.repository, yard.root) == ["app.py", "staged.txt"]
    assert yard.git("status", "--porcelain") == "M app.py\nA  staged.txt"


def test_a_directory_that_is_no_worktree_is_not_found(yard: Yard, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no worktree"):
        worktree_diff.stat(yard.repository, tmp_path, yard.tip)


def test_a_snapshot_holds_everything_and_moves_nothing(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write(
        {"app.py": "changed\n", "new file.txt": "new\n", "docs/guide.md": None, "long": b"x" * 5_000_000}, at=tree
    )
    before = yard.git("status", "--porcelain", at=tree)
    commit = worktree_diff.snapshot(yard.repository, tree, "keep")
    listing = yard.git("ls-tree", "-r", "--name-only", commit).splitlines()
    assert listing == ["app.py", "long", "new file.txt", "run.sh"]
    assert yard.git("show", f"{commit}:app.py") == "changed"
    assert len(yard.git("show", f"{commit}:long")) == 5_000_000
    assert yard.git("rev-parse", f"{commit}^") == yard.tip
    assert yard.git("status", "--porcelain", at=tree) == before
    assert yard.git("log", "-1", "--format=%an <%ae> %s", commit) == "Ada <ada@example.org> keep"


def test_a_snapshot_refuses_a_file_too_large_to_keep(yard: Yard) -> None:
    tree = yard.worktree("login")
    with (tree / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Refused, match=r"'sparse' has 1,099,511,627,776 bytes"):
        worktree_diff.snapshot(yard.repository, tree, "keep")
    assert worktree_diff.stat(yard.repository, tree, yard.tip) == DiffStat(files=1)


def test_a_repository_with_sha256_names_works_the_same(yard: Yard) -> None:
    other = yard.place / "other"
    yard.git("init", "--quiet", "--object-format=sha256", str(other))
    base = yard.commit({"app.py": "one\n"}, "begin", at=other)
    yard.write({"app.py": "two\n", "new.txt": "x\n"}, at=other)
    repo = Repository.open(other)
    assert len(base) == 64
    assert worktree_diff.stat(repo, other, base) == DiffStat(files=2, insertions=2, deletions=1)
    assert len(worktree_diff.snapshot(repo, other, "keep")) == 64


def test_a_look_that_was_killed_leaves_nothing_in_the_way(yard: Yard, tmp_path: Path) -> None:
    tree, cache = yard.worktree("login"), tmp_path / "cache"
    worktree_diff.dirty(yard.repository, tree, cache=cache)
    yard.write({"new.txt": "x\n"}, at=tree)
    for name in ("index.lock", "seen.index.lock"):
        (cache / "look" / name).touch()
    (cache / "look/stage-left").mkdir()
    (cache / "mine.lock").touch()
    assert worktree_diff.dirty(yard.repository, tree, cache=cache) == ["new.txt"]
    assert not list(cache.glob("look/stage-*"))
    assert sorted(place.name for place in cache.iterdir()) == ["look", "mine.lock"]


def test_a_spoilt_cache_is_forgotten(yard: Yard, tmp_path: Path) -> None:
    tree, cache = yard.worktree("login"), tmp_path / "cache"
    worktree_diff.dirty(yard.repository, tree, cache=cache)
    (cache / "look/index").write_bytes(b"spoilt")
    (cache / "look/seen.index").write_bytes(b"spoilt")
    with pytest.raises(CommandFailed):
        worktree_diff.dirty(yard.repository, tree, cache=cache)
    assert worktree_diff.dirty(yard.repository, tree, cache=cache) == []


def test_a_checkout_amid_a_conflict_can_be_looked_at_and_kept(yard: Yard) -> None:
    yard.git("switch", "--quiet", "--create", "other")
    yard.commit({"app.py": "theirs\n"}, "theirs")
    yard.git("switch", "--quiet", "trunk")
    yard.commit({"app.py": "ours\n"}, "ours")
    with pytest.raises(subprocess.CalledProcessError):
        yard.git("merge", "other")
    assert worktree_diff.dirty(yard.repository, yard.root) == ["app.py"]
    commit = worktree_diff.snapshot(yard.repository, yard.root, "keep")
    assert "<<<<<<< HEAD" in yard.git("show", f"{commit}:app.py")


def test_a_checkout_without_an_index_is_told_apart(yard: Yard) -> None:
    (yard.root / ".git/index").unlink()
    with pytest.raises(NotFound, match="no git index"):
        worktree_diff.dirty(yard.repository, yard.root)


def settled_mark(yard: Yard, tree: Path, cache: Path) -> str:
    """Return the mark of a look, once the file is old enough to be told apart by its times."""
    until(lambda: Sight.of((tree / "new.txt").stat(), time.time()).mark, "an old file")
    return worktree_diff.count(yard.repository, tree, yard.tip, cache=cache).mark


def test_a_change_that_counts_the_same_has_another_mark(yard: Yard, tmp_path: Path) -> None:
    tree = yard.worktree("login")
    yard.write({"new.txt": "one\n"}, at=tree)
    before, counted = settled_mark(yard, tree, tmp_path), worktree_diff.stat(yard.repository, tree, yard.tip)
    assert settled_mark(yard, tree, tmp_path) == before
    yard.write({"new.txt": "two\n"}, at=tree)
    assert worktree_diff.stat(yard.repository, tree, yard.tip) == counted
    after = settled_mark(yard, tree, tmp_path)
    assert after != before
    yard.commit({}, "work", at=tree)
    assert settled_mark(yard, tree, tmp_path) != after
