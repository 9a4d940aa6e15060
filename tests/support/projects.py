"""A project that a test works on in its own process: real git, store and tmux, and no service.

Its agents run on the host, or, where that is asked for, in containers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from orchestra.actions.maintenance import gc
from orchestra.actions.session import container_spec
from orchestra.actions.session.spawn import spawn
from orchestra.drivers.tmux.driver import Tmux
from orchestra.model import SandboxKind, Session
from orchestra.project import Project

AGENT = "helper"
"""The profile of this project's agents: a program that does nothing until it is stopped."""
GIT_IMAGE = "orchestra-test-git:1"
PERSONS = "exec sleep 7200"
"""What runs in the window that the person had open before."""
PROFILE = "family: plain\ncommand: [sh, -c, 'exec sleep 3600']\n"
"""That profile, as its file."""
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
        return self.project.store.sessions.get(name)

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
        inside = isinstance(where, Session) and where.sandbox is SandboxKind.DOCKER
        git = partial(self._git_inside, where) if isinstance(where, Session) and inside else partial(self.git, cwd=tree)
        git("add", "--", name)
        git("commit", "--quiet", "--message", message or f"Change {name}")
        return git("rev-parse", "HEAD")

    def _git_inside(self, session: Session, *words: str) -> str:
        """Run git in a session's container, where its agent's commits are made."""
        box = container_spec.box_for(self.project, session)
        return self.project.sandbox(session.sandbox).execute(box, ("git", *words)).text.rstrip("\n")

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Return the refs below a prefix, and where each points."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def fsck(self) -> str:
        """Return what ``git fsck`` complains of; empty where the repository is whole."""
        return self.git("fsck", "--full", "--strict", "--no-dangling", "--no-progress", check=False)

    def open_tmux(self) -> None:
        """Start the tmux server with the person's own window in it: without one, tmux would end with the last agent."""
        store = self.project.store
        store.workspace.update(tmux_socket=self.tmux.socket)
        store.workspace.update(tmux_session=(work := self.tmux.start("work", self.source)))
        self.tmux.server.ask(("new-window", "-d", "-t", work, PERSONS))

    def windows(self) -> list[str]:
        """Return the names of the sessions that have a window of their own."""
        return sorted(window.session for window in self.tmux.windows.all() if window.session)

    def processes(self) -> dict[int, str]:
        """Return the processes that belong to this project, by number, with their command lines."""
        return processes_of(self.place)


def build_git_image(context: Path) -> str:
    """Return the name of a local image that has git in it, built in the directory ``context`` on first use and kept."""
    present = subprocess.run(("docker", "image", "inspect", GIT_IMAGE), capture_output=True, check=False, timeout=30)
    if present.returncode != 0:
        (context / "Dockerfile").write_text(
            "FROM debian:bookworm-slim\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git\n"
        )
        build = ("docker", "build", "--quiet", "--network", "host", "--tag", GIT_IMAGE, str(context))
        subprocess.run(build, check=True, timeout=300, capture_output=True)
    return GIT_IMAGE


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
def host_project(
    monkeypatch: pytest.MonkeyPatch, *, files: dict[str, str] | None = None, image: str = ""
) -> Iterator[HostProject]:
    """Make a project with ``files`` in its first commit, and take everything away again.

    With ``image``, one that holds git, its agents run in containers made from that.
    """
    # A tmux socket's address holds some 100 bytes, fewer than pytest's own directories are long.
    place = Path(tempfile.mkdtemp(prefix="op-"))
    _surroundings(place, monkeypatch, image)
    source = place / "tempo"
    _repository(source, files or {"README.md": "hello\n"})
    found = HostProject(place, Project.open(source), Tmux.own("inner"))
    store = found.project.store
    try:
        found.open_tmux()
        # Agents are told where the service would be; it is not asked for anything here.
        store.workspace.update(service_port=1)
        yield found
    finally:
        for session in found.project.store.sessions.all():
            found.project.sandbox(session.sandbox).remove(found.project.box_name(session))
        if image:
            gc.gc(found.project, remove=True, everything=True)
        found.project.store.close()
        found.tmux.server.ask(("kill-server",), check=False)
        shutil.rmtree(place, ignore_errors=True)


def _repository(source: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Begin")):
        subprocess.run(("git", *words), cwd=source, check=True, timeout=_DEADLINE)


def _surroundings(place: Path, monkeypatch: pytest.MonkeyPatch, image: str) -> None:
    for name in ("home", "run", "tmux", "tmp", "orchestra/agents"):
        (place / name).mkdir(mode=0o700, parents=True)
    (place / "home" / ".gitconfig").write_text(_GIT_CONFIG)
    (place / "orchestra" / "agents" / f"{AGENT}.yaml").write_text(PROFILE)
    where = f"sandbox: docker\nimage: {image}" if image else "sandbox: host"
    (place / "orchestra" / "config.yaml").write_text(f"agent: {AGENT}\n{where}\n")
    own = {"HOME": "home", "XDG_RUNTIME_DIR": "run", "TMUX_TMPDIR": "tmux", "TMPDIR": "tmp"}
    for name, directory in {**own, "ORCHESTRA_HOME": "orchestra"}.items():
        monkeypatch.setenv(name, str(place / directory))
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # Python remembers the first answer; a test's files belong into the test's own place.
    monkeypatch.setattr(tempfile, "tempdir", None)


__all__ = ["AGENT", "GIT_IMAGE", "PERSONS", "PROFILE", "HostProject", "build_git_image", "host_project", "processes_of"]
