"""Sessions with real worktrees on the host, whose agent is a stand-in that says it runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestra.drivers.sandbox.host import HostSandbox
from orchestra.drivers.sandbox.protocol import Box
from orchestra.model import BoxSight, BoxState, Intent, Role, Session, State
from orchestra.project import Project
from tests.support.services import add_session


class Crash(BaseException):
    """Ends everything where it is raised, as kill -9 does: nobody catches it."""


@dataclass
class Agents:
    """The agents on this machine: which of them run, and what one does when it is asked to end."""

    running: set[str] = field(default_factory=set)
    last_words: dict[str, Callable[[], object]] = field(default_factory=dict)

    def look(self, name: str) -> BoxSight:
        return BoxSight(BoxState.RUNNING if name in self.running else BoxState.ABSENT)

    def stop(self, name: str) -> bool:
        ran = name in self.running
        if ran:
            self.last_words.get(name, lambda: None)()
        self.running.discard(name)
        return ran


@dataclass
class World:
    """A project with sessions that live."""

    project: Project
    agents: Agents

    def git(self, *args: str, at: Path | None = None) -> str:
        words = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", *args)
        done = subprocess.run(words, cwd=at or self.project.paths.source, check=True, capture_output=True, timeout=60)
        return done.stdout.decode().strip()

    def lives(self, name: str, files: dict[str, str] | None = None) -> Session:
        """Let a session live, with a worktree of its own and uncommitted files in it."""
        session = add_session(self.project, name, state=State.IDLE, intent=Intent.RUN)
        keep = f"refs/orchestra/base/{name}"
        self.project.repository.add_worktree(session.worktree, session.branch, session.base, keep=keep)
        self.agents.running.add(self.project.box_name(session))
        for path, text in (files or {}).items():
            (session.worktree / path).parent.mkdir(parents=True, exist_ok=True)
            (session.worktree / path).write_text(text)
        return session

    def anchored(self, name: str) -> dict[str, str]:
        """Return the files of a session's last anchor."""
        refs = self.git("for-each-ref", "--format=%(refname)", f"refs/orchestra/trash/{name}/").splitlines()
        names = self.git("ls-tree", "-r", "--name-only", refs[-1]).splitlines() if refs else []
        return {one: self.git("show", f"{refs[-1]}:{one}") for one in names}


@contextmanager
def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a project whose agents run on the host, as far as anybody can see."""
    source = tmp_path / "source"
    source.mkdir()
    project = Project.open(source) if (source / ".git").exists() else _opened(source)
    project.store.workspace.update(service_port=1)
    add_session(project, "main", Role.DESIGNER, worktree=source, branch="trunk")
    agents = Agents()

    def look(_: HostSandbox, box: Box | str) -> BoxSight:
        return agents.look(box if isinstance(box, str) else box.name)

    monkeypatch.setattr(HostSandbox, "look", look)
    monkeypatch.setattr(HostSandbox, "stop", lambda _, name, **__: agents.stop(name))
    monkeypatch.setattr(HostSandbox, "remove", lambda _, name: agents.stop(name))
    yield World(project, agents)
    project.store.close()


def _opened(source: Path) -> Project:
    for words in (
        ("init", "-q", "-b", "trunk"),
        ("-c", "user.name=P", "-c", "user.email=p@example.org", "commit", "-q", "--allow-empty", "-m", "first"),
    ):
        subprocess.run(("git", *words), cwd=source, check=True, timeout=60)
    return Project.open(source)
