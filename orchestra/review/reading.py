"""Read one file of a review."""

from __future__ import annotations

from orchestra.review.document import Document
from orchestra.review.frame import binary_note
from orchestra.review.source import ReadSource
from orchestra.views.patch import Patch


def read_patch(source: ReadSource, document: Document, number: int) -> Patch:
    """Return the changes of a file, ready to be shown; raises the errors of the source."""
    file = document.entries[number].file
    patch = Patch.parse(source.patch(document.changes, file))
    if not patch.has_lines:
        return Patch.of_note(binary_note(file, source.sizes(file)))
    patch.prepare()
    return patch
