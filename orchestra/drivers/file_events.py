"""Tell when files change, by the kernel's own events (inotify(7)), within limits that no tree can exceed.

A library that watches whole trees would follow an agent's symlinks out of them and keep every event
until it is asked. Here only named directories are watched, each opened without following a link,
and what waits is in the kernel, which drops events beyond a limit and says so.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from inotify_simple import Event, INotify, flags

from orchestra.errors import OrchestraError
from orchestra.safe_files.handles import opened, parts

log = logging.getLogger("orchestra.drivers.file_events")

MOST = 8_192
"""The most directories of one subject; a larger tree is not watched."""
_STORM = 5_000
"""Events of one subject in a second, from which on it is not watched for a while."""
_MUTED = (5.0, 60.0)
"""Seconds without events after a subject's first storm, and after many in a row."""
_CALM = 120.0
"""Seconds without a storm after which the next one counts as the first."""
_GATHER = 0.01
"""Seconds in which events gather before they are read, so that the kernel joins equal ones."""
_BUSY, _PAUSE = 2_000, 0.2
"""After so many events at once, the seconds until they are read again."""
_MASK = (
    flags.CREATE
    | flags.DELETE
    | flags.MODIFY
    | flags.CLOSE_WRITE
    | flags.MOVED_FROM
    | flags.MOVED_TO
    | flags.ATTRIB
    | flags.EXCL_UNLINK
)
_SYSTEM = Path("/proc/sys")
_MORE = "sudo sysctl fs.inotify.{0}={1}; to keep it: echo fs.inotify.{0}={1} | sudo tee /etc/sysctl.d/60-inotify.conf"
Subject = TypeVar("Subject", bound=Hashable)
Spot = tuple[Path, str]
"""A trusted directory, and the path of a file below it."""


@dataclass(frozen=True, slots=True)
class _Interest:
    """The names in a directory, and the events, that concern a subject; None for all names."""

    names: frozenset[str] | None
    mask: int

    def has(self, event: Event) -> bool:
        return self.names is None or (event.name in self.names and bool(event.mask & self.mask))


_ALL = _Interest(None, _MASK)


class FileEvents(Generic[Subject]):
    """Calls ``changed`` with the subjects whose files changed; it must return soon.

    A subject is any hashable value. An event means that something may have changed. After a storm
    of events, or if the kernel dropped some, all affected subjects count as changed.
    """

    def __init__(
        self, changed: Callable[[Collection[Subject]], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._subjects: dict[int, dict[Subject, _Interest]] = defaultdict(dict)
        self._watched: dict[Subject, dict[str, tuple[int, int]]] = {}
        self._storms: _Storms[Subject] = _Storms(clock)
        self._most = _allowed() // 2
        self.trouble = ""
        self._notify = self._open()
        self._ended = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="file events", daemon=True)

    @property
    def works(self) -> bool:
        """Whether the kernel gives events at all."""
        return self._notify is not None

    def start(self) -> None:
        """Begin to read events."""
        self._thread.start()

    def close(self) -> None:
        """Read no more events, and let the kernel forget what was watched."""
        os.eventfd_write(self._ended, 1)
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        with self._lock:
            if self._notify is not None:
                self._notify.close()
                self._notify = None

    def watch_tree(self, subject: Subject, root: Path, directories: Mapping[str, int]) -> tuple[bool, bool]:
        """Watch exactly these directories below a trusted root, given with their inodes (0 if unknown).

        Returns whether all are watched, and whether any is new, so that a change in it may have
        been missed. A tree that is too large or too busy is not watched at all.
        """
        with self._lock:
            known = self._watched.get(subject, {})
            others = sum(map(len, self._watched.values())) - len(known)
            if self._notify is None or self._storms.muted(subject) or len(directories) > MOST:
                self._drop(subject)
                return False, False
            if others + len(directories) > self._most:
                self._drop(subject)
                self._meet_limit()
                return False, False
            return self._follow(subject, root, directories, known)

    def _follow(
        self, subject: Subject, root: Path, directories: Mapping[str, int], known: dict[str, tuple[int, int]]
    ) -> tuple[bool, bool]:
        kept = {path: known[path] for path, inode in directories.items() if inode and known.get(path, (0,))[0] == inode}
        missing = [path for path in directories if path not in kept]
        for path in missing:
            if (number := self._add(root, path)) is None:
                if self.trouble:
                    self._drop(subject)
                    return False, False
                continue
            kept[path] = directories[path], number
            self._subjects[number][subject] = _ALL
        self._watched[subject] = kept
        self._leave(subject, {number for _, number in known.values()} - {number for _, number in kept.values()})
        fresh = {number for _, number in kept.values()} - {number for _, number in known.values()}
        return True, bool(fresh)

    def watch_files(self, subject: Subject, spots: Iterable[Spot], *, written: bool = False) -> bool:
        """Watch files, which need not exist, and nothing else; returns whether that worked.

        For a file in a missing directory the next one above is watched, so watch again after a
        change. With ``written``, only writing counts, not opening, closing or renaming.
        """
        with self._lock:
            before = {number for _, number in self._watched.get(subject, {}).values()}
            now: dict[str, tuple[int, int]] = {}
            names: dict[int, set[str]] = defaultdict(set)
            for root, path in spots:
                number, name = self._nearest(root, path)
                if number is not None:
                    now[f"{root}/{path}"] = (0, number)
                    names[number].add(name)
            for number, wanted in names.items():
                self._subjects[number][subject] = _Interest(frozenset(wanted), flags.MODIFY if written else _MASK)
            self._watched[subject] = now
            self._leave(subject, before - set(names))
            return self._notify is not None and not self.trouble

    def forget(self, subject: Subject) -> None:
        """Watch nothing for a subject."""
        with self._lock:
            self._drop(subject)

    def _nearest(self, root: Path, path: str) -> tuple[int | None, str]:
        above = parts(path)
        for depth in range(len(above) - 1, -1, -1):
            if (number := self._add(root, "/".join(above[:depth]))) is not None:
                return number, above[depth]
        return None, ""

    def _add(self, root: Path, path: str) -> int | None:
        """Watch one directory; None if it is not there, or if the kernel's limit is reached."""
        if self._notify is None:
            return None
        try:
            with opened(root, parts(path)) as directory:
                # Through the open directory, so that nobody can put a link in its place.
                return int(self._notify.add_watch(f"/proc/self/fd/{directory}", _MASK))
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.ENOMEM}:
                self._meet_limit()
            return None
        except OrchestraError:
            return None

    def _meet_limit(self) -> None:
        self.trouble = self.trouble or (
            f"more directories are to be watched than the system allows (of {_allowed()} Orchestra takes half), "
            f"so some worktrees are only looked at now and then → {_MORE.format('max_user_watches', 524_288)}"
        )

    def _drop(self, subject: Subject) -> None:
        self._leave(subject, {number for _, number in self._watched.pop(subject, {}).values()})

    def _leave(self, subject: Subject, numbers: Collection[int]) -> None:
        for number in numbers:
            about = self._subjects.get(number)
            if about is None:
                continue
            about.pop(subject, None)
            if not about:
                del self._subjects[number]
                # The directory may be gone, and its watch with it.
                with contextlib.suppress(OSError):
                    if self._notify is not None:
                        self._notify.rm_watch(number)

    def _open(self) -> INotify | None:
        try:
            return INotify(nonblocking=True)
        except OSError as error:
            number = allowed_instances().number
            more = _MORE.format("max_user_instances", 1024)
            self.trouble = (
                f"the system gives no file events ({error.strerror}; fs.inotify.max_user_instances is {number}), "
                f"so files are only looked at now and then → {more}"
            )
            return None

    def _run(self) -> None:
        notify = self._notify
        if notify is None:
            return
        poller = select.poll()
        for descriptor in (notify.fileno(), self._ended):
            poller.register(descriptor, select.POLLIN)
        while all(descriptor != self._ended for descriptor, _ in poller.poll()):
            time.sleep(_GATHER)
            try:
                number = self._take(list(notify.read(timeout=0)))
            except Exception:  # whatever one event meets, the next ones are read
                log.exception("file events")
                number = _BUSY
            if number >= _BUSY:
                time.sleep(_PAUSE)

    def _take(self, events: list[Event]) -> int:
        with self._lock:
            counted: Counter[Subject] = Counter()
            for event in events:
                if event.mask & flags.Q_OVERFLOW:
                    counted.update(self._watched.keys())
                    continue
                about = self._subjects.get(event.wd, {})
                counted.update(subject for subject, interest in about.items() if interest.has(event))
                if event.mask & flags.IGNORED:
                    self._lost(event.wd)
            for subject in self._storms.of(counted):
                log.warning("%s changes too fast to be watched", subject)
                self._drop(subject)
        if counted:
            self._changed(counted.keys())
        return len(events)

    def _lost(self, number: int) -> None:
        """Forget a directory that the kernel no longer watches, because it is gone."""
        for subject in self._subjects.pop(number, {}):
            known = self._watched.get(subject, {})
            self._watched[subject] = {path: each for path, each in known.items() if each[1] != number}


class _Storms(Generic[Subject]):
    """Finds the subjects with too many events, which are then muted, longer after each storm."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since, self._counted = clock(), Counter[Subject]()
        self._met: dict[Subject, tuple[float, float]] = {}

    def of(self, counted: Counter[Subject]) -> list[Subject]:
        """Count the events of one reading; return the subjects whose storm that makes."""
        now = self._clock()
        if now - self._since > 1:
            self._since, self._counted = now, Counter()
        self._counted.update(counted)
        over = [subject for subject in counted if self._counted[subject] > _STORM]
        for subject in over:
            until, last = self._met.get(subject, (0.0, 0.0))
            pause = min(last * 2, _MUTED[1]) if last and now - until < _CALM else _MUTED[0]
            self._met[subject] = now + pause, pause
            del self._counted[subject]
        return over

    def muted(self, subject: Subject) -> bool:
        """Return whether a subject had a storm a moment ago."""
        return self._clock() < self._met.get(subject, (0.0, 0.0))[0]


@dataclass(frozen=True, slots=True)
class SystemLimit:
    """A limit of the system, with the file that holds it, below /proc/sys."""

    number: int
    file: str

    @property
    def setting(self) -> str:
        """Its name for sysctl(8)."""
        return self.file.replace("/", ".")


def allowed_watches() -> SystemLimit:
    """Return how many directories a user may watch, here and in this user namespace (user_namespaces(7))."""
    return _least("fs/inotify/max_user_watches", "user/max_inotify_watches", otherwise=MOST)


def allowed_instances() -> SystemLimit:
    """Return how many programs of a user may watch; each service and each control pane is one."""
    return _least("fs/inotify/max_user_instances", "user/max_inotify_instances", otherwise=0)


def gives_events() -> bool:
    """Return whether one more program may watch now."""
    try:
        INotify().close()
    except OSError:
        return False
    return True


def _least(*files: str, otherwise: int) -> SystemLimit:
    known = []
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            known.append(SystemLimit(int((_SYSTEM / file).read_text()), file))
    return min(known, key=lambda limit: limit.number, default=SystemLimit(otherwise, files[0]))


def _allowed() -> int:
    return allowed_watches().number
