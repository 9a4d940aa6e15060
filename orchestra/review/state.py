"""What a review shows at one moment, and where on the window it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from orchestra.model import Changes, Scope
from orchestra.review.document import Document, Lines, Position
from orchestra.review.tree import TreeRow

SPLIT_FROM = 160
"""From this many columns on, both sides are shown beside each other."""
TREE_FROM = 90
"""From this many columns on, the list of files is shown beside the changes."""
SCOPES = {
    Scope.BRANCH: "whole branch",
    Scope.COMMIT: "last commit",
    Scope.LOOKED: "since your last review",
}
START = Position(0, 0)
"""The heading of the first file."""
_NOTES = 3
_LOW = 16
"""Below this many lines there is no room for notes."""
_NOTHING = Document.of(Changes(Scope.BRANCH, "", ""))


@dataclass(frozen=True, slots=True)
class Finding:
    """A search that is under way: from where, in which direction, and the file it waits for."""

    start: Position
    step: int
    file: int


@dataclass(frozen=True, slots=True)
class View:
    """A review at one moment; ``document`` is None until the first look is done.

    ``top`` is the first line in sight, ``left`` the first column of the code. ``split`` and ``tree`` are None until
    the person decides. ``typing`` is the text of a search that is being typed, ``match`` where it was last found.
    ``tree_top`` is the first row of the list in sight.
    """

    name: str
    scope: Scope = Scope.BRANCH
    width: int = 80
    height: int = 24
    document: Document | None = None
    rows: tuple[TreeRow, ...] = ()
    top: Position = START
    left: int = 0
    split: bool | None = None
    tree: bool | None = None
    tree_top: int = 0
    folded: frozenset[int] = frozenset()
    viewed: frozenset[int] = frozenset()
    reading: frozenset[int] = field(default_factory=frozenset)
    typing: str | None = None
    wanted: re.Pattern[str] | None = None
    finding: Finding | None = None
    match: Position | None = None
    message: str = ""
    failed: bool = False
    help: bool = False

    @property
    def lines(self) -> Lines:
        """The document as lines, as it is shown now."""
        return Lines(self.document or _NOTHING, self.folded, self.is_split)

    @property
    def is_split(self) -> bool:
        """Whether both sides are shown beside each other."""
        return self.width >= SPLIT_FROM if self.split is None else self.split

    @property
    def tree_width(self) -> int:
        """The columns of the list of files; 0 if it is hidden, all where there is no room for both."""
        wide = self.width >= TREE_FROM
        if not (wide if self.tree is None else self.tree):
            return 0
        return min(44, self.width // 3) if wide else self.width

    @property
    def choosing(self) -> bool:
        """Whether the list of files covers the changes."""
        return self.tree_width == self.width

    @property
    def code_left(self) -> int:
        """The column at which the changes begin."""
        return self.tree_width + 1 if self.tree_width else 0

    @property
    def code_width(self) -> int:
        """The columns of the changes."""
        return 0 if self.choosing else self.width - self.code_left

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, as far as there is room for it."""
        return self.document.changes.notes[:_NOTES] if self.document and self.height >= _LOW else ()

    @property
    def body_top(self) -> int:
        """The first line of the window below the header."""
        return 1 + len(self.notes)

    @property
    def body_height(self) -> int:
        """The lines between header and footer."""
        return max(1, self.height - self.body_top - 1)
