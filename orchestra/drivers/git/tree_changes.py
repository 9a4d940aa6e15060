"""The paths in which two trees differ."""

from __future__ import annotations

from dataclasses import dataclass

from orchestra.drivers.git.command import Git

ABSENT = "000000"
REPOSITORY = "160000"


@dataclass(frozen=True, slots=True)
class Change:
    """One path in which two commits differ; the mode is ``000000`` on a side without that path."""

    path: str
    old_mode: str
    new_mode: str
    old_id: str
    new_id: str

    @property
    def old_side(self) -> tuple[str, str]:
        """Mode and id before."""
        return self.old_mode, self.old_id

    @property
    def new_side(self) -> tuple[str, str]:
        """Mode and id after."""
        return self.new_mode, self.new_id

    @property
    def was_file(self) -> bool:
        """Whether it was a file or a symlink before."""
        return self.old_mode not in {ABSENT, REPOSITORY}

    @property
    def is_file(self) -> bool:
        """Whether it is a file or a symlink after."""
        return self.new_mode not in {ABSENT, REPOSITORY}

    @property
    def nothing(self) -> tuple[str, str]:
        """Mode and id of a side without the path."""
        return ABSENT, "0" * len(self.new_id)


def changes_between(git: Git, old: str, new: str) -> list[Change]:
    """Return every path in which two commits differ."""
    items = git.lines0("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new, "--")
    return [
        Change(path, *words.lstrip(":").split(" ")[:4]) for words, path in zip(items[::2], items[1::2], strict=True)
    ]
