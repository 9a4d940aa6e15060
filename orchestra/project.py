"""An open project: the only module where the store, the drivers, the agents and the settings meet."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import files, safe_files
from orchestra.drivers.sandbox import protected_paths
from orchestra.errors import (
    BadConfig,
    DeadlineExceeded,
    NeedsConsent,
    NotARepository,
    Refused,
    ServiceDown,
    StoreError,
    UnknownProfile,
    UsageError,
)
from orchestra.model import ConsentKind
from orchestra.names import slug
from orchestra.paths import Home, ProjectPaths, SessionPaths
from orchestra.protocol import call
from orchestra.safe_files import Snapshot

if TYPE_CHECKING:
    from orchestra.agents import Profile
    from orchestra.config.settings import Settings
    from orchestra.drivers.git.repository import Repository
    from orchestra.drivers.sandbox.protocol import Sandbox
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.errors import OrchestraError
    from orchestra.model import SandboxKind, Session
    from orchestra.store import Store

_LOADING = threading.Lock()
LOCK_DEADLINE = 120.0
"""Seconds to wait for another process that is changing the same session."""


class Project:
    """One git repository and everything that Orchestra stores about it; parts are loaded on first use."""

    def __init__(self, paths: ProjectPaths, flags: Mapping[str, object] | None = None) -> None:
        self.paths = paths
        self.flags = dict(flags or {})
        self._sandboxes: dict[SandboxKind, Sandbox] = {}
        self._settings: tuple[object, Settings, OrchestraError | None] | None = None

    @classmethod
    def open(cls, start: Path, flags: Mapping[str, object] | None = None) -> Project:
        """Open the project that contains ``start``.

        A path inside an executor's worktree belongs to the project of that worktree. Raises
        NotARepository if there is none.
        """
        return cls(locate(start), flags)

    @cached_property
    def repository(self) -> Repository:
        """The project's git repository; raises NotARepository if sessions cannot work on it."""
        from orchestra.drivers.git.repository import Repository  # noqa: PLC0415 -- loads when touched

        return Repository.open(self.paths.source, scratch=self.paths.scratch)

    @cached_property
    def store(self) -> Store:
        """The project's database; raises Refused if it needs an upgrade while an older service runs."""
        from orchestra.store import Store  # noqa: PLC0415 -- loads when touched

        return Store.open(self.paths.database, before_upgrade=self._refuse_beside_older_service)

    def _refuse_beside_older_service(self) -> None:
        """Refuse to change the database under a running service, whose columns could then be gone."""
        try:
            call(self.paths.socket, "ping", {}, silence=5.0)
        except ServiceDown:
            return
        raise Refused("an older version of Orchestra still runs this project", hint="to replace it, type: orchestra up")

    @property
    def settings(self) -> Settings:
        """The merged settings, with the project's own files only as far as the person has consented.

        They are read again when a file or the consent has changed, because the service runs for
        long. Raises BadConfig, or Refused for a symlink: nothing is created or merged while a
        setting is unknown.
        """
        settings, trouble = self._read_settings()
        if trouble is not None:
            raise trouble.with_traceback(None)
        return settings

    @property
    def usable_settings(self) -> Settings:
        """The settings for actions that only show or end sessions: all readable ones, at least the built-in."""
        return self._read_settings()[0]

    @property
    def settings_trouble(self) -> OrchestraError | None:
        """The error if the settings cannot be read, else None."""
        return self._read_settings()[1]

    def _read_settings(self) -> tuple[Settings, OrchestraError | None]:
        consented, own = self.store.consents.get(ConsentKind.SETTINGS), self.paths.config
        try:
            seen: object = safe_files.look(self.paths.source, str(own.relative_to(self.paths.source)))
        except Refused as error:
            seen = error.message
        key = (consented, _facts(self.paths.home.config), seen)
        if self._settings is None or self._settings[0] != key:
            from orchestra.config.settings import load, load_usable  # noqa: PLC0415 -- loads when touched

            try:
                read = load(self.paths.home.config, own, flags=self.flags, consented=consented)
                self._settings = (key, read, None)
            except (BadConfig, Refused) as error:
                known = self._settings[1] if self._settings else load_usable(self.paths.home.config, self.flags)
                self._settings = (key, known, error)
        return self._settings[1:]

    def sandbox(self, kind: SandboxKind) -> Sandbox:
        """Return the driver for one kind of sandbox."""
        # Threads that import parts of one library at once can each get it half loaded.
        with _LOADING:
            if kind not in self._sandboxes:
                from orchestra.drivers.sandbox.factory import make_sandbox  # noqa: PLC0415 -- loads when touched

                self._sandboxes[kind] = make_sandbox(kind, self.paths, internal=lambda: self.settings.network_internal)
        return self._sandboxes[kind]

    def tmux(self) -> Tmux | None:
        """Return the tmux server that shows this project, or None."""
        socket = self.store.workspace.get().tmux_socket
        if not socket:
            return None
        from orchestra.drivers.tmux.driver import Tmux  # noqa: PLC0415 -- loads libtmux

        server = Tmux(socket)
        return server if server.alive() else None

    def profile(self, name: str) -> Profile:
        """Return the profile called ``name``; raises UnknownProfile or BadConfig.

        A project's own profiles decide what is installed and run, so they count only once the
        person has allowed them.
        """
        from orchestra.agents import load  # noqa: PLC0415 -- loads when touched

        try:
            return load(name, self.profile_dirs(), versions=self.usable_settings.versions)
        except UnknownProfile:
            self._require_consent(name)
            raise

    def agent_profile(self, name: str) -> Profile:
        """Return the profile of a session's agent; raises UsageError for a monitor's, and what `profile` raises."""
        profile = self.profile(name)
        if profile.is_monitor:
            message = f"{name} sums up sessions, and cannot be a session's agent"
            raise UsageError(message, hint=f"choose another: orchestra agents; to use it: monitor: {name}")
        return profile

    def _require_consent(self, profile: str) -> None:
        name = f"{self.paths.agents.relative_to(self.paths.source)}/{slug(profile)}.yaml"
        if slug(profile) == profile and safe_files.look(self.paths.source, name) is not None:
            message = f"the project's profile {profile!r} is new or has changed, and you have not allowed it"
            raise NeedsConsent(message, hint="to see and allow it: orchestra allow")

    def profile_dirs(self) -> tuple[Path | Snapshot, ...]:
        """Return the directories with profiles in order of precedence: the project's own only as allowed."""
        own = self.allowed(ConsentKind.AGENTS, self.paths.agents)
        return (*((own,) if own else ()), self.paths.home.agents)

    def allowed(self, kind: ConsentKind, directory: Path) -> Snapshot | None:
        """Return a snapshot of a directory of the project, if it is as the person allowed it under ``kind``."""
        consented = self.store.consents.get(kind)
        if not consented:
            return None
        try:
            snapshot = safe_files.snapshot(self.paths.source, str(directory.relative_to(self.paths.source)))
        except Refused:
            return None
        return snapshot if snapshot.digest == consented else None

    def session_paths(self, session: Session) -> SessionPaths:
        """Return the paths of a session."""
        return self.paths.session(session.id, session.name, session.home_name)

    def box_name(self, session: Session) -> str:
        """Return the name of the session's container."""
        return f"{self.box_prefix}{session.name}"

    @property
    def monitor_box(self) -> str:
        """The name of the boxes in which monitors run; no session's name has a dot."""
        return f"{self.box_prefix}.monitor"

    @property
    def box_prefix(self) -> str:
        """The prefix of the names of the project's containers."""
        return f"orchestra-{self.paths.home.tag}-{self.paths.key}-"

    @contextmanager
    def lock(self, name: str, *, deadline: float = LOCK_DEADLINE) -> Iterator[None]:
        """Hold the lock called ``name`` among all processes of this project.

        Raises DeadlineExceeded if another process holds it for ``deadline`` seconds, and StoreError if the project's
        state has been removed meanwhile.
        """
        try:
            self.paths.locks.mkdir(exist_ok=True, mode=0o700)
        except FileNotFoundError as error:
            gone = f"the state of {self.paths.source} has been removed: {self.paths.state}"
            raise StoreError(gone, hint="to begin anew, type: orchestra up") from error
        with (self.paths.locks / f"{name}.lock").open("w") as file:
            if not files.lock(file, deadline=deadline):
                message = f"another orchestra process has been changing {name!r} for {deadline:.0f} s"
                raise DeadlineExceeded(message, hint="wait for it, or find it with: ps -ef | grep orchestra")
            yield

    def check_source(self, start: Path | None = None) -> None:
        """Refuse a project that contains the person's home or Orchestra's; ``start`` is their current directory."""
        protected_paths.refuse(self.paths.source, home=self.paths.home.root, start=start)

    def check_room(self, *, least: int = 64 * 1024 * 1024) -> None:
        """Refuse to start if the disk has fewer than ``least`` bytes left."""
        if shutil.disk_usage(self.paths.state).free < least:
            raise Refused(
                f"the disk that holds {self.paths.home.root} is full", hint="free some space, or type: orchestra gc"
            )


def _facts(file: Path) -> tuple[int, int] | None:
    return (file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None


def locate(start: Path, home: Home | None = None) -> ProjectPaths:
    """Return the paths of the project that contains ``start``, without running git.

    Raises NotARepository with the reason that git would give.
    """
    home = home or Home.find()
    start = Path(os.path.realpath(start))
    if (owner := _worktree_owner(start, home)) is not None:
        _require_there(owner)
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


def _require_there(source: Path) -> None:
    if not source.is_dir():
        hint = "if you moved it, type in its new directory: orchestra up"
        raise NotARepository(f"the project of this worktree, {source}, no longer exists", hint=hint)


def _no_repository(start: Path) -> NotARepository:
    if not start.is_dir():
        return NotARepository(f"{start} is not a directory", hint="name a directory inside a git repository")
    if (start / "HEAD").is_file() and (start / "objects").is_dir():
        return NotARepository(f"{start} is a bare repository", hint="clone it, and start orchestra in the clone")
    return NotARepository(f"{start} is not inside a git repository", hint="cd to one, or create one: git init")
