"""A project that a test works on in its own process: real git, store and tmux, agents on the host, and no service."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestra.actions.spawn import spawn
from orchestra.drivers.tmux import Tmux
from orchestra.model import Session
from orchestra.project import Project

AGENT = "helper"
"""The profile of this project's agents: a program that does nothing until it is stopped."""
_PROFILE = "family: plain\ncommand: [sh, -c, 'exec sleep 3600']\n"
_GIT_CONFIG = "[user]\n\tname = Test Person\n\temail = person@example.invalid\n[init]\n\tdefaultBranch = main\n"
_DEADLINE = 60.0


@dataclass(frozen=True)
class HostProject:
    """A repository on the branch ``main`` with one commit, opened; ``place`` holds all there is of it."""

    place: Path
    project: Project
    tmux: Tmux

    @property
    def source(self) -> Path:
        """The person's checkout."""
        return self.project.paths.source

    def spawn(self, title: str, *, task: str = "", base: str = "") -> Session:
        """Create an executor, its agent running in a window of the project's own tmux."""
        return spawn(self.project, title=title, task=task or f"Do {title}.", base=base)

    def session(self, name: str) -> Session:
        """Return the session as it is recorded now."""
        return self.project.store.session(name)

    def git(self, *words: str, cwd: Path | None = None, check: bool = True) -> str:
        """Run git as a person would, by default in the checkout; return its output without the last line's end."""
        done = subprocess.run(
            ("git", *words),
            cwd=cwd or self.source,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_DEADLINE,
        )
        if check and done.returncode != 0:
            pytest.fail(f"git {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def write(self, where: Session | Path, name: str, text: str) -> Path:
        """Write a file into a session's worktree, or below a directory."""
        file = (where.worktree if isinstance(where, Session) else where) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self, where: Session | Path, name: str, text: str, message: str = "") -> str:
        """Commit one file in a session's worktree, as its agent would, or in a checkout; return the commit's id."""
        tree = where.worktree if isinstance(where, Session) else where
        self.write(tree, name, text)
        self.git("add", "--", name, cwd=tree)
        self.git("commit", "--quiet", "--message", message or f"Change {name}", cwd=tree)
        return self.git("rev-parse", "HEAD", cwd=tree)

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Return the refs below a prefix, and where each points."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def fsck(self) -> str:
        """Return what ``git fsck`` complains of; empty where the repository is whole."""
        return self.git("fsck", "--full", "--strict", "--no-dangling", "--no-progress", check=False)

    def windows(self) -> list[str]:
        """Return the names of the sessions that have a window of their own."""
        return sorted(window.session for window in self.tmux.windows() if window.session)

    def processes(self) -> dict[int, str]:
        """Return the processes that belong to this project, by number, with their command lines."""
        return processes_of(self.place)


def processes_of(place: Path) -> dict[int, str]:
    """Return the processes whose environment names ``place``, this one left out, with their command lines."""
    mark = os.fsencode(place) + b"/"
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark in (entry / "environ").read_bytes():
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found.update({int(entry.name): line} if line else {})
        except OSError:
            continue
    return found


@contextmanager
def host_project(monkeypatch: pytest.MonkeyPatch, *, files: dict[str, str] | None = None) -> Iterator[HostProject]:
    """Make a project with ``files`` in its first commit, and take everything away again; ends with the store open."""
    # A tmux socket's address holds some 100 bytes, fewer than pytest's own directories are long.
    place = Path(tempfile.mkdtemp(prefix="op-"))
    _surroundings(place, monkeypatch)
    source = place / "tempo"
    _repository(source, files or {"README.md": "hello\n"})
    found = HostProject(place, Project.open(source), Tmux.own("inner"))
    store = found.project.store
    try:
        store.set("tmux.socket", found.tmux.socket)
        store.set("tmux.session", found.tmux.start("work", source))
        # Agents are told where the service would be; it is not asked for anything here.
        store.set("service.port", "1")
        yield found
    finally:
        for session in store.sessions():
            found.project.sandbox(session.sandbox).remove(found.project.box_name(session))
        store.close()
        found.tmux.server.ask(("kill-server",), check=False)
        shutil.rmtree(place, ignore_errors=True)


def _repository(source: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Begin")):
        subprocess.run(("git", *words), cwd=source, check=True, timeout=_DEADLINE)


def _surroundings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("home", "run", "tmux", "tmp", "orchestra/agents"):
        (place / name).mkdir(mode=0o700, parents=True)
    (place / "home" / ".gitconfig").write_text(_GIT_CONFIG)
    (place / "orchestra" / "agents" / f"{AGENT}.yaml").write_text(_PROFILE)
    (place / "orchestra" / "config.yaml").write_text(f"agent: {AGENT}\nsandbox: host\n")
    own = {"HOME": "home", "XDG_RUNTIME_DIR": "run", "TMUX_TMPDIR": "tmux", "TMPDIR": "tmp"}
    for name, directory in {**own, "ORCHESTRA_HOME": "orchestra"}.items():
        monkeypatch.setenv(name, str(place / directory))
    monkeypatch.setenv("SHELL", "/bin/sh")
    # Python remembers the first answer; a test's files belong into the test's own place.
    monkeypatch.setattr(tempfile, "tempdir", None)


__all__ = ["AGENT", "HostProject", "host_project", "processes_of"]
