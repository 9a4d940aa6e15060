"""Show a review at one moment as the lines of its window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest

from rich.text import Text

from orchestra.model import ChangedFile
from orchestra.review.document import Document, Position
from orchestra.review.state import SCOPES, View
from orchestra.views import palette
from orchestra.views.changed_files import directory_line, heading, line_counts, tree_line
from orchestra.views.highlight import Highlighter
from orchestra.views.patch import Patch
from orchestra.views.patch_lines import PatchLines, gutter_width, longest
from orchestra.views.review_keys import keys_lines
from orchestra.views.text import code, count, fit, line

_HINTS = (
    ("?", "keys"), ("q", "leave"), ("v", "viewed"), ("}", "file"), ("]", "hunk"), ("/", "search"), ("f", "fold"),
    ("s", "sides"), ("t", "files"), ("h l", "sideways"), ("1 2 3", "branch, commit, since last review"),
)  # fmt: skip
_BINARY = "binary"


class Canvas:
    """Draws views; the colours of what was drawn once are kept."""

    def __init__(self) -> None:
        self._highlighter = Highlighter()
        self._drawn: dict[int, tuple[Patch, PatchLines]] = {}

    def draw(self, view: View) -> list[Text]:
        """Return the window's lines, from top to bottom."""
        self._highlighter.begin()
        notes = (Text(fit(f"⚠ {line(note)}", view.width), palette.WARM) for note in view.notes)
        body = _help(view) if view.help else self._body(view)
        rows = list(islice(body, view.body_height))
        blank = (Text() for _ in range(view.body_height - len(rows)))
        return [_header(view), *notes, *rows, *blank, _footer(view)][: max(view.height, 1)]

    def _body(self, view: View) -> Iterator[Text]:
        document = view.document
        if document is None or not len(document):
            yield Text()
            yield Text(fit(_nothing(view), view.width), palette.FAINT)
            return
        tree = _tree(view, document) if view.tree_width else ()
        code = (self._line(view, document, at) for at in view.lines.shown(view.top, view.body_height))
        if view.choosing:
            yield from tree
        elif not view.tree_width:
            yield from code
        else:
            for left, right in zip_longest(tree, code, fillvalue=None):
                yield _beside(left or Text(), right or Text(), view.tree_width)

    def _line(self, view: View, document: Document, at: Position) -> Text:
        entry, width = document.entries[at.file], view.code_width
        if at.line == 0:
            return heading(
                entry.file, width, counts=document.counts.get(entry.file.path), reason=entry.reason,
                viewed=at.file in view.viewed, folded=at.file in view.folded,
            )  # fmt: skip
        if at.line == view.lines.height(at.file) - 1:
            return Text()
        patch = document.patches.get(at.file)
        if patch is None:
            return Text("  reading…", palette.FAINT)
        lines = self._lines_of(document, at.file, patch)
        draw = lines.split if view.is_split else lines.unified
        return draw(at.line - 1, width, view.left, view.wanted)

    def _lines_of(self, document: Document, number: int, patch: Patch) -> PatchLines:
        known = self._drawn.get(number)
        if known is None or known[0] is not patch:
            self._drawn = {key: drawn for key, drawn in self._drawn.items() if document.patches.get(key) is drawn[0]}
            known = self._drawn[number] = (
                patch,
                PatchLines(document.entries[number].file.path, patch, self._highlighter),
            )
        return known[1]


def widest(view: View) -> int:
    """Return the first column from which the end of the longest line in sight is shown."""
    if view.document is None:
        return 0
    most = 0
    for at in view.lines.shown(view.top, view.body_height):
        patch = view.document.patches.get(at.file)
        if patch is None or not 0 < at.line <= view.lines.body(at.file):
            continue
        indexes = patch.pairs[at.line - 1] if view.is_split else (at.line - 1,)
        room = view.code_width if not view.is_split else (view.code_width - 3) // 2
        most = max(most, longest(patch, indexes) - room + gutter_width(patch, room, split=view.is_split))
    return most


def binary_note(file: ChangedFile, sizes: tuple[int | None, int | None]) -> str:
    """Return what is said of a file whose content is not shown."""
    if file.is_module:
        return f"another repository: {file.old_id[:12]} → {file.new_id[:12]}"
    if file.old_id == file.new_id:
        return "its content is the same"
    known = [f"{size:,}" for size in sizes if size is not None]
    if not any(sizes):
        return "empty"
    return f"not shown as text, {' → '.join(known)} bytes"


def _header(view: View) -> Text:
    header = Text(no_wrap=True).append(f" {line(view.name)} ", palette.TAB).append(f" {SCOPES[view.scope]}  ")
    document = view.document
    if document is not None:
        header.append(count(len(document), "file"), palette.STRONG).append("  ")
        header.append_text(line_counts(document.total))
        if view.viewed:
            header.append(f"  ✓ {len(view.viewed)} viewed", palette.GOOD)
        if document.risky:
            header.append(f"  ⚠ {document.risky} risky", palette.WARM)
    header.truncate(view.width)
    return header


def _footer(view: View) -> Text:
    if view.typing is not None:
        shown = Text(no_wrap=True).append("/", palette.KEY).append(code(view.typing))
        return shown.append(" ", palette.FOUND)
    place = _place(view)
    if view.message:
        style = palette.BAD if view.failed else palette.MUTED
        shown = Text(fit(line(view.message), max(0, view.width - place.cell_len - 1)), style, no_wrap=True)
    else:
        shown = _hints(view.width - place.cell_len - 1)
    gap = " " * max(0, view.width - shown.cell_len - place.cell_len)
    return Text(no_wrap=True).append_text(shown).append(gap).append_text(place)


def _hints(width: int) -> Text:
    hints = Text(no_wrap=True)
    for key, does in _HINTS:
        if hints.cell_len + len(key) + len(does) + 3 > width:
            break
        hints.append(key, palette.KEY).append(f" {does}  ", palette.FAINT)
    return hints


def _place(view: View) -> Text:
    if view.document is None or not len(view.document):
        return Text()
    lines, rows = view.lines, view.body_height
    last = lines.last_top(rows)
    end = " end" if view.top >= last else ""
    column = f" column {view.left + 1}" if view.left else ""
    return Text(f"{column} {view.top.file + 1}/{len(view.document)}{end}", palette.MUTED)


def _nothing(view: View) -> str:
    if view.document is None:
        return "" if view.failed else "  reading the changes…"
    return f"  {line(view.name)}: nothing changed, {SCOPES[view.scope]}"


def _tree(view: View, document: Document) -> Iterator[Text]:
    for row in view.rows[view.tree_top : view.tree_top + view.body_height]:
        if row.number < 0:
            yield directory_line(row.name, view.tree_width, row.depth)
            continue
        entry = document.entries[row.number]
        shown = tree_line(
            entry.file, row.name, view.tree_width, counts=document.counts.get(entry.file.path),
            risky=bool(entry.reason), viewed=row.number in view.viewed, depth=row.depth,
        )  # fmt: skip
        if row.number == view.top.file:
            shown.stylize(palette.SELECTED)
        yield shown


def _beside(left: Text, right: Text, width: int) -> Text:
    gap = " " * max(0, width - left.cell_len)
    return Text(no_wrap=True).append_text(left).append(gap).append("│", palette.RULE).append_text(right)


def _help(view: View) -> Iterator[Text]:
    yield Text()
    yield from keys_lines(view.width)
