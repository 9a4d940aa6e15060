"""Files that git leaves out of an anchor are kept beside it, within bounds, and put back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestra.drivers.git import anchors, ignored_files
from orchestra.errors import Refused
from tests.support.repositories import Yard


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    made = Yard.make(tmp_path, monkeypatch)
    made.commit({".gitignore": ".env\nout/\nnode_modules/\n.venv/\n.cache/\n"}, "ignore")
    return made


def found(yard: Yard, tree: Path) -> list[str]:
    ref = anchors.anchor(yard.repository, tree, "login")
    return [one.path for one in ignored_files.find(yard.repository, tree, ref, yard.root)]


def test_what_git_ignores_is_found_and_what_it_keeps_is_not(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({".env": "KEY=x\n", "out/model.bin": b"\0" * 9, "new.txt": "new", "app.py": "changed\n"}, at=tree)
    (tree / "out/link").symlink_to("/etc/passwd")
    yard.git("init", "--quiet", "nested", at=tree)
    yard.write({"nested/code.py": "x"}, at=tree)
    assert found(yard, tree) == [".env", "out/link", "out/model.bin"]


def test_what_tools_make_anew_and_what_the_checkout_has_is_left(yard: Yard) -> None:
    tree = yard.worktree("login")
    yard.write({".env": "KEY=x\n", "out/same.bin": "same", "out/other.bin": "one"})
    yard.write(
        {
            ".env": "KEY=x\n",
            "out/same.bin": "same",
            "out/other.bin": "two",
            "node_modules/a/index.js": "x",
            ".venv/pyvenv.cfg": "home = /usr",
            ".venv/lib/x.py": "x",
            ".cache/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55",
            ".cache/deep/x": "x",
        },
        at=tree,
    )
    assert found(yard, tree) == ["out/other.bin"]


def test_the_content_of_a_submodule_s_directory_is_found(yard: Yard, tmp_path: Path) -> None:
    yard.git("init", "--quiet", str(tmp_path / "lib"))
    yard.git("commit", "--quiet", "--allow-empty", "-m", "lib", at=tmp_path / "lib")
    yard.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "lib"), "vendor/lib")
    yard.git("commit", "--quiet", "-m", "submodule")
    tree = yard.worktree("login")
    yard.write({"vendor/lib/patch.c": "three days"}, at=tree)
    assert "vendor/lib/patch.c" in found(yard, tree) or "vendor/lib/patch.c" in yard.git(
        "ls-tree", "-r", "--name-only", anchors.anchors(yard.repository)[-1].ref
    )


def test_files_come_back_as_they_were_and_overwrite_nothing(yard: Yard, tmp_path: Path) -> None:
    tree, kept = yard.worktree("login"), tmp_path / "kept"
    yard.write({"out/a": "a", "out/b": "b", "out/run.sh": "echo"}, at=tree)
    (tree / "out/run.sh").chmod(0o755)
    (tree / "out/link").symlink_to("a")
    ref = anchors.anchor(yard.repository, tree, "login")
    for _ in range(2):
        ignored_files.keep(tree, ignored_files.find(yard.repository, tree, ref, yard.root), kept)
    other = tmp_path / "other"
    (other / "out").mkdir(parents=True)
    (other / "out/a").write_text("mine")
    for _ in range(2):
        ignored_files.put_back(kept, other)
    assert {one.name: one.read_text() for one in (other / "out").iterdir()} == {
        "a": "mine", "b": "b", "run.sh": "echo", "link": "mine",
    }  # fmt: skip
    assert os.access(other / "out/run.sh", os.X_OK)
    assert (other / "out/link").is_symlink()


def test_nothing_is_put_back_behind_a_symlink(yard: Yard, tmp_path: Path) -> None:
    tree, kept, victim = yard.worktree("login"), tmp_path / "kept", tmp_path / "victim"
    yard.write({"out/a": "a"}, at=tree)
    ref = anchors.anchor(yard.repository, tree, "login")
    ignored_files.keep(tree, ignored_files.find(yard.repository, tree, ref, yard.root), kept)
    victim.mkdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "out").symlink_to(victim)
    with pytest.raises(Refused):
        ignored_files.put_back(kept, other)
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 5), ("MOST_FILES", 1)])
def test_too_much_is_refused_by_name(
    yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    tree = yard.worktree("login")
    yard.write({"out/model.bin": "123456", ".env": "KEY"}, at=tree)
    monkeypatch.setattr(ignored_files, limit, value)
    ref = anchors.anchor(yard.repository, tree, "login")
    files = ignored_files.find(yard.repository, tree, ref, yard.root)
    with pytest.raises(Refused, match="more than can be kept: out"):
        ignored_files.keep(tree, files, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
