"""Anchors: refs that keep the work of a session, so that nothing deleted is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestra.drivers.git import update_checkout, worktree_diff, worktree_snapshot
from orchestra.drivers.git.merge_trees import merge_commit
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.update_branch import named
from orchestra.drivers.git.update_checkout import Checkout
from orchestra.errors import NotFound, Refused

PREFIX = "refs/orchestra/trash/"
_STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Anchor:
    """One kept state of a session: ``commit`` has all its files, ``tip`` is the tip of its branch."""

    ref: str
    name: str
    at: datetime
    commit: str
    tip: str


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def anchor(
    repo: Repository, worktree: Path, name: str, *, also: Sequence[str] = (), clock: Callable[[], datetime] = now
) -> str:
    """Anchor a session's worktree, with untracked files, and its branch; returns the anchor's ref.

    ``also`` are further commits to keep reachable. If the directory is gone, only the branch is
    kept. If git no longer has the worktree, returns the last anchor's ref, or nothing. Raises
    Refused if a file cannot be kept.
    """
    at = clock().astimezone(UTC)
    try:
        commit = _keep(repo, worktree, f"Anchor of {name}, {at:%Y-%m-%d %H:%M:%S} UTC", also)
    except NotFound:
        last = latest(repo, name)
        return last.ref if last else ""
    ref = f"{PREFIX}{name}/{at.strftime(_STAMP)}"
    repo.update_ref(ref, commit, None)
    return ref


def anchors(repo: Repository, name: str = "") -> list[Anchor]:
    """Return the anchors of one session, or of all, oldest first."""
    form = "--format=%(refname)%00%(objectname)%00%(parent)"
    listing = repo.git().text("for-each-ref", form, f"{PREFIX}{name}/" if name else PREFIX)
    entries = (_read(*line.split("\0")) for line in listing.splitlines())
    # The refs from a session's private git directory are one level deeper, under names that its agent chose.
    return sorted(
        (entry for entry in entries if entry is not None and "/" not in entry.name), key=lambda entry: entry.at
    )


def latest(repo: Repository, name: str) -> Anchor | None:
    """Return a session's last anchor, or None."""
    return next(reversed(anchors(repo, name)), None)


def put_back(repo: Repository, worktree: Path, anchor: Anchor) -> None:
    """Write an anchor's uncommitted and untracked files into a worktree of its branch, uncommitted as they were.

    Runs no filter, and no git in the worktree. Writes nothing and raises Refused if it would
    overwrite something else; after a crash, the next call writes the rest.
    """
    checkout = Checkout(repo, worktree, worktree_snapshot.source(repo, worktree).git_dir, ())
    with update_checkout.prepared(checkout, anchor.tip, anchor.commit, raw=True) as ready:
        if left := ready.in_the_way or ready.show(index=False):
            raise Refused(
                f"these files in {worktree} are in the way of the kept ones: {named(left)}",
                hint=f"the kept work is still there: git show --stat {anchor.ref}",
            )


def drop(repo: Repository, anchor: Anchor) -> None:
    """Delete an anchor; git may then collect what only it kept."""
    repo.update_ref(anchor.ref, "", anchor.commit)


def _keep(repo: Repository, worktree: Path, message: str, also: Sequence[str]) -> str:
    if worktree.is_dir() or worktree.is_symlink():
        return worktree_diff.snapshot(repo, worktree, message, also=also)
    tip = worktree_snapshot.source(repo, worktree).text("rev-parse", "--verify", "HEAD^{commit}")
    tree = repo.git().text("rev-parse", "--verify", f"{tip}^{{tree}}")
    return merge_commit(repo, tree, tuple(dict.fromkeys((tip, *also))), message)


def _read(ref: str, commit: str, parents: str) -> Anchor | None:
    name, _, stamp = ref.removeprefix(PREFIX).rpartition("/")
    try:
        at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Anchor(ref, name, at, commit, parents.partition(" ")[0])
