"""The private git directory of a container: a branch, an index, and the host's objects, read-only.

It is written as files, without starting git. HEAD comes last, and without it git does not accept
the directory. The layout is gitrepository-layout(5). A container sees the host's objects at a fixed
path, outside every git directory.
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
"""The path of the host's objects in a container; alternates follow as ``-1``, ``-2`` and so on."""

_STASH = "refs/stash"
_LOOKED_THROUGH = Limits(size=1 << 40, seconds=2.0)
_SHARED_REFS = ("refs/heads/", "refs/tags/", "refs/remotes/")
# Settings that decide whether a file counts as changed must be equal on both sides.
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
    """One stash: its commit, its author and time as in git's logs, and its message."""

    commit: str
    maker: str
    message: str


@dataclass(frozen=True, slots=True)
class Extras:
    """Further refs of a new private git directory; ``stashes`` has the oldest first."""

    refs: Mapping[str, str]
    stashes: tuple[Stash, ...] = ()


NOTHING = Extras({})
"""No further refs."""


def container_objects(repo: Repository) -> list[tuple[Path, str]]:
    """Return the read-only mounts with which a container can read the host's objects: (host path, container path).

    If a directory has its own list of alternates, an empty file covers that list, because its paths
    are invalid in a container; the private git directory lists all of them itself.
    """
    mounts: list[tuple[Path, str]] = []
    for directory, target in zip(repo.object_dirs, _targets(repo), strict=True):
        mounts.append((directory, target))
        if (directory / "info" / "alternates").exists():
            mounts.append((Path(os.devnull), f"{target}/info/alternates"))
    return mounts


def pointer_text(git_dir: str) -> str:
    """Return the content of the file that covers a worktree's ``.git`` and points to ``git_dir``."""
    return f"gitdir: {git_dir}\n"


def refuse_pipes(git_dir: Path) -> None:
    """Refuse a private git directory that contains a named pipe.

    Git opens any file with the name of a ref or an object, and hangs on a pipe. Raises Refused.
    """
    pipes: list[str] = []
    # If there are too many files to check quickly, the deadline of the git command has to suffice.
    with contextlib.suppress(Refused, DeadlineExceeded):
        entries = safe_files.walk(git_dir, limits=_LOOKED_THROUGH)
        pipes.extend(entry.path for entry in entries if stat.S_ISFIFO(entry.mode))
    if pipes:
        raise Refused(
            f"its private git directory contains the pipe {pipes[0]}, on which git would hang",
            hint=f"in its terminal: rm '{git_dir / pipes[0]}'",
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
    """Create the private git directory ``target``, with ``branch`` (empty: detached) checked out at ``tip``.

    ``index`` is copied, with its stat data, so that the first ``git status`` reads no files. The
    host's branches and tags are copied as they are. An existing private git directory is left
    unchanged, because it may have commits that were not imported yet. ``target`` may be an empty
    directory that a container already sees. ``extras`` are the further refs of an earlier one.
    """
    if (target / "HEAD").exists():
        return
    _sweep(target)
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    _fill(staging, repo, branch, tip, base, extras=extras)
    if index is not None:
        _copy_index(index, staging)
        # A container's git would look for a submodule's git directory, which does not exist, and fail.
        index_file.assume_unchanged(staging / "index", repo.object_format)
    target.mkdir(exist_ok=True)
    # Without HEAD it is not a git directory.
    for part in sorted(staging.iterdir(), key=lambda path: (path.name == "HEAD", path)):
        _move(part, target / part.name)
    safe_files.remove(staging)


def _move(source: Path, target: Path) -> None:
    """Move the complete directory to its path, unless another process, even one that died, was first."""
    if os.path.lexists(target):
        return
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise


def _fill(git_dir: Path, repo: Repository, branch: str, tip: str, base: str, *, extras: Extras) -> None:
    for part in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "logs"):
        (git_dir / part).mkdir(parents=True)
    settings = repo.settings()
    _write(git_dir / "HEAD", f"ref: refs/heads/{branch}\n" if branch else f"{tip}\n")
    _write(git_dir / "config", _config(repo, settings))
    _write(git_dir / "packed-refs", _packed_refs(repo, branch, tip, base, extras))
    for name, text in _stash_files(extras.stashes, repo.no_object).items():
        (git_dir / name).parent.mkdir(parents=True, exist_ok=True)
        _write(git_dir / name, text)
    _write(git_dir / "objects" / "info" / "alternates", "".join(f"{path}\n" for path in _targets(repo)))
    _write(git_dir / "info" / "exclude", _excludes(repo, settings))
    _copy_if_there(repo.common_dir / "info" / "attributes", git_dir / "info" / "attributes")
    _copy_if_there(repo.common_dir / "shallow", git_dir / "shallow")


def _stash_files(stashes: Sequence[Stash], nothing: str) -> dict[str, str]:
    """Return the ref and the log of stashes as files of a git directory; ``nothing`` is the null object id.

    All except the newest are only in the log (git-stash(1)).
    """
    if not stashes:
        return {}
    before = (nothing, *(stash.commit for stash in stashes))
    log = "".join(
        f"{old} {stash.commit} {stash.maker}\t{stash.message}\n" for old, stash in zip(before, stashes, strict=False)
    )
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
        # It must not repack borrowed objects, and the agent would have to wait for that.
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
    # No header line: GitPython, which agents use, refuses one without "peeled".
    return "".join(f"{refs[name]} {name}\n" for name in ordered)


def _excludes(repo: Repository, settings: Mapping[str, str]) -> str:
    """Join the person's own ignore list, which containers lack, with the repository's, which takes precedence."""
    default = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    own = settings.get("core.excludesfile")
    paths = (Path(own).expanduser() if own else default, repo.common_dir / "info" / "exclude")
    texts = (path.read_text(encoding="utf-8", errors="surrogateescape") for path in paths if path.is_file())
    return "\n".join(texts)


def _copy_index(index: Path, git_dir: Path) -> None:
    _copy_if_there(index, git_dir / "index")
    # A split index has most of its entries in a second file (git-update-index(1), SPLIT INDEX).
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copyfile(shared, git_dir / shared.name)
    _copy_if_there(index.parent / "info" / "sparse-checkout", git_dir / "info" / "sparse-checkout")


def _copy_if_there(source: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogateescape")


def _sweep(target: Path) -> None:
    """Remove what a killed process left behind."""
    for left in target.parent.glob(f".{target.name}.*"):
        safe_files.remove(left)
