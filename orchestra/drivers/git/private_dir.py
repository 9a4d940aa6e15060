"""The git directory that a container has for itself: a branch, an index, and the host's objects to read.

It is written as plain files, without starting git for each; its HEAD, without which it is none, comes last. The
layout is gitrepository-layout(5). A container sees the host's objects at a fixed path, outside every git directory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestra import safe_files
from orchestra.drivers.git import index_file
from orchestra.drivers.git.repository import Repository
from orchestra.errors import DeadlineExceeded, Refused
from orchestra.safe_files import Limits

OBJECTS = "/orchestra/objects"
"""Where a container finds the host's objects; alternates follow as ``-1``, ``-2`` and so on."""

_STASH = "refs/stash"
_LOOKED_THROUGH = Limits(size=1 << 40, seconds=2.0)
_SHARED_REFS = ("refs/heads/", "refs/tags/", "refs/remotes/")
# What decides whether a file counts as changed must be the same on both sides.
_COPIED_SETTINGS = (
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.safecrlf",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "core.symlinks",
    "index.sparse",
)


@dataclass(frozen=True, slots=True)
class Stash:
    """One stash: its commit, who made it and when, as git's logs write it, and its message."""

    commit: str
    maker: str
    message: str


@dataclass(frozen=True, slots=True)
class Extras:
    """What a new private git directory is given beside its branch; ``stashes`` has the oldest first."""

    refs: Mapping[str, str]
    stashes: tuple[Stash, ...] = ()


NOTHING = Extras({})
"""No further refs."""


def container_objects(repo: Repository) -> list[tuple[Path, str]]:
    """Return what a container must have mounted to read the host's objects: (host path, container path), read-only.

    A directory that names alternates of its own gets an empty file laid over that list, because
    its paths mean nothing in a container; the private git directory names them all itself.
    """
    mounts: list[tuple[Path, str]] = []
    for place, target in zip(repo.object_dirs, _targets(repo), strict=True):
        mounts.append((place, target))
        if (place / "info" / "alternates").exists():
            mounts.append((Path(os.devnull), f"{target}/info/alternates"))
    return mounts


def pointer_text(git_dir: str) -> str:
    """Return the text of the file that lies over a worktree's ``.git`` and points at ``git_dir``."""
    return f"gitdir: {git_dir}\n"


def refuse_pipes(git_dir: Path) -> None:
    """Refuse a private git directory that holds a named pipe.

    Git opens whatever has the name of a ref or an object, and waits for a pipe for ever. Raises Refused.
    """
    found: list[str] = []
    # Where there is more than can be looked through in a moment, the deadline of whoever runs git has to do.
    with contextlib.suppress(Refused, DeadlineExceeded):
        entries = safe_files.walk(git_dir, limits=_LOOKED_THROUGH)
        found.extend(entry.path for entry in entries if stat.S_ISFIFO(entry.mode))
    if found:
        raise Refused(
            f"its private git directory contains the pipe {found[0]}, on which git would hang",
            hint=f"in its terminal: rm '{git_dir / found[0]}'",
        )


def create(
    target: Path,
    repo: Repository,
    *,
    branch: str,
    tip: str,
    base: str,
    index: Path | None,
    extras: Extras = NOTHING,
) -> None:
    """Make the private git directory ``target``, with ``branch`` (empty: detached) checked out at ``tip``.

    ``index`` is copied in, with its record of the files, so that a first ``git status`` reads
    none of them. The host's branches and tags are there as they were. One that exists is left as
    it is: it may hold commits that were not imported yet. An empty directory may stand in its place,
    and a container see that already. ``extras`` are what an earlier one had beside them.
    """
    if (target / "HEAD").exists():
        return
    _sweep(target)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    _fill(aside, repo, branch, tip, base, extras=extras)
    if index is not None:
        _copy_index(index, aside)
        # Where a container's git would look for a submodule's own git there is none, and it would end with an error.
        index_file.assume_unchanged(aside / "index", repo.object_format)
    target.mkdir(exist_ok=True)
    # Without its HEAD it is no git directory.
    for part in sorted(aside.iterdir(), key=lambda one: (one.name == "HEAD", one)):
        _move(part, target / part.name)
    safe_files.remove(aside)


def _move(source: Path, target: Path) -> None:
    """Move what is whole to where it belongs, unless another process was first, or one that died: theirs is as good."""
    if os.path.lexists(target):
        return
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise


def _fill(place: Path, repo: Repository, branch: str, tip: str, base: str, *, extras: Extras) -> None:
    for part in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "logs"):
        (place / part).mkdir(parents=True)
    settings = repo.settings()
    _write(place / "HEAD", f"ref: refs/heads/{branch}\n" if branch else f"{tip}\n")
    _write(place / "config", _config(repo, settings))
    _write(place / "packed-refs", _packed_refs(repo, branch, tip, base, extras))
    for name, text in _stash_files(extras.stashes, repo.no_object).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        _write(place / name, text)
    _write(place / "objects" / "info" / "alternates", "".join(f"{path}\n" for path in _targets(repo)))
    _write(place / "info" / "exclude", _excludes(repo, settings))
    _copy_if_there(repo.common_dir / "info" / "attributes", place / "info" / "attributes")
    _copy_if_there(repo.common_dir / "shallow", place / "shallow")


def _stash_files(stashes: Sequence[Stash], nothing: str) -> dict[str, str]:
    """Return the ref and the log of stashes as files of a git directory; ``nothing`` is the id of no object.

    All but the newest are in the log alone (git-stash(1)).
    """
    if not stashes:
        return {}
    before = (nothing, *(one.commit for one in stashes))
    log = "".join(f"{old} {one.commit} {one.maker}\t{one.message}\n" for old, one in zip(before, stashes, strict=False))
    return {_STASH: f"{stashes[-1].commit}\n", f"logs/{_STASH}": log}


def _targets(repo: Repository) -> list[str]:
    return [OBJECTS if number == 0 else f"{OBJECTS}-{number}" for number in range(len(repo.object_dirs))]


def _config(repo: Repository, settings: Mapping[str, str]) -> str:
    name, mail = repo.identity(settings)
    sha256 = repo.object_format == "sha256"
    chosen = {
        "core.repositoryformatversion": "1" if sha256 else "0",
        "core.bare": "false",
        "core.logallrefupdates": "true",
        **({"extensions.objectformat": "sha256"} if sha256 else {}),
        **{key: settings[key] for key in _COPIED_SETTINGS if key in settings},
        "user.name": name,
        "user.email": mail,
        # The objects it borrows are not its own to repack, and a pause for that would be the agent's.
        "gc.auto": "0",
        "maintenance.auto": "false",
    }
    return "".join(_config_entry(key, value) for key, value in chosen.items())


def _config_entry(key: str, value: str) -> str:
    section, _, name = key.partition(".")
    return f"[{section}]\n\t{name} = {_quoted(value)}\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _packed_refs(repo: Repository, branch: str, tip: str, base: str, extras: Extras) -> str:
    refs = {name: target for name, target in repo.refs(*_SHARED_REFS).items() if not name.endswith("/HEAD")}
    refs.update(extras.refs)
    refs["refs/orchestra/base"] = base
    if branch:
        refs[f"refs/heads/{branch}"] = tip
    ordered = sorted(refs, key=os.fsencode)
    # No first line that tells the file's traits: GitPython, which agents are built on, refuses one without "peeled".
    return "".join(f"{refs[name]} {name}\n" for name in ordered)


def _excludes(repo: Repository, settings: Mapping[str, str]) -> str:
    """Join the person's own ignore list, which no container has, with that of the repository, which overrules it."""
    default = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    own = settings.get("core.excludesfile")
    places = (Path(own).expanduser() if own else default, repo.common_dir / "info" / "exclude")
    texts = (place.read_text(encoding="utf-8", errors="surrogateescape") for place in places if place.is_file())
    return "\n".join(texts)


def _copy_index(index: Path, place: Path) -> None:
    _copy_if_there(index, place / "index")
    # A split index keeps most of itself in a file beside it (git-update-index(1), SPLIT INDEX).
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copyfile(shared, place / shared.name)
    _copy_if_there(index.parent / "info" / "sparse-checkout", place / "info" / "sparse-checkout")


def _copy_if_there(source: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(source, target)


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8", errors="surrogateescape")


def _sweep(target: Path) -> None:
    """Remove what a process that died left of an earlier try."""
    for left in target.parent.glob(f".{target.name}.*"):
        safe_files.remove(left)
