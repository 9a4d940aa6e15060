"""What differs between two trees of worktrees that were looked at, as long as the looks are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from orchestra.drivers.git import tree_diff
from orchestra.drivers.git.command import Git
from orchestra.errors import Refused
from orchestra.model import ChangedFile, Changes, LineCounts


class LookedAt:
    """The looks that a review holds from one until the next; any thread may use it.

    ``again`` is what to type once it is closed. Whoever looks holds `_looking`, and sets `_git` to a git that reads
    what was seen.
    """

    def __init__(self, again: str) -> None:
        self._again = again
        self._look = ExitStack()
        self._git: Git | None = None
        self._looking = threading.Lock()
        self._closed = False

    def counts(self, changes: Changes) -> dict[str, LineCounts]:
        """Return how many lines of each file were added and removed."""
        return tree_diff.line_counts(self._running, changes.old, changes.new)

    def patch(self, changes: Changes, file: ChangedFile) -> str:
        """Return one file's changes as a unified diff."""
        return tree_diff.file_patch(self._running, changes.old, changes.new, file)

    def text(self, changes: Changes, take: Callable[[bytes], bool]) -> bool:
        """Pass on the changes of all files as one unified diff; returns False once ``take`` does."""
        return tree_diff.whole_patch(self._running, changes.old, changes.new, take)

    def sizes(self, file: ChangedFile) -> tuple[int | None, int | None]:
        """Return the bytes of a file before and after."""
        return tree_diff.file_sizes(self._running, file)

    def close(self) -> None:
        """Give back what the look holds, at once or, during a look, at its end."""
        self._closed = True
        if self._looking.acquire(blocking=False):
            self._give_back()
            self._looking.release()

    def _give_back(self) -> None:
        self._git = None
        self._look.close()

    def _listed(self, old: str, new: str) -> tuple[tuple[ChangedFile, ...], tuple[str, ...]]:
        """Return the files that differ, with what to say if these are not all; a look's last step."""
        if self._closed:
            self._give_back()
        files, whole = tree_diff.changed_files(self._running, old, new)
        return tuple(files), () if whole else (f"only the first {len(files):,} changed files are listed",)

    @property
    def _running(self) -> Git:
        if self._git is None:
            raise Refused("the review is closed", hint=f"type: {self._again}")
        return self._git
