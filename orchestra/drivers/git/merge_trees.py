"""Merge in git's object database alone, without a checkout and without merge programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from orchestra.drivers import temporary
from orchestra.drivers.git import isolated, lfs, signing
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.merge_output import Merged, conflicted, is_trusted
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.tree_changes import changes_between
from orchestra.drivers.git.update_branch import finish_landing, land
from orchestra.drivers.process import failure
from orchestra.errors import CommandFailed, DeadlineExceeded, Refused

__all__ = [
    "Merged",
    "conflict_hunks",
    "finish_landing",
    "land",
    "merge_commit",
    "past_lfs",
    "preview",
    "rebase_commits",
    "signed_commit",
    "squash_commit",
    "trial_commit",
    "without",
]

_DEADLINE = 120.0
_LARGEST = 1024 * 1024
"""Bytes above which a file's conflicts are not shown."""
_PLAIN = ("100644", "100755")
_MARKS = ("<<<<<<<", ">>>>>>>")
_AS_WRITTEN = ("%an", "%ae", "%ad", "%B")
# Commits that only pass a tree to `git merge-tree` are always equal, so that a repetition adds no objects.
_NOBODY = {"NAME": "orchestra", "EMAIL": "orchestra@localhost", "DATE": "@0 +0000"}


def preview(repo: Repository, ours: str, theirs: str) -> Merged:
    """Merge two commits into a tree and change no branch; raises Refused if they share no history."""
    with _room(repo) as git:
        return _merge_tree(git, ours, theirs)


def conflict_hunks(repo: Repository, merged: Merged, names: Mapping[str, str], *, most: int = 200) -> str:
    """Return the lines of a merge that conflict, by file, with git's markers; at most ``most`` lines.

    ``names`` are what the markers call the two commits.
    """
    git = Git(repo.common_dir)
    lines: list[str] = []
    for path in merged.conflicts:
        done = git.run("cat-file", "blob", f"{merged.tree}:{path}", check=False)
        found = _hunks(done.text.splitlines(), names) if done.code == 0 and len(done.stdout) < _LARGEST else []
        lines += [f"--- {path}", *found] if found else []
    more = [f"… {len(lines) - most} more lines"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more, *merged.notes])


def _hunks(lines: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Return the lines between git's conflict markers, markers included."""
    found: list[str] = []
    inside = False
    for number, line in enumerate(lines, 1):
        if line.startswith("<<<<<<< "):
            inside = True
            found.append(f"line {number}:")
        if inside:
            mark, _, commit = line.partition(" ")
            found.append(f"{mark} {names[commit]}" if mark in _MARKS and commit in names else line)
        inside = inside and not line.startswith(">>>>>>> ")
    return found


def past_lfs(repo: Repository, base: str, tip: str) -> list[str]:
    """Return the paths changed between two commits that belong to Git LFS but have their whole content in git."""
    changes = {
        change.path: change.new_id for change in changes_between(repo.git(), base, tip) if change.new_mode in _PLAIN
    }
    if not changes:
        return []
    with _room(repo) as git:
        names = "".join(f"{path}\0" for path in changes).encode("utf-8", "surrogateescape")
        git.run("read-tree", tip, deadline=_DEADLINE)
        fields = git.run("check-attr", "--cached", "-z", "--stdin", "filter", stdin=names).text.split("\0")
        kept = [path for path, driver in zip(fields[::3], fields[2::3], strict=False) if driver == lfs.DRIVER]
        return [path for path in kept if not _is_pointer(git, changes[path])]


def _is_pointer(git: Git, blob: str) -> bool:
    """Return whether a file is a Git LFS pointer, or empty, which Git LFS keeps as it is (git-lfs-spec(1))."""
    size = int(git.text("cat-file", "-s", blob))
    if size > lfs.LONGEST_POINTER:
        return False
    return size == 0 or git.run("cat-file", "blob", blob).stdout.startswith(lfs.POINTER)


def merge_commit(repo: Repository, tree: str, parents: Sequence[str], message: str) -> str:
    """Write a commit by the person and return its id; it is on no branch yet."""
    return _commit(Git(repo.common_dir), tree, parents, message, _person(repo))


def signed_commit(repo: Repository, tree: str, parents: Sequence[str], message: str) -> str:
    """Write a commit like `merge_commit`, signed if the person signs theirs; raises Refused if that fails."""
    return _signed(repo, tree, parents, message, _person(repo))


def squash_commit(repo: Repository, tree: str, onto: str, message: str) -> str:
    """Write one commit by the person with ``tree`` on top of ``onto``, and return its id."""
    return signed_commit(repo, tree, (onto,), message)


def trial_commit(repo: Repository, tree: str, parents: Sequence[str]) -> str:
    """Write a commit that is only tried out: by nobody, not signed, and the same one each time."""
    return _commit(Git(repo.common_dir), tree, parents, "Try a merge", _both(_NOBODY))


def without(repo: Repository, tip: str, landed: str, before: str) -> Merged:
    """Return the tree of ``tip`` without what ``landed`` changed since ``before``, as git-revert(1) computes it."""
    with _room(repo) as git:
        return _three_way(git, base=repo.tree(landed), ours=repo.tree(tip), theirs=repo.tree(before))


def rebase_commits(repo: Repository, onto: str, base: str, tip: str) -> str:
    """Rebase the commits of ``base..tip`` on ``onto`` with their authors, and return the last one's id.

    Merge commits are left out, and so are commits that ``onto`` already has or that become empty.
    Raises MergeConflict for the first commit that does not apply, and Refused if leaving out the
    merges would lose changes.
    """
    with _room(repo) as git:
        here = onto
        for commit in _to_replay(git, onto, base, tip):
            here = _replay(repo, git, commit, here)
        if git.text("rev-list", "--merges", "--max-count=1", f"{onto}..{tip}"):
            _require_nothing_lost(git, onto, tip, here)
        return here


def _to_replay(git: Git, onto: str, base: str, tip: str) -> list[str]:
    flags = ("--reverse", "--topo-order", "--no-merges", "--right-only", "--cherry-pick")
    return git.text("rev-list", *flags, f"{onto}...{tip}", f"^{base}", deadline=_DEADLINE).split()


def _replay(repo: Repository, git: Git, commit: str, onto: str) -> str:
    parent = _resolve(git, f"{commit}^")
    if parent == onto:
        return commit
    trees = {name: _resolve(git, f"{name}^{{tree}}") for name in (commit, onto)}
    before = _resolve(git, f"{parent}^{{tree}}") if parent else git.run("mktree").text.strip()
    author, message = _written(git, commit)
    subject = message.strip().partition("\n")[0]
    tree = _three_way(git, base=before, ours=trees[onto], theirs=trees[commit]).require_clean(
        f"commit {commit[:10]} ({subject})"
    )
    if tree == trees[onto] and before != trees[commit]:
        return onto
    return _signed(repo, tree, (onto,), message, _person(repo) | author)


def _three_way(git: Git, *, base: str, ours: str, theirs: str) -> Merged:
    """Merge two trees that both come from the tree ``base``."""
    # Git 2.40 has `--merge-base` for this; a synthetic history works with older ones too.
    root = _commit(git, base, (), "", _both(_NOBODY))
    sides = [_commit(git, tree, (root,), name, _both(_NOBODY)) for name, tree in (("ours", ours), ("theirs", theirs))]
    return _merge_tree(git, *sides)


def _require_nothing_lost(git: Git, onto: str, tip: str, rebased: str) -> None:
    merged = _merge_tree(git, onto, tip)
    if not merged.conflicts and merged.tree == _resolve(git, f"{rebased}^{{tree}}"):
        return
    raise Refused(
        "the branch has merge commits, and a rebase would lose some of their changes",
        hint="use --strategy merge or --strategy squash",
    )


def _merge_tree(git: Git, ours: str, theirs: str) -> Merged:
    done = git.run("merge-tree", "--write-tree", "-z", ours, theirs, check=False, deadline=_DEADLINE)
    if is_trusted(done, {0}):
        return Merged(done.text.rstrip("\0"))
    if is_trusted(done, {1}):
        return conflicted(iter(done.text.split("\0")))
    if "unrelated histories" in done.complaint:
        raise Refused(f"{ours[:10]} and {theirs[:10]} share no history", hint="start the session from this branch")
    raise failure(done)


def _written(git: Git, commit: str) -> tuple[dict[str, str], str]:
    form = "--format=" + "%x00".join(_AS_WRITTEN)
    name, mail, date, message = git.text("log", "-1", "--date=raw", "--no-show-signature", form, commit, "--").split(
        "\0"
    )
    return {
        "GIT_AUTHOR_NAME": name.strip() or "unknown",
        "GIT_AUTHOR_EMAIL": mail,
        "GIT_AUTHOR_DATE": f"@{date}",
    }, message


def _person(repo: Repository) -> dict[str, str]:
    name, mail = repo.identity()
    return _both({"NAME": name, "EMAIL": mail})


def _both(who: Mapping[str, str]) -> dict[str, str]:
    return {f"GIT_{role}_{part}": text for role in ("AUTHOR", "COMMITTER") for part, text in who.items()}


def _signed(repo: Repository, tree: str, parents: Sequence[str], message: str, who: Mapping[str, str]) -> str:
    """Write a commit that is signed if the person signs theirs; raises Refused if that fails."""
    known = signing.settings(repo)
    if not known:
        return _commit(Git(repo.common_dir), tree, parents, message, who)
    try:
        with _room(repo) as git:
            return _commit(replace(git, settings={**git.settings, **known}), tree, parents, message, who, ("-S",))
    except (CommandFailed, DeadlineExceeded) as error:
        hint = "unlock your key (ssh-add, gpg), or sign no commits here: git config commit.gpgsign false"
        raise Refused(f"git could not sign the merge: {error.message}", hint=hint) from error


def _commit(  # noqa: PLR0917 -- the parts of a commit
    git: Git, tree: str, parents: Sequence[str], message: str, who: Mapping[str, str], sign: Sequence[str] = ()
) -> str:
    flags = [word for parent in parents for word in ("-p", parent)]
    as_them = replace(git, variables={**git.variables, **who})
    text = message.rstrip("\n") + "\n"
    return as_them.run("commit-tree", *sign, tree, *flags, stdin=text.encode("utf-8", "surrogateescape")).text.strip()


def _resolve(git: Git, name: str) -> str:
    return git.run("rev-parse", "--verify", "--quiet", "--end-of-options", name, check=False).text.strip()


@contextlib.contextmanager
def _room(repo: Repository) -> Iterator[Git]:
    with temporary.directory(repo.scratch) as directory:
        git = isolated.build(directory, repo)
        yield replace(git, settings={**isolated.obeyed(repo.git()), **git.settings})
