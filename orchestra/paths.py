"""The paths of everything on disk."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from orchestra import files
from orchestra.errors import Refused
from orchestra.names import digest, slug

_SOCKET_PATH_LIMIT = 100
"""Unix socket addresses hold 108 bytes on Linux and 104 on macOS (unix(7), unix(4))."""
_ID_BYTES = 12
_LONGEST_NOTE = 65536


@dataclass(frozen=True, slots=True)
class Home:
    """Orchestra's home directory: ``ORCHESTRA_HOME``, by default ``~/.orchestra``."""

    root: Path

    @classmethod
    def find(cls) -> Home:
        """Return the home from the environment, as an absolute path."""
        configured = os.environ.get("ORCHESTRA_HOME")
        return cls(Path(configured).expanduser().absolute() if configured else Path.home() / ".orchestra")

    @property
    def config(self) -> Path:
        """The person's settings file."""
        return self.root / "config.yaml"

    @property
    def agents(self) -> Path:
        """The person's own profiles."""
        return self.root / "agents"

    @property
    def instructions(self) -> Path:
        """The person's own instructions for roles."""
        return self.root / "instructions"

    @property
    def secrets(self) -> Path:
        """Files named after credentials, as an alternative to environment variables."""
        return self.root / "secrets"

    @property
    def cache(self) -> Path:
        """Downloads, which can be repeated."""
        return self.root / "cache"

    @property
    def tag(self) -> str:
        """A short hash of the path of the home, for names; `owner` says whose an object with such a name is."""
        return digest(os.path.realpath(self.root), 6)

    @property
    def network(self) -> str:
        """The name of the network of this home's containers."""
        return f"orchestra-{self.tag}"

    @property
    def owner(self) -> str:
        """The user id and the home's own random id, which is unique; created on first use.

        Raises Refused if the file with the id contains something else.
        """
        kept = self._id()
        known = kept.read_text(encoding="ascii", errors="replace").strip()
        if len(known) != 2 * _ID_BYTES or not known.isalnum():
            hint = f"restore it, or remove it to get a new one: rm {kept}"
            raise Refused(f"{kept} does not contain this home's id", hint=hint)
        return f"{os.getuid()}-{known}"

    def _id(self) -> Path:
        kept = self.root / "id"
        if not kept.exists():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_once(kept, os.urandom(_ID_BYTES).hex())
        return kept

    def project(self, root: Path) -> ProjectPaths:
        """Return the paths of the project at ``root``, reserving a readable key on first use.

        A repository that was moved keeps its key, because it has an id in its git directory. A copy
        of a repository gets its own id.
        """
        self._id()
        known = _identity(root)
        state = self._recognised(root, known)
        if state is not None:
            return self._paths(state, root, known)
        for state in self._free_directories(root):
            if _claim(state, root):
                return self._paths(state, root, known)
        raise AssertionError("there is always another name")

    def sources(self) -> frozenset[str]:
        """Return the source directories of this home's projects."""
        return frozenset(_text(file) for file in (self.root / "projects").glob(f"*/{SOURCE}"))

    def _paths(self, state: Path, root: Path, known: str) -> ProjectPaths:
        before = Path(_text(state / SOURCE))
        if known and _text(state / IDENTITY) != known:
            files.replace(state / IDENTITY, known)
        moved = before != root and not _is_same_repository(before, root)
        source = root if moved else before
        return ProjectPaths(self, state.name, source, state, moved_from=before if moved else None)

    def _recognised(self, root: Path, known: str) -> Path | None:
        """Return the state directory of the project of this repository, else of the project with this path."""
        plain = self.root / "projects" / slug(root.name or "root")
        if known and _text(plain / SOURCE) == str(root) and _text(plain / IDENTITY) == known:
            return plain
        states = [file.parent for file in sorted((self.root / "projects").glob(f"*/{SOURCE}"))]
        here = [state for state in states if _text(state / SOURCE) == str(root)]
        same = [state for state in states if known and _text(state / IDENTITY) == known]
        return next(iter([*(state for state in here if state in same), *same, *here]), None)

    def _free_directories(self, root: Path) -> Iterator[Path]:
        plain = slug(root.name or "root")
        keys = (plain, f"{plain}-{digest(str(root), 6)}")
        more = (f"{plain}-{digest(f'{root}:{number}', 6)}" for number in count())
        return (self.root / "projects" / key for key in chain(keys, more))


SOURCE = "source"
"""The file in a project's state directory with the path of the project."""
IDENTITY = "repository"
"""The file in a project's state directory with the id of its repository."""
_MARK = "orchestra-id"
"""The file in a repository's git directory with the same id, which moves with it; no container can write it."""


def _identity(root: Path) -> str:
    """Return the id of the repository at ``root``, created on first use; empty without a writable repository.

    A copy of a repository has the original's id, and gets another one here.
    """
    directory = git_dir(root)
    if directory is None:
        return ""
    mark = directory / _MARK
    here = f"{directory.stat().st_dev}:{directory.stat().st_ino}"
    with contextlib.suppress(OSError):
        if not mark.exists():
            _write_once(mark, f"{os.urandom(_ID_BYTES).hex()}\n{directory}\n{here}\n")
    known, path, inode = (*_text(mark).splitlines(), "", "", "")[:3]
    if not known or path == str(directory):
        return known
    original = Path(path) / _MARK
    copied = inode != here and _text(original).splitlines()[:1] == [known] and not _is_same(Path(path), directory)
    with contextlib.suppress(OSError):
        known = os.urandom(_ID_BYTES).hex() if copied else known
        files.replace(mark, f"{known}\n{directory}\n{here}\n")
    return known


def git_dir(root: Path) -> Path | None:
    """Return the git directory of the checkout at ``root``, from its ``.git``; None without one."""
    pointer = root / ".git"
    if pointer.is_dir():
        return pointer
    kind, _, target = _text(pointer).partition(": ") if pointer.is_file() else ("", "", "")
    directory = root / target.removesuffix("\n") if kind == "gitdir" else None
    return directory if directory is not None and directory.is_dir() else None


def _is_same_repository(one: Path, other: Path) -> bool:
    here, there = git_dir(one), git_dir(other)
    return here is not None and there is not None and _is_same(here, there) and one.exists()


def _is_same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _text(file: Path) -> str:
    """Return the content of a small file; empty if there is none or it is another user's."""
    try:
        with file.open(encoding="utf-8", errors="surrogateescape") as opened:
            return opened.read(_LONGEST_NOTE)
    except OSError:
        return ""


def _claim(state: Path, root: Path) -> bool:
    """Record the owner of a state directory atomically, unless there is one; returns whether it is ours."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = state / SOURCE
    if not owner.exists():
        _write_once(owner, str(root))
    return _text(owner) == str(root)


def _write_once(path: Path, text: str) -> None:
    """Write a private file atomically; if several processes do, the first one wins."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 -- a descriptor
        file.write(text)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()


@dataclass(frozen=True, slots=True)
class ProjectPaths:
    """The paths of one project; ``moved_from`` is its former path as long as its sessions use that."""

    home: Home
    key: str
    source: Path
    state: Path
    moved_from: Path | None = None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.state / "state.db"

    @property
    def worktrees(self) -> Path:
        """The directory that holds the executors' worktrees."""
        return self.home.root / "worktrees" / self.key

    @property
    def specs(self) -> Path:
        """The directory of the specs, inside the project."""
        return self.source / ".orchestra" / "specs"

    @property
    def config(self) -> Path:
        """The project's settings file."""
        return self.source / ".orchestra" / "config.yaml"

    @property
    def agents(self) -> Path:
        """The project's own profiles."""
        return self.source / ".orchestra" / "agents"

    @property
    def instructions(self) -> Path:
        """The project's own instructions for roles."""
        return self.source / ".orchestra" / "instructions"

    @property
    def dockerfile(self) -> Path:
        """The project's own layer of the image."""
        return self.source / ".orchestra" / "Dockerfile"

    @property
    def log(self) -> Path:
        """The service's log."""
        return self.state / "service.log"

    @property
    def resized(self) -> Path:
        """The file that tmux writes when the window of a grid has another size."""
        return self.state / "resized"

    @property
    def locks(self) -> Path:
        """The directory of the lock files."""
        return self.state / "locks"

    @property
    def scratch(self) -> Path:
        """The directory for temporary directories."""
        return self.state / "scratch"

    @property
    def socket(self) -> Path:
        """The service's local socket, at a path short enough for a socket address."""
        near = self.state / "service.sock"
        if len(os.fsencode(near)) < _SOCKET_PATH_LIMIT:
            return near
        return _short_directory() / f"{digest(str(self.state), 12)}.sock"

    @property
    def monitor(self) -> SessionPaths:
        """The paths of the program that sums up what sessions do, which is no session; none has the number 0."""
        return self.session(0, "monitor")

    def session(self, number: int, name: str, home_name: str = "") -> SessionPaths:
        """Return the paths of one session; ``home_name`` is empty for its first agent's home."""
        label = f"{number}-{name}"
        return SessionPaths(
            root=self.state / "sessions" / label,
            secrets=runtime() / digest(f"{self.home.owner}:{self.state}", 12) / label,
            spec=self.specs / f"{name}.md",
            home_name=home_name or "home",
        )


@dataclass(frozen=True, slots=True)
class SessionPaths:
    """The paths of one session."""

    root: Path
    secrets: Path
    spec: Path
    home_name: str = "home"

    @property
    def spec_copy(self) -> Path:
        """The copy of the spec that the person edits and no agent can reach."""
        return self.root / "spec" / self.spec.name

    @property
    def home(self) -> Path:
        """The agent's home directory, with its conversations."""
        return self.root / self.home_name

    @property
    def git(self) -> Path:
        """The private git directory."""
        return self.root / "git"

    @property
    def pointer(self) -> Path:
        """The file mounted over the worktree's ``.git``."""
        return self.root / "dotgit"

    @property
    def agent(self) -> Path:
        """The files that the agent may only read: launcher, task, settings."""
        return self.root / "agent"

    @property
    def task(self) -> Path:
        """The task's text."""
        return self.agent / "task.md"

    @property
    def token(self) -> Path:
        """The session's credential for the service."""
        return self.secrets / "token"

    @property
    def process(self) -> Path:
        """The process id of an agent that runs without a container."""
        return self.root / "pid"


def _short_directory() -> Path:
    """Return a private directory with a short path, independent of the caller's environment."""
    directory = Path(f"/tmp/orchestra-{os.getuid()}")  # noqa: S108 -- its owner and mode are checked
    directory.mkdir(mode=0o700, exist_ok=True)
    info = directory.lstat()
    if info.st_uid != os.getuid() or not stat.S_ISDIR(info.st_mode) or info.st_mode & 0o077:
        hint = f"check it and remove it: {directory}"
        raise Refused(f"{directory} belongs to another user, or other users can write to it", hint=hint)
    return directory


def runtime() -> Path:
    """Return a private directory in memory, which does not survive a reboot; created on first use."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and Path(base).is_dir():
        directory = Path(base) / "orchestra"
    elif Path("/dev/shm").is_dir():  # noqa: S108 -- a private directory below it, its owner checked
        directory = Path(f"/dev/shm/orchestra-{os.getuid()}")  # noqa: S108 -- see above
    else:
        directory = Home.find().root / "run"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_uid != os.getuid():
        directory = Home.find().root / "run"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
