"""Show a review at one moment as the lines of its window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest

from rich.text import Text

from orchestra.comments import where
from orchestra.model import ChangedFile, CommentState, Sides
from orchestra.review.comment_list import comment_list
from orchestra.review.commenting import is_selected
from orchestra.review.document import Document, Position
from orchestra.review.state import SCOPES, View, Writing
from orchestra.views import palette
from orchestra.views.changed_files import directory_line, heading, line_counts, tree_line
from orchestra.views.comments import GLYPHS, STYLES
from orchestra.views.highlight import SHARE, Highlighter
from orchestra.views.keys import shown
from orchestra.views.patch import Patch
from orchestra.views.patch_lines import PatchLines, gutter_width, longest
from orchestra.views.review_keys import keys_lines
from orchestra.views.text import code, count, fit, fit_path, line

_HINTS = (
    ("review-help", "keys"), ("leave", "leave"), ("next-session previous-session", "next, previous session"),
    ("viewed", "viewed"), ("next-file", "file"), ("next-hunk", "hunk"),
    ("select", "comment"), ("comments", "comments"),
    ("review-search", "search"), ("fold-file", "fold"), ("split", "sides"), ("tree", "files"),
    ("left right", "sideways"), ("branch commit looked", "branch, commit, since last review"),
)  # fmt: skip
"""Actions whose keys are shown, each with its word, the most needed first; as many as fit."""
_SELECTION_HINTS = (
    ("comment-lines", "comment"), ("select-down select-up", "line"), ("extend-down extend-up", "more lines"),
    ("comment-file", "on the file"), ("select-nothing", "back"),
)  # fmt: skip
_COMMENT_HINTS = (
    ("hide-comments", "back"), ("show-comment", "its lines"), ("edit-comment", "edit"), ("delete-comment", "delete"),
    ("settle-comment", "settle"), ("send-listed", "send all drafts"), ("next-comment previous-comment", "choose"),
)  # fmt: skip
_PATH_LEAST = 8


class Canvas:
    """Draws views; the colours of what was drawn once are kept.

    ``share`` is the processor seconds that one drawing may spend on colours.
    """

    def __init__(self, share: float = SHARE) -> None:
        self._highlighter, self._share = Highlighter(), share
        self._drawn: dict[int, tuple[Patch, PatchLines]] = {}

    @property
    def unfinished(self) -> bool:
        """Whether the time for colours was spent, so that drawing the same again may show more of them."""
        return self._highlighter.spent

    def draw(self, view: View) -> list[Text]:
        """Return the window's lines, from top to bottom."""
        self._highlighter.begin(share=self._share)
        notes = (Text(fit(f"⚠ {line(note)}", view.width), palette.WARM) for note in view.notes)
        rows = list(islice(self._below(view), view.body_height))
        blank = (Text() for _ in range(view.body_height - len(rows)))
        footer = [_footer(view)] if view.whole else []
        shown = [_header(view) if view.whole else _summary(view), *notes, *rows, *blank, *footer]
        return shown[: max(view.height - view.editor_height, 1)]

    def _below(self, view: View) -> Iterator[Text]:
        if view.help:
            return iter(help_lines(view)[view.help_top :])
        return iter(comment_list(view)) if view.chosen is not None else self._body(view)

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
        shown = self._plain_line(view, document, at)
        if is_selected(view, at):
            shown.pad_right(max(0, view.code_width - shown.cell_len))
            shown.stylize(palette.SELECTED)
        return shown

    def _plain_line(self, view: View, document: Document, at: Position) -> Text:
        entry, width = document.entries[at.file], view.code_width
        if at.line == 0:
            return heading(
                entry.file, width, counts=document.counts.get(entry.file.path), reason=entry.reason,
                viewed=at.file in view.viewed, folded=at.file in view.folded, sides=document.changes.sides,
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
    header = _sides(view, view.sides) if view.sides is not None else _session(view)
    if view.document is not None:
        header.append_text(_size(view, view.document))
    header.truncate(view.width, overflow="ellipsis")
    return header


def _session(view: View) -> Text:
    return Text(no_wrap=True).append(f" {line(view.name)} ", palette.TAB).append(f" {SCOPES[view.scope]}  ")


def _sides(view: View, sides: Sides) -> Text:
    """Return whose lines are which, and where they are shown."""
    left, right = ("left ", "right ") if view.is_split else ("", "")
    header = Text(no_wrap=True).append(f" {left}− {line(sides.old)} ", palette.REMOVED)
    header.append(" ").append(f" {right}+ {line(sides.new)} ", palette.ADDED)
    return header.append(f" {sides.number} of {sides.others} others  " if sides.others > 1 else "  ", palette.MUTED)


def _size(view: View, document: Document) -> Text:
    size = Text(no_wrap=True).append(count(len(document), "file"), palette.STRONG).append("  ")
    size.append_text(line_counts(document.total))
    if view.viewed:
        size.append(f"  ✓ {len(view.viewed)} viewed", palette.GOOD)
    size.append_text(_comments(view))
    return size.append(f"  ⚠ {document.risky} risky", palette.WARM) if document.risky else size


def _comments(view: View) -> Text:
    """Return how many comments there are in each state but the last."""
    states = [one.comment.state for one in view.comments]
    shown = Text()
    for state in (CommentState.DRAFT, CommentState.OPEN, CommentState.ANSWERED):
        if number := states.count(state):
            words = count(number, "draft") if state is CommentState.DRAFT else f"{number} {state}"
            shown.append(f"  {GLYPHS[state]} {words}", STYLES[state])
    return shown


def _summary(view: View) -> Text:
    """Return the first line of a review that is part of another window: how much changed, and which file is shown."""
    if view.document is None or not len(view.document):
        return Text()
    size, place = _size(view, view.document), _place(view)
    room = view.width - size.cell_len - place.cell_len - 2
    path = line(view.document.entries[view.top.file].file.path)
    shown = Text(fit_path(path, room) if room >= _PATH_LEAST else "", palette.FAINT).append_text(place)
    summary = size.append(" " * max(1, view.width - size.cell_len - shown.cell_len)).append_text(shown)
    summary.truncate(view.width)
    return summary


def _footer(view: View) -> Text:
    if view.typing is not None:
        shown = Text(no_wrap=True).append("/", palette.KEY).append(code(view.typing))
        return shown.append(" ", palette.FOUND)
    if view.help:
        return _help_hints(view)
    if view.writing is not None:
        return _writing_hints(view, view.writing)
    place = _place(view)
    if view.message:
        style = palette.BAD if view.failed else palette.MUTED
        shown = Text(fit(line(view.message), max(0, view.width - place.cell_len - 1)), style, no_wrap=True)
    else:
        shown = _hints(view, view.width - place.cell_len - 1)
    gap = " " * max(0, view.width - shown.cell_len - place.cell_len)
    return Text(no_wrap=True).append_text(shown).append(gap).append_text(place)


def _help_hints(view: View) -> Text:
    hints = Text(no_wrap=True)
    if len(help_lines(view)) > view.body_height:
        keys = " ".join(shown(one) for action in ("review-down", "review-up") if (one := view.keymap.key(action)))
        hints.append(keys, palette.KEY).append(" scroll  ", palette.FAINT)
    hints.append("any other key", palette.KEY).append(" back", palette.FAINT)
    hints.truncate(view.width)
    return hints


def _writing_hints(view: View, writing: Writing) -> Text:
    """Say what the comment is about, that failed to be stored, and how to end it."""
    keys = " ".join(shown(one) for action in ("send", "cancel") if (one := view.keymap.key(action)))
    hints = Text.assemble((keys, palette.KEY), (" keep  ", palette.FAINT), no_wrap=True)
    about = (view.message, palette.BAD) if view.failed else (where(writing.target), palette.VIOLET)
    hints.append(line(about[0]), about[1])
    hints.truncate(view.width)
    return hints


def _hints(view: View, width: int) -> Text:
    hints, keymap = Text(no_wrap=True), view.keymap
    listed = _COMMENT_HINTS if view.chosen is not None else _SELECTION_HINTS if view.selection else _HINTS
    for actions, does in listed:
        key = " ".join(shown(one, keymap.enter) for action in actions.split() if (one := keymap.key(action)))
        if not key or view.absent.intersection(actions.split()):
            continue
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
    if view.sides is not None:
        return f"  {line(view.sides.old)} and {line(view.sides.new)} have the same files"
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


def help_lines(view: View) -> list[Text]:
    """Return the keys as lines, all of them."""
    return [Text(), *keys_lines(view.width, view.keymap, view.absent)]
