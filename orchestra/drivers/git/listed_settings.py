"""The person's git settings, listed again only when one of the files that they are from has changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers.git.command import Git

_OLDEST = 60.0
"""Seconds after which settings are listed again in any case."""
_MOST = 256
_YOUNG = 1_000_000_000
"""Nanoseconds for which a changed file may change again without a new time."""
_PLACES = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
"""The variables that decide where git looks for settings."""
_BY_BRANCH = "includeif.onbranch:"
"""Settings that depend on the branch, so that no file's time tells when they change."""
Stamps = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    items: tuple[str, ...]
    files: tuple[Path, ...]
    stamps: Stamps
    at: float


_Key = tuple[Path, tuple[str | None, ...]]
_known: dict[_Key, _Known] = {}


def listed(git: Git, *, clock: Callable[[], float] = time.monotonic) -> tuple[str, ...]:
    """Return every effective setting as git lists it: the key, a newline, the value."""
    key = (git.git_dir, tuple(os.environ.get(name) for name in _PLACES))
    known = _known.get(key)
    if known is not None and clock() - known.at < _OLDEST and _stamps(known.files) == known.stamps:
        return known.items
    return _list(git, key, clock())


def standard_files(name: str) -> tuple[Path, ...]:
    """Return where git looks for the person's and the system's ``config``, ``attributes`` or ``ignore``."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return (base / "git" / name, Path(f"/etc/git{name}"))


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file does; None if there is none."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_mtime_ns, info.st_size, info.st_ino


def _list(git: Git, key: _Key, now: float) -> tuple[str, ...]:
    words = git.lines0("config", "--list", "--show-origin", "-z")
    origins, items = words[::2], tuple(words[1::2])
    files = tuple(dict.fromkeys([*_candidates(git.git_dir), *_origins(git.git_dir, origins, items)]))
    # The stamps are from after the listing, so a file younger than a moment might have changed in between.
    stamps = _stamps(files)
    if any(item.startswith(_BY_BRANCH) for item in items) or _is_young(stamps):
        _known.pop(key, None)
        return items
    if len(_known) >= _MOST:
        _known.clear()
    _known[key] = _Known(items, files, stamps, now)
    return items


def _candidates(git_dir: Path) -> Iterator[Path]:
    """Yield the files that git would read (git-config(1), FILES)."""
    common = git_dir / "commondir"
    shared = git_dir / common.read_text(encoding="utf-8").strip() if common.exists() else git_dir
    chosen = (os.environ.get(name) for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"))
    yield from (shared / "config", git_dir / "config.worktree", Path.home() / ".gitconfig")
    yield from standard_files("config")
    yield from (Path(path) for path in chosen if path)


def _origins(git_dir: Path, origins: list[str], items: tuple[str, ...]) -> Iterator[Path]:
    for origin, item in zip(origins, items, strict=True):
        kind, _, name = origin.partition(":")
        file = git_dir / name
        if kind != "file":
            continue
        yield file
        key, _, value = item.partition("\n")
        if key.startswith("include") and key.endswith(".path"):
            # It may not exist yet.
            yield file.parent / os.path.expanduser(value)  # noqa: PTH111 -- a plain text, of whatever form


def _stamps(files: tuple[Path, ...]) -> Stamps:
    return tuple(stamp(file) for file in files)


def _is_young(stamps: Stamps) -> bool:
    now = time.time_ns()
    return any(each is not None and now - each[0] < _YOUNG for each in stamps)
