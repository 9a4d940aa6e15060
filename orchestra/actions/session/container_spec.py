"""The definition of a session's box and mounts, its image, and its tmux window."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra.actions.session import paired_git
from orchestra.drivers.git.private_dir import container_objects
from orchestra.drivers.sandbox import build_context
from orchestra.drivers.sandbox.protocol import AGENT_FILES, AGENT_HOME, SECRETS, Box, Limits, Mount
from orchestra.errors import OrchestraError, Refused
from orchestra.model import BoxSight, BoxState, ConsentKind, Role, SandboxKind, Session, Window

if TYPE_CHECKING:
    from orchestra.drivers.process import Completed
    from orchestra.drivers.sandbox.build_context import BuildContext
    from orchestra.drivers.sandbox.images import ImageRecipe
    from orchestra.drivers.tmux.driver import Tmux
    from orchestra.project import Project

WHEN_READY = 'until [ -e "$0/launch.sh" ] && [ -e "$1/HEAD" ]; do sleep 0.02; done; exec sh "$0/launch.sh"'
"""What a container runs: the launcher, as soon as the launcher and the private git directory exist.

Both are written while the container starts, which takes ten times as long; each of the two files is
the last of its group to be written.
"""


def box_for(project: Project, session: Session, *, image: str = "") -> Box:
    """Return the definition of a session's box; without ``image`` the box can be inspected but not created.

    Unreadable limits are left out: whoever creates a box for an agent reads the settings first.
    """
    paths = project.session_paths(session)
    settings = project.usable_settings
    in_docker = session.sandbox is SandboxKind.DOCKER
    agent_dir = AGENT_FILES if in_docker else str(paths.agent)
    return Box(
        name=project.box_name(session),
        image=image,
        command=("sh", "-c", WHEN_READY, agent_dir, str(paths.git)) if in_docker else ("sh", f"{agent_dir}/launch.sh"),
        workdir=session.worktree,
        mounts=mounts(project, session) if in_docker and image else (),
        env=_environment(paths.home, in_docker=in_docker),
        labels={"orchestra.project": project.paths.key, "orchestra.session": session.name},
        uid=os.getuid(),
        gid=os.getgid(),
        hostname=session.name,
        limits=Limits(memory=settings.memory, cpus=settings.cpus, pids=settings.pids),
        home=paths.home,
        modes=_takes_typing(project, session),
    )


def _takes_typing(project: Project, session: Session) -> bool:
    try:
        return project.profile(session.agent).takes_typing
    except OrchestraError:
        # The profile is gone or has changed; the session can still be inspected, stopped and deleted.
        return False


def _environment(home: Path, *, in_docker: bool) -> dict[str, str]:
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    if in_docker:
        return {**terminal, "HOME": AGENT_HOME}
    settings = [
        file for file in (Path.home() / ".gitconfig", Path.home() / ".config" / "git" / "config") if file.is_file()
    ]
    # Its home is not the person's, but its commits have the person's name.
    identity = {"GIT_CONFIG_GLOBAL": str(settings[0])} if settings else {}
    return {**terminal, **identity, "HOME": str(home)}


def mounts(project: Project, session: Session) -> tuple[Mount, ...]:
    """Return the mounts of a session's container.

    The host's git directory is never among them: the worktree's ``.git`` is covered, and only
    objects are shared, read-only.
    """
    paths = project.session_paths(session)
    objects = (Mount(source, target, read_only=True) for source, target in container_objects(project.repository))
    shared = (
        *_profile_files(project, session),
        Mount(paths.home, AGENT_HOME),
        Mount(paths.agent, AGENT_FILES, read_only=True),
        Mount(paths.secrets, SECRETS, read_only=True),
        Mount(paths.git, str(paths.git)),
    )
    return (
        *_source(project, session),
        Mount(session.worktree, str(session.worktree)),
        _cover(session, paths.pointer, paths.git),
        *paired_git.inner_covers(project, session),
        *shared,
        *objects,
    )


def _profile_files(project: Project, session: Session) -> list[Mount]:
    """Return the mounts that put a profile's own files at ``/orchestra/NAME``."""
    own = project.session_paths(session).agent / "files"
    try:
        names = list(project.profile(session.agent).files)
    except OrchestraError:
        names = []
    return [Mount(own / name, f"/orchestra/{name}", read_only=True) for name in names if (own / name).is_file()]


def _cover(session: Session, pointer: Path, private: Path) -> Mount:
    target = session.worktree / ".git"
    if target.is_dir():
        return Mount(private, str(target))
    return Mount(pointer, str(target), read_only=True)


def _source(project: Project, session: Session) -> tuple[Mount, ...]:
    if not session.paired or session.role is Role.DESIGNER:
        return ()
    whole = Mount(project.paths.source, str(project.paths.source))
    git, covering = project.paths.source / ".git", paired_git.git_cover(project, session)
    if git.is_dir():
        return whole, Mount(covering, str(git), read_only=True)
    pointer = Mount(paired_git.pointer_cover(project, session), str(git), read_only=True)
    return whole, pointer, Mount(covering, str(covering), read_only=True)


def recipe_for(project: Project, agent: str) -> ImageRecipe:
    """Return the recipe for the image of a profile's agent."""
    from orchestra.drivers.sandbox.images import ImageRecipe  # noqa: PLC0415 -- loads docker

    settings = project.settings
    profile = project.profile(agent)
    return ImageRecipe(
        base=settings.base_image,
        profile=profile.like or profile.name,
        install=profile.install,
        npm=profile.npm,
        setup=settings.setup,
        context=_context(project),
        image=settings.image,
    )


def _context(project: Project) -> BuildContext | None:
    """Return the project's own build context if the person allowed it as it is now, else None."""
    allowed = project.store.consents.get(ConsentKind.IMAGE)
    if not allowed:
        return None
    try:
        context = build_context.read(project.paths.dockerfile.parent)
    except Refused:
        return None
    return context if context is not None and context.digest == allowed else None


_CHECKOUT = """
tree=$(mktemp -d) && cd "$tree" && git init -q . && printf '%s\\n' "$3" >.git/objects/info/alternates
git -c core.hooksPath=/dev/null checkout -q --detach "$1" && sh -c "$2"
code=$?; cd / && rm -rf "$tree"; exit $code
"""


def run_check(
    project: Project, session: Session, commit: str, command: str, *, label: str = "check", deadline: float
) -> Completed:
    """Run a command on a fresh checkout of ``commit``, in a fresh box with nothing of the session's.

    Several may run at once, each with its own ``label``. Raises DeadlineExceeded after ``deadline`` seconds.
    """
    in_docker = session.sandbox is SandboxKind.DOCKER
    objects = container_objects(project.repository)
    alternates = "\n".join(target if in_docker else str(source) for source, target in objects)
    shared = tuple(Mount(source, target, read_only=True) for source, target in objects) if in_docker else ()
    box = replace(
        box_for(project, session, image=session.image),
        name=_check_box(project, session, label),
        workdir=Path("/tmp"),  # noqa: S108 -- the fresh box's own
        mounts=shared,
        env={"HOME": "/tmp", "LANG": "C.UTF-8"},  # noqa: S108 -- the fresh box's own
    )
    arguments = ("sh", "-c", _CHECKOUT, "sh", commit, command, alternates)
    return project.sandbox(session.sandbox).run_once(box, arguments, deadline=deadline)


def end_checks(project: Project, session: Session, labels: Iterable[str]) -> None:
    """End the checks of a session that still run, also those of a process that was killed."""
    for label in labels:
        project.sandbox(session.sandbox).end_once(_check_box(project, session, label))


def _check_box(project: Project, session: Session, label: str) -> str:
    return f"{project.box_name(session)}-{label}"


def look(project: Project, session: Session) -> BoxSight:
    """Return the state of a session's box, from the engine or the process table."""
    return project.sandbox(session.sandbox).look(box_for(project, session))


def is_outdated(project: Project, session: Session, sight: BoxSight) -> bool:
    """Return whether a box shows the source project but its session is not paired, or the reverse."""
    if sight.mounts is None or session.role is Role.DESIGNER:
        return False
    return (str(project.paths.source) in sight.mounts) != session.paired


def runs(project: Project, session: Session) -> bool:
    """Return whether a session's box is running."""
    return look(project, session).state is BoxState.RUNNING


def window_of(project: Project, session: Session) -> Window | None:
    """Return the session's window, or None if no tmux shows it."""
    server = project.tmux()
    return window_in(server, project, session) if server else None


def window_in(server: Tmux, project: Project, session: Session) -> Window | None:
    """Return the session's window in a tmux server that answers, or None if it shows none."""
    mine = (
        window
        for window in server.windows.all()
        if window.session == session.name and window.project == str(project.paths.source)
    )
    return next(mine, None)
