"""The same changes without a window: as lines for a pager, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from orchestra.model import Changes, LineCounts
from orchestra.review.annotate import annotated
from orchestra.review.document import Document, Entry
from orchestra.review.reading import read_patch
from orchestra.review.source import ReadSource, legend
from orchestra.review.tree import tree_rows
from orchestra.views import palette
from orchestra.views.changed_files import directory_line, heading, line_counts, tree_line
from orchestra.views.comments import STYLES, comment_lines
from orchestra.views.highlight import Highlighter
from orchestra.views.patch_lines import PatchLines
from orchestra.views.text import count, line

_ANY_WIDTH = 1 << 30
_COLOURS = 1.0
"""Processor seconds for the colours of one file."""


def printed(source: ReadSource, changes: Changes, width: int) -> Iterator[Text]:
    """Yield the list of files, then the changes of each file, which is read when it is its turn.

    Only headings are made for ``width`` columns; no line of code is cut.
    """
    document = Document.of(changes)
    document.comment(source.comments(changes), width)
    counts, viewed = source.counts(changes), document.viewed(source.viewed())
    document.count(counts)
    yield _summary(document)
    yield from (Text(line(note), palette.MUTED) for note in legend(changes))
    yield from (Text(f"⚠ {line(note)}", palette.WARM) for note in (*changes.warnings, *changes.notes))
    yield from _elsewhere(document, width)
    yield Text()
    yield from _listed(document, counts, viewed, width)
    highlighter = Highlighter()
    for number, entry in enumerate(document.entries):
        highlighter.begin(share=_COLOURS)
        about = counts.get(entry.file.path)
        yield Text()
        yield heading(
            entry.file, width, counts=about, reason=entry.reason, viewed=number in viewed, folded=False,
            sides=changes.sides,
        )  # fmt: skip
        yield from _changes(source, document, number, highlighter)


def _elsewhere(document: Document, width: int) -> Iterator[Text]:
    """Yield the comments that are on no file of these changes."""
    for placed in document.comments:
        if document.number(placed.place.path) is None:
            yield Text()
            style = STYLES[placed.comment.state]
            yield from (Text(f"┃ {row}", style) for row in comment_lines(placed, width - 2, away=True))


def as_data(name: str, changes: Changes, counts: Mapping[str, LineCounts]) -> dict[str, Any]:
    """Return the changed files as plain data, the risky ones first."""
    return {
        "name": name,
        "scope": changes.scope.value,
        "files": [_file(entry, counts.get(entry.file.path)) for entry in Document.of(changes).entries],
        "left_out": list(changes.notes),
        "warnings": list(changes.warnings),
    }


def _file(entry: Entry, counts: LineCounts | None) -> dict[str, Any]:
    file = entry.file
    return {
        "path": file.path,
        "old_path": file.old_path or None,
        "status": file.status.name.lower(),
        "old_mode": file.old_mode,
        "new_mode": file.new_mode,
        "insertions": counts.insertions if counts and not counts.binary else None,
        "deletions": counts.deletions if counts and not counts.binary else None,
        "binary": bool(counts and counts.binary),
        "risk": entry.reason or None,
    }


def _summary(document: Document) -> Text:
    summary = Text().append(count(len(document), "file"), palette.STRONG).append("  ")
    summary.append_text(line_counts(document.total))
    return summary.append(f"  ⚠ {document.risky} risky", palette.WARM) if document.risky else summary


def _listed(document: Document, counts: Mapping[str, LineCounts], viewed: frozenset[int], width: int) -> Iterator[Text]:
    for row in tree_rows(document.entries):
        if row.number < 0:
            yield directory_line(row.name, width, row.depth)
            continue
        entry = document.entries[row.number]
        yield tree_line(
            entry.file, row.name, width, counts=counts.get(entry.file.path), risky=bool(entry.reason),
            viewed=row.number in viewed, depth=row.depth,
        )  # fmt: skip


def _changes(source: ReadSource, document: Document, number: int, highlighter: Highlighter) -> Iterator[Text]:
    path, plain = document.entries[number].file.path, read_patch(source, document, number)
    patch = annotated(plain, document.comments_on(number), document.width)
    lines = PatchLines(path, patch, highlighter)
    yield from (lines.unified(index, _ANY_WIDTH) for index in range(len(patch.rows)))
