"""Show changed files: in a list or tree with marks, and as the headings of their changes."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text

from orchestra.model import ChangedFile, FileStatus, LineCounts, Sides
from orchestra.views import palette
from orchestra.views.text import fit, fit_path, line, short

LETTERS: dict[FileStatus, tuple[str, Style]] = {
    FileStatus.ADDED: ("A", palette.ADDED),
    FileStatus.DELETED: ("D", palette.REMOVED),
    FileStatus.MODIFIED: ("M", palette.WARM),
    FileStatus.RENAMED: ("R", palette.VIOLET),
    FileStatus.RETYPED: ("T", palette.VIOLET),
}
_EXECUTABLE = "100755"
_PATH_LEAST = 12
"""The columns of a heading that a path has before the reason to look at it first has any."""


def marks(file: ChangedFile, counts: LineCounts | None = None, sides: Sides | None = None) -> list[str]:
    """Return what is special about a changed file, in words; with ``sides``, which of the two has it."""
    found = _changed(file) if sides is None else _differing(file, sides)
    special = ((file.is_module, "repository"), (file.is_link, "symlink"), (bool(counts and counts.binary), "binary"))
    return [*found, *(word for is_so, word in special if is_so)]


def _changed(file: ChangedFile) -> list[str]:
    words = {FileStatus.ADDED: "new", FileStatus.DELETED: "deleted", FileStatus.RETYPED: "other type"}
    found = [words[file.status]] if file.status in words else []
    if file.old_path:
        found.append(f"was {line(file.old_path)}")
    if file.changes_mode:
        found.append("now executable" if file.new_mode == _EXECUTABLE else "no longer executable")
    elif file.status is FileStatus.ADDED and file.new_mode == _EXECUTABLE:
        found.append("executable")
    return found


def _differing(file: ChangedFile, sides: Sides) -> list[str]:
    old, new = line(sides.old), line(sides.new)
    words = {
        FileStatus.ADDED: f"only in {new}", FileStatus.DELETED: f"only in {old}", FileStatus.RETYPED: "other type",
    }  # fmt: skip
    found = [words[file.status]] if file.status in words else []
    if file.old_path:
        found.append(f"in {old}: {line(file.old_path)}")
    if file.changes_mode:
        found.append(f"executable in {new if file.new_mode == _EXECUTABLE else old}")
    return found


def _flags(file: ChangedFile, counts: LineCounts | None) -> str:
    flags = [
        (file.is_module, "repo"),
        (file.is_link, "link"),
        (file.changes_mode or (file.status is FileStatus.ADDED and file.new_mode == _EXECUTABLE), "mode"),
        (bool(counts and counts.binary), "bin"),
    ]
    return "".join(f" {word}" for shown, word in flags if shown)


def tree_line(
    file: ChangedFile, name: str, width: int, *, counts: LineCounts | None, risky: bool, viewed: bool, depth: int
) -> Text:
    """Return one file's line in the tree: viewed, status, risky, name, marks, counts."""
    letter, style = LETTERS[file.status]
    shown = Text(" " * min(depth, 8), no_wrap=True)
    shown.append("✓" if viewed else " ", palette.GOOD).append(letter, style)
    shown.append("⚠ " if risky else " ", palette.WARM)
    numbers = _short_counts(counts)
    flags = _flags(file, counts)
    room = width - shown.cell_len - numbers.cell_len - len(flags) - 1
    shown.append(fit_path(line(name), max(4, room)), palette.FAINT if viewed else palette.PLAIN)
    shown.append(flags, palette.VIOLET)
    shown.append(" " * max(1, width - shown.cell_len - numbers.cell_len)).append_text(numbers)
    shown.truncate(width)
    return shown


def directory_line(name: str, width: int, depth: int) -> Text:
    """Return a directory's line in the tree."""
    return Text(" " * min(depth, 8) + fit_path(line(name), max(1, width - min(depth, 8))), palette.MUTED, no_wrap=True)


def heading(
    file: ChangedFile,
    width: int,
    *,
    counts: LineCounts | None,
    reason: str,
    viewed: bool,
    folded: bool,
    sides: Sides | None = None,
) -> Text:
    """Return the heading of one file's changes, or of that in which two ``sides`` differ."""
    numbers = line_counts(counts)
    shown = Text(no_wrap=True).append("▸ " if folded else "▾ ", palette.ACCENT)
    if viewed:
        shown.append("✓ ", palette.GOOD)
    about = Text(f" {fit(', '.join(marks(file, counts, sides)), width // 3)}".rstrip(), palette.VIOLET)
    if reason:
        rest = width - shown.cell_len - about.cell_len - numbers.cell_len - _PATH_LEAST - 3
        about.append(fit(f" ⚠ {reason}", min(max(2, rest), width // 2)), palette.WARM)
    room = width - shown.cell_len - about.cell_len - numbers.cell_len - 3
    shown.append(fit_path(line(file.path), max(8, room)), palette.STRONG).append_text(about).append(" ")
    shown.append("─" * max(0, width - shown.cell_len - numbers.cell_len - 1), palette.RULE).append(" ")
    shown.append_text(numbers)
    shown.truncate(width)
    return shown


def line_counts(counts: LineCounts | None) -> Text:
    """Return line counts; nothing while they are not known, or for a binary file."""
    if counts is None or counts.binary:
        return Text()
    added = Text(f"+{counts.insertions}", palette.ADDED if counts.insertions else palette.FAINT)
    return added.append(" ").append(f"−{counts.deletions}", palette.REMOVED if counts.deletions else palette.FAINT)


def _short_counts(counts: LineCounts | None) -> Text:
    if counts is None or counts.binary:
        return Text()
    added = Text(f"+{short(counts.insertions)}", palette.ADDED if counts.insertions else palette.FAINT)
    removed = f"−{short(counts.deletions)}"
    return added.append(" ").append(removed, palette.REMOVED if counts.deletions else palette.FAINT)
