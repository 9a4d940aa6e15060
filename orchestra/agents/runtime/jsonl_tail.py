"""New lines in files of JSON lines, as agents write their conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


class JsonlTail:
    """Reads what is added to files; ``list_files`` returns those of now, ``is_relevant`` chooses among the grown ones.

    Only whole lines with one of the ``words`` in them are returned; ``path`` is the file of the last one.
    """

    def __init__(
        self,
        list_files: Callable[[], Iterable[Path]],
        words: tuple[bytes, ...],
        *,
        is_relevant: Callable[[Path], bool] = lambda _: True,
    ) -> None:
        self._list_files = list_files
        self._words = words
        self._is_relevant = is_relevant
        self.path = Path()
        self._read = {path: _size(path) for path in list_files()}

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that were added since the last call."""
        for path in self._list_files():
            if _size(path) > self._read.get(path, 0) and self._is_relevant(path):
                yield from self._added(path)

    def _added(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read[path] = self._read.get(path, 0) + len(line)
                if any(word in line for word in self._words):
                    self.path = path
                    yield line


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
