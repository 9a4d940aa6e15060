"""A temporary project with the person's settings, which leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.actions.service_process import ping, quit_service
from orchestra.actions.session import provision
from orchestra.drivers import process
from orchestra.drivers.git import command
from orchestra.errors import CommandFailed, DeadlineExceeded, EngineDown, OrchestraError
from orchestra.model import Intent, Role, SandboxKind, Session, Sign
from orchestra.paths import Home, ProjectPaths
from orchestra.project import Project

if TYPE_CHECKING:
    from orchestra.config.settings import Settings
    from orchestra.drivers.sandbox.protocol import Sandbox
    from orchestra.safe_files import Snapshot

PREFIX = "check-"
"""The prefix of the keys of these projects; the id of the process that made them follows."""
_NAME = "check"
_LEAVING = 5.0
_POLL = 0.05
_FILE = "README"


class ScratchProject(Project):
    """A temporary project with the settings, profiles and sandboxes of another."""

    def __init__(self, paths: ProjectPaths, like: Project) -> None:
        super().__init__(paths, like.flags)
        self._like = like

    def _read_settings(self) -> tuple[Settings, OrchestraError | None]:
        return self._like._read_settings()  # noqa: SLF001 -- another project, of the same kind

    def profile_dirs(self) -> tuple[Path | Snapshot, ...]:
        """Return the other project's directories of profiles."""
        return self._like.profile_dirs()

    def sandbox(self, kind: SandboxKind) -> Sandbox:
        """Return the other project's sandbox, with its network."""
        return self._like.sandbox(kind)


@contextmanager
def beside(project: Project, agent: str, kind: SandboxKind) -> Iterator[tuple[Project, Session]]:
    """Yield a project with one commit and one executor that is not started; remove everything afterwards.

    Raises the errors of git and the file system.
    """
    home = project.paths.home
    sweep(project)
    root = home.root / "checks" / f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"
    with _termination_as_interrupt(), _network_as_before(project, kind):
        try:
            _repository(root)
            scratch = ScratchProject(home.project(root), project)
            with contextlib.closing(scratch.store):
                yield scratch, _executor(scratch, agent, kind)
        finally:
            _take_away(home, root)


def _repository(root: Path) -> None:
    root.mkdir(parents=True, mode=0o700)
    (root / _FILE).write_text("A temporary repository.\n")
    person = ("-c", "user.name=Orchestra", "-c", "user.email=orchestra@localhost", "-c", "commit.gpgSign=false")
    for words in (("init", "-q", "-b", "main"), ("add", _FILE), (*person, "commit", "-q", "-m", "Begin")):
        process.run(("git", "-c", "core.hooksPath=/dev/null", *words), cwd=root, env=command.environment(), deadline=10)


def _executor(scratch: Project, agent: str, kind: SandboxKind) -> Session:
    head, branch = scratch.repository.head()
    session = scratch.store.sessions.add(
        name=_NAME,
        title=_NAME,
        role=Role.EXECUTOR,
        agent=agent,
        sandbox=kind,
        branch=f"{scratch.settings.branch_prefix}{_NAME}",
        base=head,
        base_branch=branch,
        worktree=scratch.paths.worktrees / _NAME,
        parent=None,
        intent=Intent.STOP,
        model=scratch.settings.model,
        conversation="6f0c3b1e-8d55-4c51-9a53-0d6a3b7e2f10",
        head=head,
    )
    # There is nothing to stop, and a stop would remove its credentials.
    scratch.store.sessions.record_sign(_NAME, Sign.STOPPED, "not started")
    session.worktree.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch.repository.add_worktree(session.worktree, session.branch, head)
    provision.prepare_directories(scratch, session)
    if kind is SandboxKind.DOCKER:
        provision.private_git(scratch, session)
    return scratch.store.sessions.get(_NAME)


def sweep(project: Project) -> None:
    """Remove what a killed process left behind."""
    home = project.paths.home
    for root in (home.root / "checks").glob(f"{PREFIX}*"):
        if not _alive(root.name):
            with contextlib.suppress(EngineDown, DeadlineExceeded):
                _remove_containers(project, Project(home.project(root)).box_prefix)
            _take_away(home, root)


def _remove_containers(project: Project, prefix: str) -> None:
    sandbox = project.sandbox(SandboxKind.DOCKER)
    for name in sandbox.look_all():
        if name.startswith(prefix):
            sandbox.remove(name)


def _alive(name: str) -> bool:
    number = name.removeprefix(PREFIX).partition("-")[0]
    return number.isdigit() and _runs(int(number))


def _take_away(home: Home, root: Path) -> None:
    paths = home.project(root)
    with contextlib.suppress(OrchestraError):
        _end_service(paths)
    session = paths.session(1, _NAME)
    for directory in (paths.worktrees, paths.state, session.secrets.parent, root):
        with contextlib.suppress(FileNotFoundError):
            safe_files.remove(directory)
    paths.socket.unlink(missing_ok=True)
    for shared in (root.parent, paths.worktrees.parent, session.secrets.parent.parent):
        with contextlib.suppress(OSError):
            shared.rmdir()


def _end_service(paths: ProjectPaths, *, pause: Callable[[float], None] = time.sleep) -> None:
    answer = ping(paths)
    if answer is None:
        return
    quit_service(paths)
    for _ in range(round(_LEAVING / _POLL)):
        if not _runs(int(answer["pid"])):
            return
        pause(_POLL)


def _runs(pid: int) -> bool:
    """Return whether a process runs; one that has ended but was not waited for shows no command."""
    with contextlib.suppress(OSError):
        return bool(Path("/proc", str(pid), "cmdline").read_bytes())
    return False


@contextmanager
def _network_as_before(project: Project, kind: SandboxKind) -> Iterator[None]:
    if kind is SandboxKind.HOST:
        yield
        return
    sandbox = project.sandbox(kind)
    known = sandbox.has_network()
    try:
        yield
    finally:
        if not known:
            # Another container may use it by now.
            with contextlib.suppress(CommandFailed):
                sandbox.remove_network()


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Handle termination signals like ^C, so that everything is removed first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
