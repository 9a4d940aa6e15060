"""Read a diff while git writes it, limited for each file and in total."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HUNK = re.compile(rb"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)", re.DOTALL)
_FILE = b"diff --git "
FILE_BYTES, FILE_LINES = 256 << 10, 5_000
"""How much of one file is shown."""
_READ = 64 << 20
"""The most bytes of a diff that are read, shown or not."""


@dataclass(slots=True)
class _File:
    size: int = 0
    lines: int = 0
    left_out: int = 0
    hunk: int = -1
    old: int = 0
    new: int = 0


@dataclass(slots=True)
class DiffText:
    """The shown part of a diff that git writes in blocks; ``limit`` is in bytes, for all files together."""

    limit: int
    kept: list[bytes] = field(default_factory=list)
    whole: int = 0
    cut: bool = False
    _size: int = 0
    _read: int = 0
    _rest: bytes = b""
    _overlong: bool = False
    _file: _File = field(default_factory=_File)

    def take(self, block: bytes) -> bool:
        """Add the next block; returns False once no more is shown."""
        self._read += len(block)
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._line(line + b"\n")
        if len(self._rest) > FILE_BYTES:
            self._line(self._rest)
            self._rest, self._overlong = b"", True
        self.cut = self.cut or self._read > _READ
        return not self.cut

    def close(self) -> None:
        """Finish the text."""
        self._end_file()

    def _line(self, line: bytes) -> None:
        if self.cut:
            return
        if self._overlong:
            # The rest of a line whose beginning was left out.
            self._overlong = False
        elif line.startswith(_FILE):
            self._end_file()
            self._file = _File()
            self._show(line)
        elif self._file.left_out or self._is_too_much(line):
            self._leave_out()
        else:
            self._show(line)

    def _is_too_much(self, line: bytes) -> bool:
        file = self._file
        return file.size + len(line) > FILE_BYTES or file.lines >= FILE_LINES

    def _show(self, line: bytes) -> None:
        if self._size + len(line) > self.limit:
            self.cut = True
            self._close_hunk()
            return
        file = self._file
        if line.startswith(b"@@ "):
            file.hunk, file.old, file.new = len(self.kept), 0, 0
        elif file.hunk >= 0:
            file.old += line[:1] in {b" ", b"-"}
            file.new += line[:1] in {b" ", b"+"}
        file.size, file.lines, self._size = file.size + len(line), file.lines + 1, self._size + len(line)
        self.kept.append(line)

    def _leave_out(self) -> None:
        if not self._file.left_out:
            self._close_hunk()
        self._file.left_out += 1

    def _close_hunk(self) -> None:
        """Correct the line counts in the heading of a hunk that was cut."""
        file = self._file
        if file.hunk < 0 or (match := _HUNK.match(self.kept[file.hunk])) is None:
            return
        if file.old or file.new:
            self.kept[file.hunk] = b"@@ -%s,%d +%s,%d @@%s" % (match[1], file.old, match[2], file.new, match[3])
        else:
            del self.kept[file.hunk :]
        file.hunk = -1

    def _end_file(self) -> None:
        left, self._file.left_out = self._file.left_out, 0
        if left:
            self.kept.append(b"[cut: %d more lines of this file are not shown]\n" % left)
        elif self._file.lines and not self.cut:
            self.whole += 1
