"""Keep the tree that a person last reviewed, one for each session, so that git's garbage collection cannot take it."""

from __future__ import annotations

from collections.abc import Collection

from orchestra.drivers.git.command import Git
from orchestra.drivers.git.merge_trees import merge_commit
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.tree_diff import SAFE
from orchestra.errors import Refused

PREFIX = "refs/orchestra/looked/"
_MOST = 256 << 20
"""The most bytes that a review adds to the repository."""
_UNPACKED = 100
"""Up to so many objects are stored as files of their own."""
_MODULE = "160000"
_DEADLINE = 120.0


def last(repo: Repository, session: int) -> str:
    """Return the commit that holds the tree of a session's last review; empty if there was none."""
    return repo.refs(f"{PREFIX}{session}").get(f"{PREFIX}{session}", "")


def keep(repo: Repository, git: Git, session: int, tree: str, tip: str) -> None:
    """Keep a tree in place of the session's earlier one.

    ``git`` has the tree, in an object directory of its own; ``tip`` is a commit of the repository that it is like.
    Raises Refused if what only that directory has is too large.
    """
    before = last(repo, session)
    if before and repo.git().text("rev-parse", f"{before}^{{tree}}") == tree:
        return
    _copy_objects(repo, git, tree, tip)
    commit = merge_commit(repo, tree, (tip,), "What was last reviewed")
    repo.update_ref(f"{PREFIX}{session}", commit, before or None)


def drop_others(repo: Repository, sessions: Collection[int]) -> None:
    """Drop the trees of all sessions except these."""
    kept = {f"{PREFIX}{session}" for session in sessions}
    for ref, commit in repo.refs(PREFIX).items():
        if ref not in kept:
            repo.update_ref(ref, "", commit)


def _copy_objects(repo: Repository, git: Git, tree: str, tip: str) -> None:
    missing = _missing(git, tree, tip)
    sizes = git.run("cat-file", "--batch-check=%(objectsize)", stdin=missing, deadline=_DEADLINE).text.split()
    if sum(map(int, sizes)) > _MOST:
        raise Refused(
            f"the changed files have more than {_MOST:,} bytes", hint="commit them, or add them to .gitignore"
        )
    pack = git.run("pack-objects", "--stdout", "-q", stdin=missing, deadline=_DEADLINE).stdout
    # As git fetch does: many objects stay in their pack, because writing each to a file of its own takes long.
    take = ("index-pack", "--stdin") if len(sizes) > _UNPACKED else ("unpack-objects", "-q")
    repo.git().run(*take, stdin=pack, deadline=_DEADLINE)


def _missing(git: Git, tree: str, tip: str) -> bytes:
    """Return the ids of the objects that the tree has and the commit has not, one a line."""
    items = git.lines0("diff-tree", "-r", "-t", "-z", "--raw", "--no-renames", *SAFE, f"{tip}^{{tree}}", tree, "--")
    entries = (item[1:].split(" ") for item in items if item.startswith(":"))
    ids = {tree, *(new for _, mode, _, new, _ in entries if mode not in {_MODULE, "000000"})}
    return "".join(f"{name}\n" for name in sorted(ids)).encode()
