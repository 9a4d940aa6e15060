"""Move one of the person's branches together with the checkouts that show it, without losing anything in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers.git import update_checkout, worktree_snapshot
from orchestra.drivers.git.repository import Repository, real_path
from orchestra.drivers.git.tree_changes import changes_between
from orchestra.drivers.git.update_checkout import Checkout, Prepared
from orchestra.errors import Refused

_DEADLINE = 300.0
_NAMED = 5
_IN_PROGRESS = ("rebase-merge/head-name", "rebase-apply/head-name")


@dataclass(frozen=True, slots=True)
class Landed:
    """The result of a landing: ``done`` if the branch has the commit, and the files that do not show it.

    ``kept`` are paths of checkouts that the person has changed meanwhile; ``undone`` are paths in
    which a later commit undid the landing.
    """

    done: bool
    kept: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()


def land(repo: Repository, branch: str, new: str, old: str, *, ours: Path) -> Landed:
    """Move ``branch`` from commit ``old`` to ``new``, and update every checkout of it that is not below ``ours``.

    Uncommitted work that the new commits do not touch stays as it is, staged or not. Raises Refused
    with the paths if they do, and Moved if the branch is not at ``old``; nothing is changed then.
    After a crash between branch and checkout, `finish_landing` does the rest.
    """
    if not repo.is_ancestor(old, new):
        raise Refused(f"{branch} would lose commits that {new[:10]} does not have", hint="merge again")
    return _move(repo, branch, new, old, ours)


def take_back(repo: Repository, branch: str, new: str, old: str, *, ours: Path) -> Landed:
    """Move ``branch`` back from commit ``old`` to its ancestor ``new``, and its checkouts, as `land` does forwards.

    Raises Refused and Moved like `land`.
    """
    if not repo.is_ancestor(new, old):
        raise Refused(f"{new[:10]} is no ancestor of {branch}", hint="see: git log")
    return _move(repo, branch, new, old, ours)


def _move(repo: Repository, branch: str, new: str, old: str, ours: Path) -> Landed:
    with ExitStack() as stack:
        ready = [_ready(stack, checkout, branch, new, old) for checkout in _checkouts(repo, branch, ours)]
        repo.update_ref(f"refs/heads/{branch}", new, old)
        return Landed(done=True, kept=_show(ready))


def finish_landing(repo: Repository, branch: str, new: str, old: str, *, ours: Path) -> Landed:
    """Update the checkouts of ``branch`` after an interrupted landing; does nothing if there was none.

    Only files that are still as in ``old`` are updated; what the person has changed or staged since
    stays.
    """
    tip = repo.branches().get(branch, "")
    if tip != new:
        # A checkout in which another git is running has no lock of ours.
        with suppress(Refused):
            for checkout in _checkouts(repo, branch, ours):
                update_checkout.tidy(checkout)
        return _overtaken(repo, tip, new, old)
    with ExitStack() as stack:
        shown = list(_checkouts(repo, branch, ours))
        ready = [stack.enter_context(update_checkout.prepared(checkout, old, new, late=True)) for checkout in shown]
        return Landed(done=True, kept=_show(ready))


def named(paths: Sequence[str]) -> str:
    """Return the first few paths as text, with control characters made visible."""
    first = ", ".join(path if path.isprintable() else repr(path) for path in paths[:_NAMED])
    return first if len(paths) <= _NAMED else f"{first} and {len(paths) - _NAMED} more"


def _ready(stack: ExitStack, checkout: Checkout, branch: str, new: str, old: str) -> Prepared:
    ready = stack.enter_context(update_checkout.prepared(checkout, old, new))
    if ready.in_the_way:
        raise Refused(
            f"uncommitted changes in {checkout.root} are in the way of {branch}: {named(ready.in_the_way)}",
            hint="commit or stash them, then merge again",
        )
    return ready


def _show(ready: Sequence[Prepared]) -> tuple[str, ...]:
    return tuple(path for prepared in ready for path in prepared.show())


def _overtaken(repo: Repository, tip: str, new: str, old: str) -> Landed:
    """Return the paths that a later commit undid, because it was made from an index before the landing."""
    if not tip or not repo.is_ancestor(new, tip) or (repo.is_ancestor(new, old) and repo.is_ancestor(old, tip)):
        # It was not moved, forwards or back.
        return Landed(done=False)
    later = {change.path: change for change in changes_between(repo.git(), new, tip)}
    landed = changes_between(repo.git(), old, new)
    undone = [
        change.path for change in landed if change.path in later and later[change.path].new_side == change.old_side
    ]
    return Landed(done=True, undone=tuple(undone))


def _checkouts(repo: Repository, branch: str, ours: Path) -> Iterator[Checkout]:
    """Yield each of the person's checkouts that shows the branch; raises Refused during a rebase."""
    home = real_path(ours)
    for path, worktree in repo.worktrees().items():
        if home in real_path(path).parents or not path.is_dir():
            continue
        record = worktree_snapshot.source(repo, path).git_dir
        for name in _IN_PROGRESS:
            note = record / name
            if note.exists() and note.read_text(encoding="utf-8").strip() == f"refs/heads/{branch}":
                raise Refused(f"{branch} is being rebased in {path}", hint="finish or abort that rebase first")
        if worktree.branch == branch:
            yield Checkout(repo, path, record, (repo.root, ours))
