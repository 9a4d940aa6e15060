"""Read the changes of the selected session: the list of files first, then each file when it comes into sight."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from orchestra.model import LineCounts, Scope
from orchestra.review.document import Document
from orchestra.review.reading import read_patch
from orchestra.review.source import ReviewSource
from orchestra.views.patch import Patch


@dataclass(frozen=True, slots=True)
class Look:
    """The changes as they are now, and the marks of the files that were viewed."""

    document: Document
    marks: Mapping[str, str]


class DiffReader:
    """Reads the changes of one session; every call but `close` may take a while and raise an OrchestraError.

    One call is made at a time, because a look takes away what the one before was read from.
    """

    def __init__(self, name: str, opens: Callable[[str], ReviewSource]) -> None:
        self.name = name
        self._opens = opens
        self._source: ReviewSource | None = None
        self._one = threading.Lock()
        self._closed = False

    def look(self, before: Document | None, in_sight: Collection[str]) -> Look:
        """Look at the files again; what is in sight is read already, and the document is the same if nothing changed.

        ``in_sight`` are paths; without a look before, the first file is read.
        """
        with self._one:
            source = self._opened()
            changes = source.changes(Scope.BRANCH)
            marks = dict(source.viewed())
            comments = tuple(source.comments(changes))
            if before is not None and (changes, comments) == (before.changes, before.comments):
                return Look(before, marks)
            document = Document.of(changes)
            document.comments = comments
            if before is not None:
                document.take_over(before)
                document.count(source.counts(changes))
            numbers = [document.number(path) for path in in_sight] if before is not None else [0]
            for number in numbers:
                if number is not None and number < len(document) and number not in document.patches:
                    document.keep(number, read_patch(source, document, number))
            return Look(document, marks)

    def counts(self, document: Document) -> Mapping[str, LineCounts]:
        """Return the line counts of all files."""
        with self._one:
            return self._opened().counts(document.changes)

    def patch(self, document: Document, number: int) -> Patch:
        """Return the changes of one file."""
        with self._one:
            return read_patch(self._opened(), document, number)

    def hand_over(self) -> ReviewSource | None:
        """Return the source for somebody else to use and to close, and read nothing more."""
        self._closed, source, self._source = True, self._source, None
        return source

    def close(self) -> None:
        """Read nothing more; does not wait."""
        self._closed = True
        if self._source is not None:
            self._source.close()

    def _opened(self) -> ReviewSource:
        if self._source is None:
            source = self._opens(self.name)
            if self._closed:
                source.close()
                return source
            self._source = source
        return self._source
