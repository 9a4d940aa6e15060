"""One project, opened: the only place where the store, the drivers, the agents and the settings meet."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra.errors import DeadlineExceeded, NotARepository, Refused
from orchestra.paths import Home, ProjectPaths, SessionPaths

if TYPE_CHECKING:
    from orchestra.agents import Profile
    from orchestra.config import Settings
    from orchestra.drivers.repository import Repository
    from orchestra.drivers.sandbox import Sandbox
    from orchestra.drivers.tmux import Tmux
    from orchestra.model import SandboxKind, Session
    from orchestra.store import Store

LOCK_DEADLINE = 120.0
"""Seconds to wait for another process that is changing the same session."""
_LOCK_POLL = 0.02


class Project:
    """One git repository and everything Orchestra keeps about it; parts load when they are touched."""

    def __init__(self, paths: ProjectPaths, flags: Mapping[str, object] | None = None) -> None:
        self.paths = paths
        self.flags = dict(flags or {})
        self._sandboxes: dict[SandboxKind, Sandbox] = {}
        self._settings: tuple[object, Settings] | None = None

    @classmethod
    def open(cls, start: Path, flags: Mapping[str, object] | None = None) -> Project:
        """Open the project that ``start`` is in.

        A path inside an executor's worktree belongs to the project the worktree was made from.
        Raises NotARepository where there is none.
        """
        return cls(locate(start), flags)

    @cached_property
    def repository(self) -> Repository:
        """The project's git repository; raises NotARepository where sessions cannot work on it."""
        from orchestra.drivers.repository import Repository  # noqa: PLC0415 -- loads when touched

        return Repository.open(self.paths.source)

    @cached_property
    def store(self) -> Store:
        """The project's database."""
        from orchestra.store import Store  # noqa: PLC0415 -- loads when touched

        return Store.open(self.paths.database)

    @property
    def settings(self) -> Settings:
        """The merged settings, the project's own files only as far as the person consented; raises BadConfig.

        Read anew when a file or the consent changed: the service lives longer than a settings file.
        """
        files = (self.paths.home.config, self.paths.config, self.paths.dockerfile)
        consented = self.store.get("consent.config")
        key = (
            consented,
            *((file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None for file in files),
        )
        if self._settings is None or self._settings[0] != key:
            from orchestra.config import load  # noqa: PLC0415 -- loads when touched

            self._settings = (key, load(files[0], files[1], flags=self.flags, consented=consented))
        return self._settings[1]

    def sandbox(self, kind: SandboxKind) -> Sandbox:
        """Return the driver for one kind of sandbox."""
        if kind not in self._sandboxes:
            self._sandboxes[kind] = self._make_sandbox(kind)
        return self._sandboxes[kind]

    def _make_sandbox(self, kind: SandboxKind) -> Sandbox:
        from orchestra.model import SandboxKind  # noqa: PLC0415 -- loads when touched

        if kind is SandboxKind.HOST:
            from orchestra.drivers.host import HostSandbox  # noqa: PLC0415 -- loads when touched

            return HostSandbox(self.paths.state)
        from orchestra.drivers.docker import DockerSandbox  # noqa: PLC0415 -- loads when touched

        home = self.paths.home
        return DockerSandbox(
            f"orchestra-{home.tag}",
            internal=self.settings.network_internal,
            home_tag=home.tag,
            owner=home.owner,
            home=home.root,
        )

    def tmux(self) -> Tmux | None:
        """Return the tmux server that shows this project, or None while no server does."""
        socket = self.store.get("tmux.socket")
        if not socket:
            return None
        from orchestra.drivers.tmux import Tmux  # noqa: PLC0415 -- loads when touched

        server = Tmux(socket)
        return server if server.alive() else None

    def profile(self, name: str) -> Profile:
        """Return the profile called ``name``; raises UnknownProfile or BadConfig.

        A project's own profiles say what is installed and run, so they count only once the
        person has allowed them.
        """
        from orchestra.agents import load  # noqa: PLC0415 -- loads when touched

        return load(name, self.profile_dirs(), versions=self.settings.versions)

    def profile_dirs(self) -> tuple[Path, ...]:
        """Return the directories searched for profiles, the nearest first."""
        own = (self.paths.agents,) if self.store.get("consent.agents") == stamp(self.paths.agents) else ()
        return (*own, self.paths.home.agents)

    def place(self, session: Session) -> SessionPaths:
        """Return the places of a session."""
        return self.paths.session(session.id, session.name)

    def box_name(self, session: Session) -> str:
        """Return the name of the session's container."""
        return f"{self.box_prefix}{session.name}"

    @property
    def box_prefix(self) -> str:
        """What the names of the project's containers begin with."""
        return f"orchestra-{self.paths.home.tag}-{self.paths.key}-"

    @contextmanager
    def lock(self, name: str, *, deadline: float = LOCK_DEADLINE) -> Iterator[None]:
        """Hold the lock called ``name`` against every other process of this project.

        Raises DeadlineExceeded where somebody else keeps it for ``deadline`` seconds.
        """
        self.paths.locks.mkdir(exist_ok=True, mode=0o700)
        with (self.paths.locks / f"{name}.lock").open("w") as file:
            _acquire(file.fileno(), name, deadline)
            yield

    def check_source(self, start: Path | None = None) -> None:
        """Refuse a project that holds the person's home directory, or Orchestra's own; ``start`` is where they are."""
        from orchestra.drivers import protected  # noqa: PLC0415 -- loads when touched

        protected.refuse(self.paths.source, home=self.paths.home.root, start=start)

    def check_room(self, *, least: int = 64 * 1024 * 1024) -> None:
        """Refuse to begin where the disk has fewer than ``least`` bytes left, before anything is half made."""
        if shutil.disk_usage(self.paths.state).free < least:
            raise Refused(
                f"the disk that holds {self.paths.home.root} is full", hint="free some space, or type: orchestra gc"
            )


def stamp(directory: Path) -> str:
    """Return a hash of a directory's own files, so that consent ends when one of them changes; empty without any."""
    from orchestra.names import digest  # noqa: PLC0415 -- only projects with such files need it

    files = sorted(file for file in directory.glob("*") if file.is_file())
    text = "\0".join(f"{file.name}\0{file.read_text(errors='replace')}" for file in files)
    return digest(text, 32) if files else ""


def _acquire(descriptor: int, name: str, deadline: float) -> None:
    end = time.monotonic() + deadline
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                message = f"another orchestra process has been changing {name!r} for {deadline:.0f} s"
                raise DeadlineExceeded(
                    message, hint="wait for it, or look for it with: ps -ef | grep orchestra"
                ) from None
            time.sleep(_LOCK_POLL)
        else:
            return


def locate(start: Path, home: Home | None = None) -> ProjectPaths:
    """Return the places of the project that ``start`` is in, without running git.

    Raises NotARepository with the reason git would give.
    """
    home = home or Home.find()
    start = Path(os.path.realpath(start))
    if (owner := _worktree_owner(start, home)) is not None:
        return home.project(owner)
    for directory in (start, *start.parents):
        if (directory / ".git").exists():
            return home.project(directory)
    raise _no_repository(start)


def _worktree_owner(start: Path, home: Home) -> Path | None:
    worktrees = Path(os.path.realpath(home.root / "worktrees"))
    if worktrees not in start.parents:
        return None
    key = start.relative_to(worktrees).parts[0]
    record = home.root / "projects" / key / "source"
    return Path(record.read_text(encoding="utf-8", errors="surrogateescape")) if record.exists() else None


def _no_repository(start: Path) -> NotARepository:
    if not start.is_dir():
        return NotARepository(f"{start} is not a directory", hint="name a directory inside a git repository")
    if (start / "HEAD").is_file() and (start / "objects").is_dir():
        return NotARepository(f"{start} is a bare repository", hint="clone it, and start orchestra in the clone")
    return NotARepository(f"{start} is not inside a git repository", hint="cd into one, or make one: git init")
