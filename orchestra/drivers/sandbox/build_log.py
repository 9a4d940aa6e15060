"""The output of an image build: the whole in a file, its last lines for an error, and calm words for the person."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeAlias

Progress: TypeAlias = Callable[[str], None]
HEARTBEAT = 30.0
"""Seconds of a build after which the person is told again that it goes on."""
_LAST_LINES = 12


class BuildLog:
    """Writes every line of a build to a file, and tells the person only that it goes on.

    With ``verbose`` every line is also passed to ``progress``.
    """

    def __init__(
        self, path: Path, file: TextIO, progress: Progress, *, verbose: bool, clock: Callable[[], float]
    ) -> None:
        self.path = path
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self._file = file
        self.progress = progress
        self._verbose, self._clock = verbose, clock
        self._begun = self._told = clock()

    @property
    def took(self) -> str:
        """The time since the build began."""
        minutes, seconds = divmod(round(self._clock() - self._begun), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"

    def write(self, line: str) -> None:
        """Add one line of the build's output."""
        self.last.append(line)
        self._file.write(f"{line}\n")
        self._file.flush()
        if self._verbose:
            self.progress(line)
        elif self._clock() - self._told >= HEARTBEAT:
            self._told = self._clock()
            self.progress(f"still building after {self.took}")

    def take(self, output: Iterable[Mapping[str, Any]]) -> str:
        """Add the whole output of the engine's build; return its error, or an empty text."""
        failed = rest = ""
        # Read to the end all the same, so that the connection is released.
        for entry in output:
            failed = failed or str(entry.get("error", "")).strip()
            *lines, rest = (rest + str(entry.get("stream", ""))).replace("\r", "\n").split("\n")
            for line in filter(str.strip, lines):
                self.write(line)
        return failed


@contextmanager
def build_log(
    path: Path, progress: Progress, *, verbose: bool = False, clock: Callable[[], float] = time.monotonic
) -> Iterator[BuildLog]:
    """Open the log at ``path``, which replaces the one of an earlier build."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
        yield BuildLog(path, file, progress, verbose=verbose, clock=clock)
