"""Which untracked paths git leaves out, asked of git without showing it the tree they lie in.

Git is given a directory of our own that has only the tree's ``.gitignore`` files, copied, and the directories it is
asked about: an agent's named pipe or device of that name is no file, and there is nothing that git could wait for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from orchestra.drivers.git.command import Git
from orchestra.drivers.untrusted_tree import UntrustedTree

NAME = ".gitignore"
_LARGEST = 256 << 10
"""Bytes of one such file that are obeyed; a longer one is nothing a person wrote."""
_MOST = 2_000
"""How many of them are obeyed, the nearest to the top first."""
_DEADLINE = 10.0


class IgnoreRules:
    """The rules of one worktree during one look; ``place`` is an empty directory, of this look alone."""

    def __init__(self, git: Git, place: Path) -> None:
        variables = {**git.variables, "GIT_LITERAL_PATHSPECS": "0"}
        self._git = Git(git.git_dir, place, git.index, git.settings, variables)
        self._place = place
        self._made = {""}
        self._taken = 0

    def take(self, tree: UntrustedTree, directory: str) -> None:
        """Obey the rules that a directory of the tree has, where they are in a plain file."""
        self.obey(directory, tree.read(_join(directory, NAME), _LARGEST))

    def obey(self, directory: str, content: bytes | None) -> None:
        """Obey rules in a directory."""
        if content and self._taken < _MOST and self._make(directory):
            self._taken += 1
            (self._place / directory / NAME).write_bytes(content)

    def ignored(self, files: Sequence[str], directories: Sequence[str]) -> set[str]:
        """Return those of the paths that git leaves out; the rules of all directories above them were taken before."""
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
        """Make a directory, which is how git knows that a path is one; False where that cannot be."""
        if directory in self._made:
            return True
        missing = [directory]
        while (above := missing[-1].rpartition("/")[0]) not in self._made:
            missing.append(above)
        return all(self._make_one(one) for one in reversed(missing))

    def _make_one(self, directory: str) -> bool:
        try:
            (self._place / directory).mkdir()
        except OSError:
            # Too long a path for this place: then nothing is left out.
            return False
        self._made.add(directory)
        return True


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
