"""Merge the work of many sessions with their target and with each other, only to see where it conflicts.

Nothing is written to the repository. Each side is a tree that need not be committed; the merges are those that landing
the sessions would make, with the same settings, and without any program that an agent could name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestra import files
from orchestra.drivers import temporary
from orchestra.drivers.git import isolated
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.merge_output import Merged, conflicted, each, is_trusted
from orchestra.drivers.git.repository import Repository
from orchestra.errors import CommandFailed, DeadlineExceeded

DEADLINE = 20.0
"""Seconds for one process; after that the merges are made again, with less care for renames, in as many seconds."""
_CARELESS = {"merge.renamelimit": "1"}
_AT_ONCE = 50
"""How many merges one process makes."""
_NOBODY = "orchestra <orchestra@localhost> 0 +0000"
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """One side: a tree on top of the commit ``tip``; without a tree, the commit itself."""

    tip: str
    tree: str = ""


@dataclass(frozen=True, slots=True)
class Trials:
    """Merges in a git directory of their own, whose objects go away with it."""

    _git: Git
    _pages: Path
    deadline: float = DEADLINE
    _made: dict[str, str] = field(default_factory=dict)

    def onto(self, target: str, works: Sequence[Work]) -> list[Merged | None]:
        """Merge each work with the commit ``target``, as if it were committed; None for one that git cannot merge."""
        written = self._commits([_commit(work.tree, work.tip) if work.tree else "" for work in works])
        sides = [made or work.tip for made, work in zip(written, works, strict=True)]
        return self._merge([(target, side) for side in sides])

    def between(self, target: str, pairs: Sequence[Pair]) -> list[Merged | None]:
        """Merge trees that each contain the commit ``target`` and something more; None for what git cannot merge."""
        trees = list(dict.fromkeys(tree for pair in pairs for tree in pair))
        written = dict(zip(trees, self._commits([_commit(tree, target) for tree in trees]), strict=True))
        return self._merge([(written[one], written[other]) for one, other in pairs])

    def _commits(self, texts: Sequence[str]) -> list[str]:
        """Write commits in one process, and return their ids; an empty text stays empty."""
        known = {text for text in texts if text and text not in self._made}
        pages = {text: self._pages / str(number) for number, text in enumerate(sorted(known))}
        for text, page in pages.items():
            page.write_text(text, encoding="ascii")
        if pages:
            names = b"".join(os.fsencode(page) + b"\n" for page in pages.values())
            words = ("hash-object", "-t", "commit", "-w", "--no-filters", "--stdin-paths")
            ids = self._git.run(*words, stdin=names, deadline=self.deadline).text.split()
            self._made.update(zip(pages, ids, strict=True))
        return [self._made[text] if text else "" for text in texts]

    def _merge(self, pairs: Sequence[Pair]) -> list[Merged | None]:
        starts = range(0, len(pairs), _AT_ONCE)
        return [one for start in starts for one in self._merge_some(pairs[start : start + _AT_ONCE])]

    def _merge_some(self, pairs: Sequence[Pair]) -> list[Merged | None]:
        try:
            return self._merge_with(self._git, pairs)
        except DeadlineExceeded:
            # Detecting renames compares every new file with every removed one.
            git = replace(self._git, settings={**self._git.settings, **_CARELESS})
            return self._merge_with(git, pairs)

    def _merge_with(self, git: Git, pairs: Sequence[Pair]) -> list[Merged | None]:
        """Make many merges in one process; if it complains, one by one, to see of which.

        Git 2.38 has no ``--stdin`` and complains too.
        """
        lines = "".join(f"{ours} {theirs}\n" for ours, theirs in pairs).encode("ascii")
        try:
            done = git.run("merge-tree", "--stdin", "-z", stdin=lines, check=False, deadline=self.deadline)
        except CommandFailed:
            # It printed too much.
            return [self._one(git, pair) for pair in pairs]
        if is_trusted(done, {0}):
            return [_named(one, pair) for one, pair in zip(each(done.text), pairs, strict=True)]
        return [self._one(git, pair) for pair in pairs]

    def _one(self, git: Git, pair: Pair) -> Merged | None:
        try:
            done = git.run("merge-tree", "--write-tree", "-z", *pair, check=False, deadline=self.deadline)
        except (CommandFailed, DeadlineExceeded):
            return None
        if not is_trusted(done, {0, 1}):
            return None
        text = done.text
        return _named(conflicted(iter(text.split("\0"))) if done.code else Merged(text.rstrip("\0")), pair)


def _named(merged: Merged, pair: Pair) -> Merged:
    """Return a merge with the paths that the sides know; git appends a commit to that of a file beside a directory."""
    paths = (path.removesuffix(f"~{pair[0]}").removesuffix(f"~{pair[1]}") for path in merged.conflicts)
    return replace(merged, conflicts=tuple(dict.fromkeys(paths)))


def _commit(tree: str, parent: str) -> str:
    """Return the text of a commit that only passes a tree to git."""
    return f"tree {tree}\nparent {parent}\nauthor {_NOBODY}\ncommitter {_NOBODY}\n\n"


@contextmanager
def room(repo: Repository, objects: Sequence[Path] = (), *, deadline: float = DEADLINE) -> Iterator[Trials]:
    """Yield a place for merges that also reads the object directories ``objects``; it is removed afterwards."""
    with temporary.directory(repo.scratch) as directory:
        git = isolated.build(directory, repo, own_objects=True)
        alternates = directory / "objects/info/alternates"
        read = (*repo.object_dirs, *(path for path in objects if path.is_dir()))
        files.replace(alternates, "".join(f"{os.fspath(path)}\n" for path in read))
        pages = directory / "commits"
        pages.mkdir()
        settings = {**isolated.obeyed(repo.git()), **git.settings}
        yield Trials(replace(git, settings=settings), pages, deadline)
