"""Git's index, read and written without git: the real git reads what comes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestra.drivers.git import index_file
from tests.conftest import GitCall, MakeRepository

FILES = {"a": "a\n", "a/../b": "b\n", "deep/er/one": "1\n", "deep/er/other": "2\n", "deep/x" * 30: "x\n", "zoo": "z\n"}


def made(make: MakeRepository, git: GitCall, version: str, form: str) -> Path:
    root = make(files={os.path.normpath(name): text for name, text in FILES.items()}, init=(f"--object-format={form}",))
    git(root, "update-index", "--index-version", version)
    if version == "3":
        git(root, "update-index", "--skip-worktree", "zoo")
    return root


@pytest.mark.parametrize("form", ["sha1", "sha256"])
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_what_a_file_looks_like_is_written_where_git_reads_it(
    make_repository: MakeRepository, git: GitCall, version: str, form: str
) -> None:
    root = made(make_repository, git, version, form)
    entries = git(root, "ls-files", "-s")
    path = "deep/er/other"
    (root / "other").write_text("of another size\n")
    seen = (root / "other").stat()
    index_file.note(root / ".git/index", {path: seen}, form)
    noted = git(root, "ls-files", "--debug", path)
    assert f"size: {seen.st_size}\t" in noted
    assert f"ino: {seen.st_ino & 0xFFFFFFFF}\n" in noted
    assert "mtime: {}:{}\n".format(*divmod(seen.st_mtime_ns, 10**9)) in noted
    assert "ctime: {}:{}\n".format(*divmod(seen.st_ctime_ns, 10**9)) in noted
    assert git(root, "ls-files", "-s") == entries
    git(root, "fsck", "--no-progress")


@pytest.mark.parametrize("form", ["sha1", "sha256"])
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_repositories_inside_are_found(make_repository: MakeRepository, git: GitCall, version: str, form: str) -> None:
    root = made(make_repository, git, version, form)
    assert index_file.repositories(root / ".git/index", form) == []
    tip = git(root, "rev-parse", "HEAD")
    for name in ("deep/er/sub", "sub", "ünï/sub"):
        git(root, "update-index", "--add", "--cacheinfo", f"160000,{tip},{name}")
    assert index_file.repositories(root / ".git/index", form) == ["deep/er/sub", "sub", "ünï/sub"]


def test_without_an_index_there_is_none(tmp_path: Path) -> None:
    assert index_file.repositories(tmp_path / "index", "sha1") == []
