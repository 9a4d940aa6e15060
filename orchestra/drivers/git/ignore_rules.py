"""Find the ignored paths of a tree by asking git, without showing it the tree.

Git gets a directory of our own with only copies of the tree's ``.gitignore`` files and the
directories in question. So an agent's named pipes and devices are left out, and git cannot hang on
them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestra.drivers.git.command import Git
from orchestra.drivers.git.listed_settings import stamp, standard_files
from orchestra.drivers.untrusted_tree import UntrustedTree

NAME = ".gitignore"
_LARGEST = 256 << 10
"""The most bytes of one such file; nobody writes longer ones by hand."""
_MOST = 2_000
"""The most such files, those nearest to the top first."""
_DEADLINE = 10.0
_REMEMBERED, _RULES_REMEMBERED = 5_000, 32
"""The most paths, and states of the rules, of one worktree whose answers are remembered."""


class IgnoreMemory:
    """What git answered about a worktree's paths, so that each is asked about once under the same rules."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[str, bool]] = {}

    def under(self, rules: str, more: int) -> dict[str, bool]:
        """Return the answers under the rules with this hash, with room for ``more``; the least recently used go."""
        known = self._answers.pop(rules, {})
        if more > _REMEMBERED:
            return {}
        if len(known) + more > _REMEMBERED:
            known = {}
        while self._answers and (len(self._answers) >= _RULES_REMEMBERED or self._size() > _REMEMBERED):
            del self._answers[next(iter(self._answers))]
        self._answers[rules] = known
        return known

    def _size(self) -> int:
        return sum(map(len, self._answers.values()))


class IgnoreRules:
    """The ignore rules of one worktree during one scan; ``root`` is an empty directory only for this scan."""

    def __init__(self, git: Git, root: Path, memory: IgnoreMemory | None = None) -> None:
        variables = {**git.variables, "GIT_LITERAL_PATHSPECS": "0"}
        self._git = Git(git.git_dir, root, git.index, git.settings, variables)
        self._root = root
        self._made = {""}
        self._taken = 0
        self._memory = memory or IgnoreMemory()
        self._rules = hashlib.sha256(repr([stamp(path) for path in self._elsewhere()]).encode())

    def take(self, tree: UntrustedTree, directory: str) -> None:
        """Add the rules of a directory of the tree, if they are in a regular file."""
        self.obey(directory, tree.read(_join(directory, NAME), _LARGEST))

    def obey(self, directory: str, content: bytes | None) -> None:
        """Add rules for a directory."""
        if content and self._taken < _MOST and self._make(directory):
            self._taken += 1
            self._rules.update(f"{directory}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
            (self._root / directory / NAME).write_bytes(content)

    def ignored(self, files: Sequence[str], directories: Sequence[str]) -> set[str]:
        """Return those paths that git ignores; the rules of all directories above them must have been added."""
        known = self._memory.under(self._rules.hexdigest(), len(files) + len(directories))
        able = [path for path in directories if f"{path}/" not in known and self._make(path)]
        unknown = [path for path in files if path not in known]
        found = self._ask([*unknown, *able])
        if found is not None:
            known.update({path: path in found for path in unknown})
            known.update({f"{path}/": path in found for path in able})
        return {path for path in files if known.get(path)} | {path for path in directories if known.get(f"{path}/")}

    def _ask(self, paths: list[str]) -> set[str] | None:
        """Return which of the paths git ignores; None if it could not tell."""
        asked = b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths)
        if not asked:
            return set()
        done = self._git.run(
            "check-ignore", "--no-index", "-z", "--stdin", stdin=asked, check=False, deadline=_DEADLINE
        )
        if done.code not in {0, 1}:
            return None
        return {path.removeprefix("./") for path in done.text.split("\0")[:-1]}

    def _elsewhere(self) -> Iterator[Path]:
        """Yield the files outside the tree that rules come from (gitignore(5))."""
        yield self._git.git_dir / "info" / "exclude"
        yield from standard_files("ignore")
        if named := self._git.settings.get("core.excludesfile"):
            yield Path(named).expanduser()

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
