"""Bring the search index up to date: from the database, the sessions' commits, and the agents' files."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import safe_files, times
from orchestra.agents import family_of
from orchestra.drivers.git import history
from orchestra.errors import OrchestraError, Refused
from orchestra.model import Session
from orchestra.safe_files import Entry, Limits
from orchestra.store.search_index import Document, SearchIndex

if TYPE_CHECKING:
    from orchestra.agents import Transcripts
    from orchestra.project import Project

Clock = Callable[[], float]

MOST = 64 * 1024 * 1024
"""The most characters of one session's conversations that are indexed."""
_BATCH = 2000
_BLOCK = 8 * 1024 * 1024
"""Bytes of a file that are read at once; a longer line is left out."""
_FILES = Limits(entries=20_000, size=1 << 40, depth=8, seconds=10.0)
_COMMITS = 1000


def read_new(project: Project, kinds: Collection[str], *, end: float, clock: Clock = time.monotonic) -> list[str]:
    """Index what is new of some kinds until the time ``end``; return the sessions with conversations left to read.

    Raises StoreError if this Python cannot search.
    """
    for kind in ("messages", "specs", "events"):
        if kind in kinds:
            _read_rows(project, kind)
    sessions = project.store.sessions.all(include_deleted=True)
    if "commits" in kinds:
        for session in sessions:
            read_commits(project, session)
    if "conversations" not in kinds:
        return []
    return list(_unread(project, sessions, end, clock))


def _unread(project: Project, sessions: Sequence[Session], end: float, clock: Clock) -> Iterator[str]:
    """Index what is new of each session's conversations in its share of the time; yield those with more to read.

    Each has its own share, so that one that writes faster than it is read keeps nobody else from being found.
    """
    for left, session in zip(range(len(sessions), 0, -1), sessions, strict=True):
        now = clock()
        if not read_conversations(project, session, end=now + (end - now) / left, clock=clock):
            yield session.name


def _read_rows(project: Project, kind: str) -> None:
    """Index the rows of one table that are new, and drop those that the database has dropped."""
    index = project.store.search
    read = getattr(project.store.searchable, kind)
    while True:
        with index.change():
            rows = read(int(index.mark(kind) or 0), _BATCH)
            index.add(rows)
            if rows:
                index.set_mark(kind, rows[-1].key)
        if len(rows) < _BATCH:
            break
    if kind != "messages":
        with index.change():
            for session, first in project.store.searchable.first(kind).items():
                index.keep_since(kind, session, first)


def read_commits(project: Project, session: Session) -> None:
    """Index the commits of a session's branch, if it has moved since."""
    index = project.store.search
    source = f"commits.{session.id}"
    if not session.head or session.head in {session.base, index.mark(source)}:
        return
    try:
        found = history.commits(project.repository, session.base, session.head, _COMMITS, bodies=True)
    except OrchestraError:
        # They may have been removed from the repository since; what was indexed stays.
        return
    with index.change():
        index.add(
            Document(
                "commits", commit.id, session.name, session.id, commit.at, f"commit {commit.id[:12]}", commit.subject
            )
            for commit in found
        )
        index.set_mark(source, session.head)


def read_conversations(project: Project, session: Session, *, end: float, clock: Clock = time.monotonic) -> bool:
    """Index what is new in the files of an agent's conversations; returns whether all was read before ``end``."""
    home = project.session_paths(session).home
    try:
        transcripts = family_of(project.profile(session.agent)).TRANSCRIPTS
        files = list(safe_files.walk(home, transcripts.below, limits=_FILES)) if home.is_dir() else []
    except OrchestraError:
        # Its profile is gone, or something is in the way of its files: the other sessions are read all the same.
        return True
    reader = _Reader(project.store.search, session, home, transcripts)
    for file in (file for file in files if file.is_file and fnmatchcase(file.path, transcripts.pattern)):
        while reader.has_more(file):
            if clock() > end:
                return False
            if not reader.read_on(file):
                break
    return True


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads on in the files of one session's conversations, a block at a time."""

    index: SearchIndex
    session: Session
    home: Path
    transcripts: Transcripts

    def has_more(self, file: Entry) -> bool:
        """Return whether a file has grown, and its session may have more in the index."""
        return self._position(file)[1] < file.size and int(self.index.mark(self._size) or 0) < MOST

    def read_on(self, file: Entry) -> bool:
        """Index the next block of a file; returns False if only half a line is left, which its agent is writing."""
        with self.index.change():
            generation, at = self._position(file)
            block = self._block(file, at)
            whole = block[: block.rfind(b"\n") + 1] or (block if len(block) == _BLOCK else b"")
            documents = list(self._documents(file, generation, at, whole))
            self.index.add(documents)
            self.index.set_mark(self._mark(file), f"{file.inode} {generation} {at + len(whole)}")
            size = int(self.index.mark(self._size) or 0) + sum(len(document.text) for document in documents)
            self.index.set_mark(self._size, str(size))
        return bool(whole)

    @property
    def _size(self) -> str:
        return f"conversations.{self.session.id}"

    def _mark(self, file: Entry) -> str:
        return f"conversation.{self.session.id}.{file.path}"

    def _position(self, file: Entry) -> tuple[int, int]:
        """Return how often a file was replaced, and how far it has been read since."""
        inode, generation, read = (self.index.mark(self._mark(file)) or f"{file.inode} 0 0").split(" ")
        if inode == str(file.inode) and int(read) <= file.size:
            return int(generation), int(read)
        return int(generation) + 1, 0

    def _block(self, file: Entry, at: int) -> bytes:
        try:
            with safe_files.open_file(self.home, file.path) as opened:
                opened.seek(at)
                return opened.read(_BLOCK)
        except (Refused, OSError):
            return b""

    def _documents(self, file: Entry, generation: int, at: int, block: bytes) -> Iterator[Document]:
        written = times.since_epoch(file.modified / 1e9)
        name, number = self.session.name, self.session.id
        for line in block.splitlines(keepends=True):
            said = self.transcripts.said(line)
            if said is not None:
                when = min(said.at or written, datetime.now(UTC))
                key = f"{generation} {file.path} {said.number or at}"
                yield Document("conversations", key, name, number, when, f"{said.who}, in {file.path}", said.text)
            at += len(line)
