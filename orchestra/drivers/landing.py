"""Moving a branch of the person's, together with the checkouts that show it, and losing nothing in them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestra.drivers import worktree_index
from orchestra.drivers.git import Git
from orchestra.drivers.process import first_line
from orchestra.drivers.repository import Repository, real_place
from orchestra.errors import Refused

_DEADLINE = 300.0
_NAMED = 5
_IN_PROGRESS = ("rebase-merge/head-name", "rebase-apply/head-name")


def land(repo: Repository, branch: str, new: str, old: str, *, ours: Path) -> None:
    """Move ``branch`` from commit ``old`` to ``new``, and every checkout of it that is not below ``ours``.

    Uncommitted work that the new commits do not touch stays as it is, staged or not. Raises
    Refused with the paths where they do, and Moved where the branch is not at ``old``; nothing is
    changed then. After a crash between branch and checkout, `finish_landing` does the rest.
    """
    if not repo.is_ancestor(old, new):
        raise Refused(f"{branch} would lose commits that {new[:10]} does not have", hint="merge again")
    shown = list(_checkouts(repo, branch, ours))
    for git in shown:
        _require_room(git, branch, new, old)
    repo.update_ref(f"refs/heads/{branch}", new, old)
    for git in shown:
        _show(git, new, old)


def finish_landing(repo: Repository, branch: str, new: str, old: str, *, ours: Path) -> bool:
    """Bring the checkouts of ``branch`` to where a landing that was cut off had moved it; harmless if it was not.

    Returns False, and does nothing, when the branch is not at ``new``. Raises Refused where the
    person has changed the same files since.
    """
    if repo.branches().get(branch) != new:
        return False
    for git in _checkouts(repo, branch, ours):
        adopt(git, new, old)
        _require_room(git, branch, new, old)
        _show(git, new, old)
    return True


def adopt(git: Git, new: str, old: str) -> None:
    """Note in the index those files that are already as ``new`` has them, where it still has them as in ``old``."""
    entries = git.run("diff-tree", "-r", "-z", "--no-renames", old, new).text.split("\0")
    wanted = {path: words.split(" ") for words, path in zip(entries[::2], entries[1::2], strict=False)}
    there = [path for path, words in wanted.items() if words[1] == _mode(_place(git, path))]
    if not there:
        return
    actual = _hashes(git, there)
    same = [path for path in there if actual.get(path) == wanted[path][3]]
    lines = "".join(f"{wanted[path][1]} {wanted[path][3]}\t{path}\0" for path in same)
    git.run("update-index", "-z", "--index-info", stdin=lines.encode("utf-8", "surrogateescape"))


def named(paths: Sequence[str]) -> str:
    """Return the first few paths in words, control characters made visible."""
    first = ", ".join(path if path.isprintable() else repr(path) for path in paths[:_NAMED])
    return first if len(paths) <= _NAMED else f"{first} and {len(paths) - _NAMED} more"


def _checkouts(repo: Repository, branch: str, ours: Path) -> Iterator[Git]:
    """Yield git for each of the person's checkouts that shows the branch; raises Refused for one in mid-rebase."""
    home = real_place(ours)
    for path, worktree in repo.worktrees().items():
        if home in real_place(path).parents or not path.is_dir():
            continue
        record = worktree_index.source(repo, path).git_dir
        for name in _IN_PROGRESS:
            note = record / name
            if note.exists() and note.read_text(encoding="utf-8").strip() == f"refs/heads/{branch}":
                raise Refused(f"{branch} is being rebased in {path}", hint="finish or abort that rebase first")
        if worktree.branch == branch:
            # The person's own checkout: the filters they have set up belong to it. Hooks stay off.
            yield Git(record, work_tree=path)


def _require_room(git: Git, branch: str, new: str, old: str) -> None:
    """Have git rehearse the change of the checkout; raises Refused."""
    git.run("update-index", "-q", "--refresh", "--ignore-submodules", check=False, deadline=_DEADLINE)
    paths = _overwritten(git, new, old)
    done = git.run("read-tree", "-n", "-m", "-u", old, new, check=False, deadline=_DEADLINE)
    if done.code == 0 and not paths:
        return
    reason = named(paths or _in_the_way(git, new, old)) or first_line(done.complaint)
    raise Refused(
        f"uncommitted changes in {git.work_tree} are in the way of {branch}: {reason}",
        hint="commit or stash them, then merge again",
    )


def _overwritten(git: Git, new: str, old: str) -> list[str]:
    """Return files that git does not keep where ``new`` has new ones: it would overwrite those that are ignored."""
    added = git.lines0("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A", old, new)
    there = {file for path in added for file in _occupants(git.work_tree or Path(), path)}
    return sorted(there.difference(git.lines0("ls-files", "-z"))) if there else []


def _occupants(root: Path, path: str) -> Iterator[str]:
    for place in (Path(path), *list(Path(path).parents)[:-1]):
        if (root / place).is_symlink() or (root / place).is_file():
            yield str(place)
    for folder, _, files in os.walk(root / path):
        yield from (os.path.relpath(Path(folder, file), root) for file in files)


def _show(git: Git, new: str, old: str) -> None:
    git.run("read-tree", "-m", "-u", old, new, deadline=_DEADLINE)
    git.run("update-index", "-q", "--refresh", "--ignore-submodules", check=False, deadline=_DEADLINE)


def _in_the_way(git: Git, new: str, old: str) -> list[str]:
    flags = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching")
    dirty = {line[3:] for line in git.lines0("status", *flags, "--ignore-submodules=all", deadline=_DEADLINE)}
    touched = git.lines0("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new)
    return sorted({one for one in dirty for path in touched if _overlap(one.rstrip("/"), path)})


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _place(git: Git, path: str) -> Path:
    return (git.work_tree or Path()) / path


def _mode(place: Path) -> str:
    """Return what git calls the mode of a plain file, and nothing for anything else."""
    if place.is_symlink() or not place.is_file():
        return ""
    return "100755" if place.stat().st_mode & stat.S_IXUSR else "100644"


def _hashes(git: Git, paths: list[str]) -> dict[str, str]:
    """Return the id that each file would have in git."""
    plain = [path for path in paths if "\n" not in path]
    done = git.run("hash-object", "--stdin-paths", stdin="\n".join(plain).encode("utf-8", "surrogateescape"))
    return dict(zip(plain, done.text.split(), strict=True))
