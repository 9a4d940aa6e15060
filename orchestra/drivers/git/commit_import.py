"""Import a container's commits: fetch them through a pipe, check them in a quarantine, then keep them.

The container's side of the fetch runs inside the container; only git's wire protocol leaves it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from orchestra.drivers import temporary
from orchestra.drivers.git import head_file, index_file, index_lock, listed_settings, quarantine
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.inner_repositories import hide
from orchestra.drivers.git.quarantine import INCOMING, Quarantine
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.process import Completed, first_line
from orchestra.drivers.untrusted_tree import UntrustedTree
from orchestra.errors import CommandFailed, DeadlineExceeded, Moved, NotFound, OrchestraError, Refused

LARGEST_IMPORT = 2 << 30
"""The most bytes that one import may transfer."""

_GITLINK = "160000"
_FILES = {"100644": False, "100755": True}
"""Git's modes of regular files, and whether each is executable."""
_NOTED_FILES, _NOTED_BYTES = 1_000, 32 << 20
_SHA1_DIGITS = 40
_FETCH = (
    *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules"),
    *("--no-write-fetch-head", "--no-auto-maintenance"),
)
_TOO_LARGE = ("File too large", "over limit")
_MALFORMED = ("fsck error", "object corrupt", "did not send all necessary objects", "pack is corrupted", "bad pack")


def fetch(
    repo: Repository,
    *,
    upload_pack: Sequence[str],
    branch: str,
    into: str,
    largest: int = LARGEST_IMPORT,
    deadline: float = 120.0,
) -> str | None:
    """Fetch one branch through a command that speaks ``git upload-pack``, and point the ref ``into`` to it.

    Returns the new tip, or None if the other side has no such branch. ``largest`` is in bytes,
    ``deadline`` in seconds. Raises Refused for commits that are malformed, larger than ``largest``,
    or add a repository inside the repository; nothing of them has then reached the host's objects.
    Raises CommandFailed or DeadlineExceeded if the other side does not answer, and Moved if
    ``into`` moved meanwhile.
    """
    with quarantine.opened(repo) as held:
        known = held.refs.get(into)
        if not receive(held, upload_pack, [f"+refs/heads/{branch}:{INCOMING}"], largest=largest, deadline=deadline):
            return None
        tip = held.tip()
        if tip != known:
            _inspect(held, tip)
            held.release()
            repo.update_ref(into, tip, known)
    return tip


def advance(repo: Repository, worktree: Path, branch: str, old: str, new: str) -> bool:
    """Move a branch from ``old`` to ``new`` and update the host's index of its worktree; False if it was there already.

    No file is changed. In the index, only paths that were as in ``old`` become as in ``new``, so
    that what a person has staged stays staged. An empty branch means a detached checkout. Raises
    Moved, with nothing changed, if the branch is at neither commit.
    """
    try:
        git = repo.worktree_git(worktree)
    except NotFound:
        git = None
    if git is None or _checked_out(git) != branch:
        return _move_ref(repo.git(), repo, branch, old, new)
    with temporary.directory(repo.scratch) as empty:
        # An agent can write the tree, so git is not shown it.
        return _move_both(repo, replace(git, work_tree=empty), worktree, branch, old=old, new=new)


def follow_designer(repo: Repository, branch: str, old: str, new: str) -> bool:
    """Like `advance`, for the designer's branch in the person's own checkout."""
    return advance(repo, repo.root, branch, old, new)


def quoted(command: Sequence[str]) -> str:
    """Return a command as an address for git's ``ext`` transport, which splits at spaces and expands ``%``.

    Source: git-remote-ext(1). Raises Refused for a word that cannot be written so.
    """
    if not command or not all(command):
        raise Refused("a transport command cannot hold an empty word", hint="this is a setting of the sandbox")
    return "ext::" + " ".join(word.replace("%", "%%").replace(" ", "% ") for word in command)


def receive(
    held: Quarantine,
    upload_pack: Sequence[str],
    refspecs: Sequence[str],
    *,
    largest: int = LARGEST_IMPORT,
    deadline: float = 120.0,
) -> bool:
    """Fetch refs into a quarantine; returns False if the other side lacks one that is named in full.

    Raises what `fetch` raises.
    """
    words = (*_FETCH, quoted(upload_pack), *refspecs)
    try:
        done = held.limited(largest, *words, deadline=deadline)
    except DeadlineExceeded as error:
        raise _no_answer(_what(refspecs), deadline) from error
    if done.code == 0:
        return True
    if "couldn't find remote ref" in done.complaint:
        return False
    raise _not_received(done, _what(refspecs), largest)


def _no_answer(branch: str, deadline: float) -> DeadlineExceeded:
    """Return the error for a private git directory that does not answer, for example because of a named pipe in it."""
    return DeadlineExceeded(
        f"the commits of {branch} cannot be fetched: git in its container did not answer within {deadline:g} s",
        hint="check that docker answers, and type in the session's terminal: timeout 9 git for-each-ref",
    )


def _what(refspecs: Sequence[str]) -> str:
    """Describe a fetch: one branch by its name, or everything."""
    if len(refspecs) > 1:
        return "its own git"
    return refspecs[0].partition(":")[0].removeprefix("+refs/heads/")


def _not_received(done: Completed, branch: str, largest: int) -> OrchestraError:
    if any(sign in done.complaint for sign in _TOO_LARGE):
        return Refused(
            f"the commits of {branch} are larger than {largest >> 20} MiB, so they were not imported",
            hint="remove large files from its history",
        )
    if any(sign in done.complaint for sign in _MALFORMED):
        reason = first_line(done.complaint).removeprefix("error: ").removeprefix("fatal: ")
        return Refused(
            f"the commits of {branch} are malformed: {reason}", hint="create them again with ordinary git commands"
        )
    reason = first_line(done.complaint.partition("\n")[0]) or "no answer"
    return CommandFailed(
        f"the commits of {branch} cannot be fetched: {reason}",
        code=done.code,
        stderr=done.complaint,
        hint="check that the session's container is running",
    )


def _inspect(held: Quarantine, tip: str) -> None:
    """Refuse a tip that is not a commit, and commits that add a repository inside the repository."""
    if held.git().text("cat-file", "-t", tip) != "commit":
        raise Refused("the branch does not name a commit", hint="point it to a commit with git branch -f")
    listing = held.git().lines0(
        "log",
        "--format=",
        "--raw",
        "-z",
        "-c",
        "--no-renames",
        "--no-abbrev",
        "--ignore-submodules=none",
        tip,
        "--not",
        "--branches",
        "--glob=refs/orchestra/*",
    )
    for modes, path in _changes(listing):
        *before, after = modes
        if after == _GITLINK and _GITLINK not in before:
            raise Refused(
                f"a commit adds {path!r} as a repository inside the repository",
                hint=f"remove its .git and add its files, or: git rm --cached {path!r}",
            )


def _changes(listing: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """Yield modes and path of each change; a merge has one mode for each parent (git-diff-tree(1), RAW OUTPUT)."""
    items = iter(listing)
    for item in items:
        header = item.lstrip("\n")
        if header.startswith(":"):
            colons = len(header) - len(header.lstrip(":"))
            yield header.lstrip(":").split(" ")[: colons + 1], next(items)


def _move_both(repo: Repository, git: Git, worktree: Path, branch: str, *, old: str, new: str) -> bool:
    # The index comes first: a crash in between leaves the ref at `old`, and the next import does both again.
    _carry(repo, git, worktree, old, new)
    if worktree != repo.root:
        hide(git, repo.object_format)
    try:
        return _move_ref(git, repo, branch, old, new)
    except Moved:
        _carry(repo, git, worktree, new, old)
        raise


def _move_ref(git: Git, repo: Repository, branch: str, old: str, new: str) -> bool:
    ref = f"refs/heads/{branch}" if branch else "HEAD"
    if _tip(git, repo, branch, ref) == new:
        return False
    repo.update_ref(ref, new, old)
    return True


def _tip(git: Git, repo: Repository, branch: str, ref: str) -> str:
    known = head_file.tip(repo.common_dir, branch) if branch else None
    return known or git.run("rev-parse", "--verify", "--quiet", ref, check=False).text.strip()


def _checked_out(git: Git) -> str:
    if (known := head_file.head(git)) is not None:
        return known[1]
    return git.run("symbolic-ref", "--quiet", "HEAD", check=False).text.strip().removeprefix("refs/heads/")


def _carry(repo: Repository, git: Git, worktree: Path, old: str, new: str) -> None:
    """Change index entries from ``old`` to ``new``, and record which files match them."""
    touched = _raw(git, "diff-tree", "-r", old, new)
    staged = _raw(git, "diff-index", "--cached", old)
    entries = {path: entry for path, entry in touched.items() if path not in staged}
    if not entries:
        return
    # Deletions first, so that a directory can replace a file.
    lines = sorted(f"{mode} {name}\t{path}\0" for path, (mode, name) in entries.items())
    git.run("update-index", "-z", "--index-info", stdin=_bytes("".join(lines)))
    if _is_sparse(git):
        _skip_absent(git, worktree, entries)
    _note(repo, git.git_dir, _alike(worktree, entries))


def _is_sparse(git: Git) -> bool:
    if not any(item.partition("\n")[0] == "core.sparsecheckout" for item in listed_settings.listed(git)):
        return False
    return git.run("config", "--type=bool", "core.sparseCheckout", check=False).text.strip() == "true"


def _alike(worktree: Path, entries: dict[str, tuple[str, str]]) -> dict[str, os.stat_result]:
    """Return the stat data of files that match their entries, so that the person's git need not read them again.

    Files that git would convert, and more than a few files, are left to that git.
    """
    stats: dict[str, os.stat_result] = {}
    left = _NOTED_BYTES
    with UntrustedTree(worktree) as tree:
        for path, (mode, name) in islice(entries.items(), _NOTED_FILES):
            if mode not in _FILES or (read := tree.read_with_stat(path, left)) is None:
                continue
            content, seen = read
            left -= len(content)
            if _FILES[mode] == bool(seen.st_mode & stat.S_IXUSR) and _name(content, len(name)) == name:
                stats[path] = seen
    return stats


def _name(content: bytes, length: int) -> str:
    """Return git's object id of a file's content, with as many hexadecimal digits."""
    whole = b"blob %d\0" % len(content) + content
    kind = hashlib.sha256 if length > _SHA1_DIGITS else hashlib.sha1
    return kind(whole, usedforsecurity=False).hexdigest()


def _note(repo: Repository, record: Path, seen: dict[str, os.stat_result]) -> None:
    if not seen:
        return
    with index_lock.held(record):
        fresh = record / "index.orchestra"
        shutil.copy2(record / "index", fresh)
        index_file.note(fresh, seen, repo.object_format)
        fresh.replace(record / "index")


def _skip_absent(git: Git, worktree: Path, entries: dict[str, tuple[str, str]]) -> None:
    """In a sparse checkout, mark entries without a file as skipped, so that they do not count as deleted."""
    with UntrustedTree(worktree) as tree:
        absent = [path for path, (mode, _) in entries.items() if mode != "000000" and tree.times(path) is None]
    git.run("update-index", "-z", "--skip-worktree", "--stdin", stdin=_bytes("".join(f"{path}\0" for path in absent)))


def _raw(git: Git, command: str, *args: str) -> dict[str, tuple[str, str]]:
    listing = git.lines0(command, "--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=none", *args, "--")
    pairs = zip(listing[::2], listing[1::2], strict=True)
    return {path: (fields[1], fields[3]) for header, path in pairs if (fields := header.split(" "))}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
