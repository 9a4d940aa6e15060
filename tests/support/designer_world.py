"""A project whose designer writes the person's checkout, and attacks on it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest

from orchestra.actions.session import copy_files
from orchestra.actions.work import spec
from orchestra.actions.workspace.windows import editor_command
from orchestra.errors import OrchestraError
from orchestra.model import Session
from orchestra.names import MAIN
from orchestra.project import Project
from tests.conftest import MakeRepository
from tests.support.stores import add

SECRET = "hunter2-of-the-person"
EVIL = "touch /tmp/pwned # by the agent"
PLACES = ("home/.bashrc", "home/private/alpha.md", "home/.ssh/id_rsa", "home/.aws/credentials")


@dataclass
class World:
    """A project with a designer and the executor ``alpha``; the person's files lie in ``home``."""

    project: Project
    home: Path
    before: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The checkout, which the designer writes."""
        return self.project.paths.source

    @property
    def specs(self) -> Path:
        """The directory of the specs in the checkout, made."""
        self.project.paths.specs.mkdir(parents=True, exist_ok=True)
        return self.project.paths.specs

    @property
    def worktree(self) -> Path:
        """The executor's worktree."""
        return self.project.store.sessions.get("alpha").worktree

    @property
    def session(self) -> Session:
        """The executor."""
        return self.project.store.sessions.get("alpha")

    def updates(self, text: str = EVIL) -> None:
        """Let the designer use its own tool; that it is refused is fine."""
        with suppress(OrchestraError):
            spec.write_spec(self.project, "alpha", text, MAIN)

    def opens(self) -> None:
        """Let the person open the spec, change it, and save."""
        with suppress(OrchestraError):
            file = Path(editor_command(self.project, "alpha")[-1])
            file.write_text(file.read_text() + "\nthe person's own words\n")
            spec.notice_change(self.project, "alpha")

    def copies(self, *wanted: str) -> list[str]:
        """Fill a fresh worktree as a new session's; return what was said to be left out."""
        self.project.paths.home.config.write_text(f"copy: {list(wanted)!r}\n")
        lines: list[str] = []
        copy_files.copy_extras(self.project, self.session, lines.append)
        return lines

    def seen(self) -> str:
        """Return all that the agents can read by now: worktree, specs, messages."""
        store = self.project.store
        versions = [found.text for name in (MAIN, "alpha") if (found := store.specs.get(name))]
        messages = [message.text for message in store.messages.select()]
        files = [file for file in self.worktree.rglob("*") if file.is_file() and not file.is_symlink()]
        return "\n".join((*versions, *messages, *(file.read_text(errors="replace") for file in files)))

    def unharmed(self) -> None:
        """See that the person's files are as they were, and that no agent got to read them."""
        after = {str(file): file.read_text() for file in self.home.rglob("*") if file.is_file()}
        assert after == self.before
        assert SECRET not in self.seen()
        assert "ghp_TOKEN" not in self.seen()
        done = subprocess.run(("git", "status"), cwd=self.source, capture_output=True, timeout=60, check=False)
        assert (done.returncode, not self.home.with_name("canary").exists()) == (0, True)


Attack: TypeAlias = "Callable[[World], object]"


class Attacks(list[Attack]):
    """A list of attacks; as a decorator it adds one."""

    def __call__(self, function: Attack) -> Attack:
        """Add an attack to the list."""
        self.append(function)
        return function


def made_world(make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """Make a project whose checkout a designer writes, beside files of the person's."""
    source = make_repository()
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("VISUAL", raising=False)
    made = World(Project.open(source), tmp_path / "home")
    for name in PLACES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{SECRET}\n")
    made.before = {str(file): file.read_text() for file in made.home.rglob("*") if file.is_file()}
    config = source / ".git" / "config"
    config.write_text(config.read_text() + '[remote "origin"]\n\turl = https://me:ghp_TOKEN@example.org/x.git\n')
    add(made.project.store, MAIN, worktree=source)
    worktree = tmp_path / "worktrees" / "alpha"
    worktree.mkdir(parents=True)
    add(made.project.store, "alpha", worktree=worktree)
    made.project.store.specs.save("alpha", "the task", "person")
    yield made
    made.project.store.close()
