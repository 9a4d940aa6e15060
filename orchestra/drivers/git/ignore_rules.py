"""Find the ignored paths of a tree by asking git, without showing it the tree.

Git gets a directory of our own with only copies of the tree's ``.gitignore`` files and the
directories in question. So an agent's named pipes and devices are left out, and git cannot hang on
them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from orchestra.drivers.git.command import Git
from orchestra.drivers.untrusted_tree import UntrustedTree

NAME = ".gitignore"
_LARGEST = 256 << 10
"""The most bytes of one such file; nobody writes longer ones by hand."""
_MOST = 2_000
"""The most such files, those nearest to the top first."""
_DEADLINE = 10.0


class IgnoreRules:
    """The ignore rules of one worktree during one scan; ``root`` is an empty directory only for this scan."""

    def __init__(self, git: Git, root: Path) -> None:
        variables = {**git.variables, "GIT_LITERAL_PATHSPECS": "0"}
        self._git = Git(git.git_dir, root, git.index, git.settings, variables)
        self._root = root
        self._made = {""}
        self._taken = 0

    def take(self, tree: UntrustedTree, directory: str) -> None:
        """Add the rules of a directory of the tree, if they are in a regular file."""
        self.obey(directory, tree.read(_join(directory, NAME), _LARGEST))

    def obey(self, directory: str, content: bytes | None) -> None:
        """Add rules for a directory."""
        if content and self._taken < _MOST and self._make(directory):
            self._taken += 1
            (self._root / directory / NAME).write_bytes(content)

    def ignored(self, files: Sequence[str], directories: Sequence[str]) -> set[str]:
        """Return those paths that git ignores; the rules of all directories above them must have been added."""
        able = [path for path in directories if self._make(path)]
        asked = b"".join(b"./" + os.fsencode(path) + b"\0" for path in (*files, *able))
        if not asked:
            return set()
        done = self._git.run(
            "check-ignore", "--no-index", "-z", "--stdin", stdin=asked, check=False, deadline=_DEADLINE
        )
        if done.code not in {0, 1}:
            return set()
        return {path.removeprefix("./") for path in done.text.split("\0")[:-1]}

    def _make(self, directory: str) -> bool:
        """Make a directory, so that git sees that a path is one; returns False if that fails."""
        if directory in self._made:
            return True
        missing = [directory]
        while (above := missing[-1].rpartition("/")[0]) not in self._made:
            missing.append(above)
        return all(self._make_directory(folder) for folder in reversed(missing))

    def _make_directory(self, directory: str) -> bool:
        try:
            (self._root / directory).mkdir()
        except OSError:
            # The path is too long here, so nothing is ignored.
            return False
        self._made.add(directory)
        return True


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
