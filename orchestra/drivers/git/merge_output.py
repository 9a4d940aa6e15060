"""What git-merge-tree(1) says of a merge."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from orchestra.drivers.git.update_branch import named
from orchestra.drivers.process import Completed
from orchestra.errors import MergeConflict


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge: a tree, and the conflicting paths, whose files in the tree have conflict markers.

    ``notes`` is git's own description of each conflict.
    """

    tree: str
    conflicts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def require_clean(self, what: str) -> str:
        """Return the tree; raises MergeConflict about ``what`` if there are conflicts."""
        if not self.conflicts:
            return self.tree
        raise MergeConflict(
            f"{what} conflicts in {named(self.conflicts)}",
            paths=self.conflicts,
            hint="bring the branch up to date with its target, resolve, commit, and merge again",
        )


def is_trusted(done: Completed, codes: Collection[int]) -> bool:
    """Return whether git has merged: it takes a tree that it cannot read for an empty one, and only complains."""
    return done.code in codes and not any(line.startswith(("error:", "fatal:")) for line in done.complaint.splitlines())


def conflicted(fields: Iterator[str]) -> Merged:
    """Read one merge with conflicts from the output of ``-z``: the tree, the conflicted entries, and the messages.

    Each part ends with an empty field; after the messages, that may contain advice about submodules instead.
    """
    tree = next(fields)
    paths: dict[str, None] = {}
    while entry := next(fields):
        paths[entry.partition("\t")[2]] = None
    notes: list[str] = []
    while (count := next(fields, "")).isdigit():
        named_paths = [next(fields) for _ in range(int(count))]
        kind, text = next(fields), next(fields)
        if kind.startswith("CONFLICT"):
            paths = paths or dict.fromkeys(named_paths[:1])
            notes.append(text.strip())
    return Merged(tree, tuple(paths), tuple(notes))


def each(text: str) -> Iterator[Merged]:
    """Yield the merges in the output of ``--stdin -z``, up to one that was cut off."""
    fields = iter(text.split("\0"))
    while status := next(fields, ""):
        try:
            if status == "0":
                yield conflicted(fields)
                continue
            tree, _ = next(fields), next(fields)
        except StopIteration:
            return
        yield Merged(tree)
