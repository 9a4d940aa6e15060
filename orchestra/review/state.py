"""What a review shows at one moment, and where on the window it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from orchestra.bindings import REVIEW_BINDINGS, Keymap, Where
from orchestra.model import Changes, Placed, Scope, Sides, Target
from orchestra.review.document import Document, Lines, Position
from orchestra.review.tree import WIDEST, TreeRow

SPLIT_FROM = 160
"""From this many columns on, both sides are shown beside each other."""
TREE_FROM = 90
"""From this many columns on, the list of files is shown beside the changes."""
SCOPES = {
    Scope.BRANCH: "whole branch",
    Scope.COMMIT: "last commit",
    Scope.LOOKED: "since your last review",
}
SCOPE_ACTIONS = frozenset({"branch", "commit", "looked"})
VIEWED_ACTIONS = frozenset({"viewed"})
COMMENT_ACTIONS = frozenset(
    {"select", "comment-all", "comments", "send-comments"}
    | {one.action for one in REVIEW_BINDINGS if one.where is not Where.REVIEW}
)
TURN_ACTIONS = frozenset({"next-session", "previous-session"})
START = Position(0, 0)
"""The heading of the first file."""
_NOTES = 3
_EDITOR = 8
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
class Selection:
    """The selected lines of one file: from where the selection began to where it is now; a heading is the file."""

    start: Position
    at: Position


@dataclass(frozen=True, slots=True)
class Writing:
    """A comment that is being written; ``number`` is that of a draft that was stored before, else 0."""

    target: Target
    number: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A review at one moment; ``document`` is None until the first look is done.

    ``top`` is the first line in sight, ``left`` the first column of the code. ``split`` and ``tree`` are None until
    the person decides. ``typing`` is the text of a search that is being typed, ``match`` where it was last found.
    ``tree_top`` is the first row of the list in sight, ``help_top`` that of the keys. With ``ending`` the end comes
    into sight once it is read.

    ``chosen`` is the number of the comment under the cursor while they are listed, ``deleting`` that of a draft whose
    deletion was asked for once.

    ``at`` is the path of the file to open first. A review that is not ``whole`` is a part of another window: it has no
    footer, folds nothing, and another look moves no line. ``sides`` are the two sessions if two are compared.
    """

    name: str
    scope: Scope = Scope.BRANCH
    keymap: Keymap = field(default_factory=Keymap)
    width: int = 80
    height: int = 24
    document: Document | None = None
    rows: tuple[TreeRow, ...] = ()
    rows_width: int = WIDEST
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
    help_top: int = 0
    ending: bool = False
    at: str = ""
    whole: bool = True
    selection: Selection | None = None
    writing: Writing | None = None
    chosen: int | None = None
    deleting: int = 0
    sides: Sides | None = None

    @property
    def absent(self) -> frozenset[str]:
        """The actions that mean nothing here: those for one session's work, or those for comparing several."""
        if self.sides is None:
            return TURN_ACTIONS
        of_one = SCOPE_ACTIONS | VIEWED_ACTIONS | COMMENT_ACTIONS
        return of_one if self.sides.others > 1 else of_one | TURN_ACTIONS

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
        return min(self.rows_width, self.width // 3) if wide else self.width

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
        """What to know first and what is left out, as far as there is room for it."""
        if self.document is None or self.height < _LOW:
            return ()
        return (*self.document.changes.warnings, *self.document.changes.notes)[:_NOTES]

    @property
    def body_top(self) -> int:
        """The first line of the window below the header."""
        return 1 + len(self.notes)

    @property
    def body_height(self) -> int:
        """The lines between header and footer."""
        return max(1, self.height - self.body_top - self.whole - self.editor_height)

    @property
    def editor_height(self) -> int:
        """The lines of the text area, below everything else; 0 without one."""
        return min(_EDITOR, max(1, self.height // 3)) if self.writing is not None else 0

    @property
    def comments(self) -> tuple[Placed, ...]:
        """All comments on the session's work."""
        return self.document.comments if self.document is not None else ()
