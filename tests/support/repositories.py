"""A person's repository to try things on, with git settings of its own and nobody else's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestra.drivers.git.repository import Repository

PERSON = {"user.name": "Ada", "user.email": "ada@example.org", "init.defaultBranch": "trunk"}


@dataclass(frozen=True)
class Yard:
    """A repository on the branch ``trunk`` with one commit, and room beside it."""

    place: Path

    @classmethod
    def make(cls, place: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
        """Make the repository; git reads no settings but those of this yard."""
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(place))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(place / "gitconfig"))
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yard = cls(place.resolve())
        for key, value in PERSON.items():
            yard.configure(key, value)
        yard.root.mkdir()
        yard.git("init", "--quiet")
        yard.commit({"app.py": "one\ntwo\nthree\n", "docs/guide.md": "# Guide\n", "run.sh": "echo\n"}, "begin")
        return yard

    @property
    def root(self) -> Path:
        return self.place / "project"

    @property
    def ours(self) -> Path:
        return self.place / "worktrees"

    @property
    def repository(self) -> Repository:
        return Repository.open(self.root)

    @property
    def tip(self) -> str:
        return self.git("rev-parse", "HEAD")

    def configure(self, key: str, value: str) -> None:
        subprocess.run(("git", "config", "--file", str(self.place / "gitconfig"), key, value), check=True)

    def git(self, *args: str, at: Path | None = None) -> str:
        done = subprocess.run(("git", *args), cwd=at or self.root, check=True, capture_output=True)
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, files: Mapping[str, str | bytes | None], at: Path | None = None) -> None:
        for name, content in files.items():
            place = (at or self.root) / name
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, str | bytes | None], message: str, at: Path | None = None) -> str:
        self.write(files, at)
        self.git("add", "--all", at=at)
        self.git("commit", "--quiet", "--allow-empty", "-m", message, at=at)
        return self.git("rev-parse", "HEAD", at=at)

    def worktree(self, name: str, base: str = "trunk") -> Path:
        path = self.ours / name
        self.repository.add_worktree(path, f"orchestra/{name}", base)
        return path

    def ahead(self, files: Mapping[str, str | bytes | None]) -> tuple[str, str]:
        """Commit in a worktree of ours, past any filter; return (the commit, the trunk it is ahead of)."""
        base, tree = self.tip, self.worktree("agent")
        self.write(files, at=tree)
        self.git("-c", "filter.nb.clean=cat", "-c", "filter.nb.process=", "add", "--all", at=tree)
        self.git("commit", "--quiet", "--allow-empty", "-m", "work", at=tree)
        return self.git("rev-parse", "HEAD", at=tree), base
