"""A quarantine for a container's commits until they have been checked: a git directory beside the host's objects.

Refused commits never reach the repository. The directory's name starts like git's own quarantines,
so that the next ``git gc`` removes what a crash leaves behind (git-prune; builtin/prune.c removes
``tmp_objdir-*``).
"""

from __future__ import annotations

import contextlib
import secrets
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestra import safe_files
from orchestra.drivers import process
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.repository import Repository

INCOMING = "refs/incoming/tip"
"""The only ref that a fetch writes here."""

_KNOWN_REFS = ("refs/heads/", "refs/orchestra/")
_LOOSE_OBJECTS = 100
"""Packs with fewer objects are unpacked, as git does by default (git-config(1), fetch.unpackLimit)."""
_LOOSE_BYTES = 64 << 20
_PACK_COUNT = struct.Struct(">8xI")
"""A pack begins with its signature, version and object count, four bytes each (gitformat-pack(5))."""
_INDEX_COUNT = struct.Struct(">1028xI")
"""The sorted names of a pack's objects follow their count, the last of 256 in the index (gitformat-pack(5))."""
_ALLOCATION = "1g"

# None of the person's settings applies here: no program, no rewritten address, no background work.
_CONFIG = """\
[core]
\trepositoryformatversion = {version}
\tbare = true
\thooksPath = /dev/null
\tsharedRepository = {shared}
[extensions]
{format}
[fetch]
\tfsckObjects = true
\tunpackLimit = 1
\twriteCommitGraph = false
[transfer]
\tfsckObjects = true
[pack]
\tthreads = 1
"""
VARIABLES = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "ext",
    # A few bytes of delta can require any amount of memory; git refuses more than this (wrapper.c).
    "GIT_ALLOC_LIMIT": _ALLOCATION,
}


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A git directory that borrows the host's objects and ``refs``, and keeps new objects to itself."""

    git_dir: Path
    repo: Repository
    refs: Mapping[str, str]

    def git(self) -> Git:
        """Return git pinned to the quarantine; its only transport runs a given command."""
        return Git(self.git_dir, variables=VARIABLES)

    def limited(self, size: int, *args: str, deadline: float) -> process.Completed:
        """Run git with a limit of ``size`` bytes for each file; ``deadline`` is in seconds.

        Never raises CommandFailed.
        """
        # POSIX counts `ulimit -f` in blocks of 512 bytes; with the signal ignored, git says itself that a file is too
        # large. Setting the limit from Python, between fork and exec, would be unsafe with threads.
        words = (
            "sh",
            "-c",
            'trap "" XFSZ; ulimit -f "$0" && exec "$@"',
            str(size // 512 + 1),
            *self.git().command(*args),
        )
        return process.run(words, cwd=self.git_dir, env=self.git().environment(), deadline=deadline, check=False)

    def tip(self) -> str:
        """Return the fetched object; empty if there is none."""
        with contextlib.suppress(FileNotFoundError):
            return (self.git_dir / INCOMING).read_text().strip()
        return ""

    def release(self) -> None:
        """Move the objects into the repository: a few as loose objects, many as their pack."""
        for pack in sorted((self.git_dir / "objects" / "pack").glob("*.pack")):
            if self._is_small(pack):
                Git(self.repo.git_dir).run("unpack-objects", "-q", stdin=pack.read_bytes())
            else:
                self._move(pack)

    def _is_small(self, pack: Path) -> bool:
        with pack.open("rb") as file:
            (count,) = _PACK_COUNT.unpack(file.read(_PACK_COUNT.size))
        return count < _LOOSE_OBJECTS and self._unpacked_size(pack) < _LOOSE_BYTES

    def _unpacked_size(self, pack: Path) -> int:
        names = "".join(f"{name}\n" for name in self._names(pack.with_suffix(".idx").read_bytes()))
        sizes = self.git().run("cat-file", "--batch-check=%(objectsize)", stdin=names.encode()).text
        return sum(int(size) for size in sizes.split())

    def _names(self, index: bytes) -> Iterator[str]:
        (count,) = _INDEX_COUNT.unpack_from(index)
        length = len(self.repo.no_object) // 2
        for start in range(_INDEX_COUNT.size, _INDEX_COUNT.size + count * length, length):
            yield index[start : start + length].hex()

    def _move(self, pack: Path) -> None:
        target = self.repo.object_dirs[0] / "pack"
        target.mkdir(exist_ok=True)
        # The index comes last, because git uses a pack once its index exists.
        for part in (pack, pack.with_suffix(".rev"), pack.with_suffix(".idx")):
            if part.exists():
                part.rename(target / part.name)


@contextlib.contextmanager
def opened(repo: Repository) -> Iterator[Quarantine]:
    """Yield a quarantine, and remove it afterwards with everything in it."""
    directory = repo.object_dirs[0] / f"tmp_objdir-orchestra-{secrets.token_hex(6)}"
    try:
        refs = repo.refs(*_KNOWN_REFS)
        _fill(directory, repo, refs)
        yield Quarantine(directory, repo, refs)
    finally:
        safe_files.remove(directory)


def _fill(directory: Path, repo: Repository, known: Mapping[str, str]) -> None:
    for part in ("objects/info", "objects/pack", "refs"):
        (directory / part).mkdir(parents=True)
    sha256 = repo.object_format == "sha256"
    config = _CONFIG.format(
        version=int(sha256),
        format="\tobjectformat = sha256" if sha256 else "",
        shared=repo.settings().get("core.sharedrepository", "umask"),
    )
    refs = "".join(f"{tip} {name}\n" for name, tip in known.items())
    alternates = "".join(f"{directory}\n" for directory in repo.object_dirs)
    shallow = repo.common_dir / "shallow"
    _write(directory / "HEAD", "ref: refs/heads/none\n")
    _write(directory / "config", config)
    _write(directory / "packed-refs", refs)
    _write(directory / "objects" / "info" / "alternates", alternates)
    if shallow.exists():
        _write(directory / "shallow", shallow.read_text())


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
