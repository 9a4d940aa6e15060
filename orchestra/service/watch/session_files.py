"""Which files of a session are watched for the kernel's events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from orchestra import safe_files
from orchestra.drivers.file_events import MOST, FileEvents, Spot
from orchestra.errors import OrchestraError
from orchestra.model import Role, SandboxKind, Session
from orchestra.project import Project
from orchestra.safe_files import Limits
from orchestra.service.watch.touched import Subject

DATABASE: Subject = ("database", 0)
"""Any process wrote to the database."""
WINDOWS: Subject = ("windows", 0)
"""The window of a grid has another size."""
REFS, SPEC, WORK = "refs", "spec", "work"
_LIMITS = Limits(entries=500, depth=8, seconds=1.0)


class SessionFiles:
    """The file events of one project's sessions."""

    def __init__(self, project: Project, changed: Callable[[Collection[Subject]], object]) -> None:
        self._project = project
        self.events: FileEvents[Subject] = FileEvents(changed)
        self._followed: set[int] = set()

    def follow_database(self) -> bool:
        """Watch the file that every change is written to first (sqlite.org/wal.html); returns whether that works."""
        database = self._project.paths.database
        return self.events.watch_files(DATABASE, [(database.parent, f"{database.name}-wal")], written=True)

    def follow_windows(self) -> bool:
        """Watch the file that tmux writes when a grid has another size; returns whether that works."""
        return self.events.watch_files(WINDOWS, [(self._project.paths.state, self._project.paths.resized.name)])

    def follow(self, session: Session, kind: str) -> bool:
        """Watch a session's refs, or its spec; returns whether that works."""
        self._followed.add(session.id)
        spots = _refs(self._project, session) if kind == REFS else _spec(self._project, session)
        return self.events.watch_files((kind, session.id), spots)

    def follow_work(self, session: Session, directories: Mapping[str, int]) -> tuple[bool, bool]:
        """Watch the directories of a worktree, as `FileEvents.watch_tree` does."""
        self._followed.add(session.id)
        return self.events.watch_tree((WORK, session.id), session.worktree, directories)

    def why_unwatched(self, directories: Collection[str]) -> str:
        """Return why a worktree with these directories is not watched."""
        if len(directories) > MOST:
            return f"its {len(directories):,} directories are more than the {MOST:,} that are watched"
        if not self.events.works or self.events.trouble:
            return "the system allows no more file events; orchestra doctor says how to raise that"
        return "its files change too fast to be watched"

    def rest(self, number: int) -> None:
        """Watch a session's worktree no longer, because its agent does not run."""
        self.events.forget((WORK, number))

    def forget_others(self, sessions: Collection[int]) -> None:
        """Watch nothing of sessions that are gone."""
        for number in self._followed - set(sessions):
            for kind in (REFS, SPEC, WORK):
                self.events.forget((kind, number))
            self._followed.discard(number)


def _refs(project: Project, session: Session) -> Iterator[Spot]:
    repository = project.repository
    common = repository.common_dir
    yield from ((common, "packed-refs"), (common, f"refs/heads/{session.branch}"))
    if session.role is Role.DESIGNER:
        yield repository.git_dir, "HEAD"
    else:
        yield common, f"worktrees/{session.worktree.name}/HEAD"
    if session.sandbox is SandboxKind.DOCKER:
        private = project.session_paths(session).git
        yield from ((private, name) for name in ("HEAD", "packed-refs"))
        yield from ((private, name) for name in _heads(private, session))


def _heads(private: Path, session: Session) -> Iterator[str]:
    """Yield the session's branch in its private git directory, and any file beside each that is there."""
    yield f"refs/heads/{session.private_branch or session.branch}"
    try:
        yield from (entry.path for entry in safe_files.walk(private, "refs/heads", limits=_LIMITS) if entry.is_file)
    except OrchestraError:
        return


def _spec(project: Project, session: Session) -> Iterator[Spot]:
    paths, source = project.session_paths(session), project.paths.source
    yield source, str(paths.spec.relative_to(source))
    yield paths.root, str(paths.spec_copy.relative_to(paths.root))
