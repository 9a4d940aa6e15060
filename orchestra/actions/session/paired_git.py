"""What a paired session sees instead of the source project's ``.git``: a copy of its refs, and read-only objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.drivers.git import inner_repositories, private_dir
from orchestra.drivers.sandbox.protocol import Mount
from orchestra.errors import CommandFailed, OrchestraError
from orchestra.model import Role, SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.project import Project

_PRIVATE = 0o700


def is_covered(session: Session) -> bool:
    """Return whether a session's box shows the source project, so that its ``.git`` must be covered."""
    return session.paired and session.sandbox is SandboxKind.DOCKER


def git_cover(project: Project, session: Session) -> Path:
    """Return the git directory that a paired session sees, read-only."""
    return project.session_paths(session).root / "source-git"


def pointer_cover(project: Project, session: Session) -> Path:
    """Return the file that covers the ``.git`` of a source project that is a worktree itself."""
    return project.session_paths(session).root / "source-dotgit"


def inner_covers(project: Project, session: Session) -> tuple[Mount, ...]:
    """Return the mounts that cover the ``.git`` of each repository inside the directories that a container can write.

    In the person's checkout these are submodules and worktrees, in an executor's worktree the
    submodules, which are empty there. Every directory on the path is a mount, so that nobody inside
    can move it; one without a ``.git`` is an empty, read-only directory.
    """
    mounts: dict[str, Mount] = {}
    for mount in (*_in_checkout(project, session), *_in_worktree(project, session)):
        mounts.setdefault(mount.target, mount)
    return tuple(mounts.values())


def _in_checkout(project: Project, session: Session) -> Iterator[Mount]:
    if writes_checkout(session):
        for path in inner_repositories.inside(project.repository):
            yield from _around(project, session, path)


def _in_worktree(project: Project, session: Session) -> Iterator[Mount]:
    for path in unfilled(project, session):
        entry = safe_files.look(session.worktree, path)
        if entry is None or not entry.is_directory:
            continue
        for directory in _above(path):
            yield Mount(session.worktree / directory, str(session.worktree / directory))
        yield Mount(_nothing(project, session), str(session.worktree / path), read_only=True)


def unfilled(project: Project, session: Session) -> tuple[str, ...]:
    """Return the submodules of the commit that an executor started from."""
    if session.role is not Role.EXECUTOR or session.sandbox is not SandboxKind.DOCKER:
        return ()
    with suppress(CommandFailed):
        return inner_repositories.of_commit(project.repository, session.base)
    # The repository lost that commit; whoever starts the session has been told before.
    return ()


def _above(path: str) -> list[str]:
    return [str(directory) for directory in PurePosixPath(path).parents][-2::-1]


def note_covers(project: Project, session: Session, paths: Iterable[str] | None = None) -> None:
    """Record which repositories inside the checkout a session's container covers; by default the current ones."""
    if writes_checkout(session):
        paths = inner_repositories.inside(project.repository) if paths is None else paths
        project.store.notes.note_covered(session.id, paths)


def uncovered(project: Project, session: Session) -> list[str]:
    """Return the repositories that came to the checkout after the container started, and that it can write.

    An empty list if it is unknown what the container covers, because an older version created it.
    """
    covered = project.store.notes.covered(session.id) if writes_checkout(session) else None
    if covered is None:
        return []
    return [path for path in inner_repositories.inside(project.repository) if path not in covered]


def writes_checkout(session: Session) -> bool:
    """Return whether a session's container shows the person's checkout, writable."""
    return session.sandbox is SandboxKind.DOCKER and (session.paired or session.role is Role.DESIGNER)


def _around(project: Project, session: Session, path: str) -> Iterator[Mount]:
    root = project.repository.root
    inner = root / path
    above = safe_files.look(root, path)
    if above is None or not above.is_directory:
        return
    git = safe_files.look(root, f"{path}/.git")
    ways = _above(path)
    for directory in ways if git is None else [*ways, path]:
        yield Mount(root / directory, str(root / directory))
    if git is None:
        yield Mount(_nothing(project, session), str(inner), read_only=True)
    elif git.is_file or git.is_directory:
        yield Mount(inner / ".git", str(inner / ".git"), read_only=True)


def _nothing(project: Project, session: Session) -> Path:
    return project.session_paths(session).root / "nothing"


def prepare(project: Project, session: Session) -> None:
    """Create the mount sources of a paired session, so that its box can be created while they are filled."""
    if writes_checkout(session) or unfilled(project, session):
        _nothing(project, session).mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        _make_missing(project, session)
    if is_covered(session):
        git_cover(project, session).mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        pointer_cover(project, session).touch()


def _make_missing(project: Project, session: Session) -> None:
    """Create missing directories of submodules, because only what exists can be covered."""
    in_checkout = inner_repositories.inside(project.repository) if writes_checkout(session) else ()
    missing = (
        *((project.repository.root, path) for path in in_checkout),
        *((session.worktree, path) for path in unfilled(project, session)),
    )
    for root, path in missing:
        with suppress(OrchestraError):
            safe_files.make_directory(root, path)


def cover(project: Project, session: Session) -> None:
    """Write the cover again for the current source project; a running box sees it after its next start."""
    if not is_covered(session):
        return
    repository = project.repository
    tip, branch = repository.head()
    directory = git_cover(project, session)
    safe_files.remove(directory)
    directory.mkdir(parents=True, mode=_PRIVATE)
    index = repository.git_dir / "index"
    private_dir.create(directory, repository, branch=branch, tip=tip, base=session.base, index=index)
    pointer_cover(project, session).write_text(private_dir.pointer_text(str(directory)))
