"""What a review does with each key, click and answer; pure, except that a document keeps the patches it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestra.bindings import Where
from orchestra.model import Changes, LineCounts, Placed, Scope
from orchestra.review import commenting
from orchestra.review.document import Document, Position
from orchestra.review.frame import help_lines, widest
from orchestra.review.state import COMMENT_ACTIONS, SCOPE_ACTIONS, SCOPES, VIEWED_ACTIONS, Finding, Selection, View
from orchestra.review.tree import tree_rows, width_of
from orchestra.views.patch import Patch

_SIDEWAYS = 16
"""Columns that one key scrolls to the side."""
_WHEEL = 3


@dataclass(frozen=True, slots=True)
class Open:
    """Look at the files again, in a scope."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Read:
    """Read one file's patch."""

    number: int


@dataclass(frozen=True, slots=True)
class SetViewed:
    """Remember that a file was viewed, or forget it."""

    number: int
    viewed: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """Compare with the session that comes so many after this one."""

    by: int


@dataclass(frozen=True, slots=True)
class Leave:
    """End the review; what was seen counts as looked at."""


Effect = Open | Read | SetViewed | Turn | Leave | commenting.Change
Outcome = tuple[View, tuple[Effect, ...]]
Step = Callable[[View], Outcome]


def press(view: View, key: str) -> Outcome:
    """Handle a key, named as in the bindings; a character names itself, a space too."""
    if view.typing is not None:
        return _type(view, key)
    if view.help:
        return _in_help(view, view.keymap.does(key, Where.REVIEW)), ()
    if key == "Escape" and view.finding is not None:
        return replace(view, finding=None, message="the search was stopped"), ()
    if view.writing is not None:
        # The text area has the keys.
        return view, ()
    action = view.keymap.does(key, _place(view))
    deleting = view.deleting if action == "delete-comment" else 0
    return act(replace(view, deleting=deleting), action) if action else (view, ())


def _place(view: View) -> Where:
    if view.chosen is not None:
        return Where.COMMENTS
    return Where.SELECTION if view.selection is not None else Where.REVIEW


def _in_help(view: View, action: str) -> View:
    """Scroll the keys as far as there are more; every other key closes them."""
    pages = max(1, view.body_height - 1)
    by = {"review-down": 1, "review-up": -1, "review-page-down": pages, "review-page-up": -pages}.get(action)
    if by is None:
        return replace(view, help=False, help_top=0)
    most = max(0, len(help_lines(view)) - view.body_height)
    return replace(view, help_top=max(0, min(view.help_top + by, most)))


def act(view: View, action: str) -> Outcome:
    """Do what the key of an action does, or say why it does nothing here."""
    if action in view.absent:
        return replace(view, message=_why_absent(view, action), failed=False), ()
    return _settled(_STEPS[action](replace(view, message="", failed=False, ending=False)))


def _why_absent(view: View, action: str) -> str:
    sides = view.sides
    if sides is None:
        return "these are the changes of one session; to compare several: orchestra compare"
    alone = f"of one session: orchestra review {sides.new}"
    if action in COMMENT_ACTIONS:
        return f"comments are on the work {alone}"
    if action in VIEWED_ACTIONS:
        return f"files are marked as viewed in the review {alone}"
    if action in SCOPE_ACTIONS:
        return f"last commit and last review are {alone}"
    return f"only {sides.old} and {sides.new} are compared"


def end(view: View) -> Outcome:
    """Go to the end of the changes, which may have to be read first."""
    return _settled((replace(_last(view)[0], ending=True), ()))


def paste(view: View, text: str) -> Outcome:
    """Handle pasted text, which only a search takes."""
    if view.typing is None:
        return view, ()
    return replace(view, typing=view.typing + "".join(text.splitlines()[:1])), ()


def resize(view: View, width: int, height: int) -> Outcome:
    """Handle a window of another size."""
    before, view = view, replace(view, width=width, height=height)
    return _settled((_turned(before, view), ()))


def wheel(view: View, column: int, by: int) -> Outcome:
    """Handle the wheel over a column of the window; ``by`` is 1 for down, -1 for up."""
    if column < view.tree_width:
        most = max(0, len(view.rows) - view.body_height)
        return replace(view, tree_top=min(max(0, view.tree_top + by * _WHEEL), most)), ()
    return _settled((_scrolled(view, by * _WHEEL), ()))


def click(view: View, column: int, row: int) -> Outcome:
    """Handle a click: it chooses a file in the list, or folds one by its heading."""
    line = row - view.body_top
    if not 0 <= line < view.body_height:
        return view, ()
    if column < view.tree_width:
        index = view.tree_top + line
        number = view.rows[index].number if index < len(view.rows) else -1
        view = replace(view, tree=None if view.choosing and number >= 0 else view.tree)
        return (view, ()) if number < 0 else _settled((_at_file(view, number), ()))
    shown = view.lines.shown(view.top, line + 1)
    if line >= len(shown) or view.writing is not None or view.chosen is not None or view.help:
        return view, ()
    if shown[line].line == 0:
        return _settled((_folded(view, {shown[line].file}), ()))
    return (commenting.select_at(view, shown[line]) if view.whole and view.sides is None else view), ()


def opened(view: View, document: Document, marks: Mapping[str, str]) -> Outcome:
    """Handle a finished look: the same file stays in sight, and viewed files are folded."""
    same, viewed, rows = document.number(path_at(view)), document.viewed(marks), tuple(tree_rows(document.entries))
    top = Position(same or 0, 0 if view.whole or same is None else view.top.line)
    view = replace(
        view, document=document, scope=document.changes.scope, rows=rows, rows_width=width_of(rows), viewed=viewed,
        folded=viewed if view.whole else frozenset(), reading=frozenset(), finding=None, message="", failed=False,
        top=top, left=0 if view.whole else view.left, tree_top=0, selection=None, sides=document.changes.sides,
    )  # fmt: skip
    return _settled((view, ()))


def counted(view: View, changes: Changes, counts: Mapping[str, LineCounts]) -> Outcome:
    """Handle the line counts of a look."""
    if view.document is not None and view.document.changes is changes:
        view.document.count(counts)
    # Another view, because it shows something else now.
    return replace(view), ()


def read(view: View, changes: Changes, number: int, patch: Patch) -> Outcome:
    """Handle a file's patch, and go on with a search that waited for it."""
    if view.document is None or view.document.changes is not changes:
        return view, ()
    view.document.add(number, patch, view.top.file)
    view = replace(view, reading=view.reading - {number})
    if view.finding is not None and view.finding.file == number:
        return _settled(_find(view, view.finding.start, view.finding.step, number))
    return _settled((view, ()))


def commented(view: View, comments: Sequence[Placed]) -> Outcome:
    """Handle the comments as they are now; the same line stays in sight."""
    return _settled((_with_comments(view, comments), ()))


def _with_comments(view: View, comments: Sequence[Placed]) -> View:
    if view.document is None:
        return view
    before, selection = view.lines.row_at(view.top), view.selection
    places = [(at.file, view.lines.row_at(at)) for at in ((selection.start, selection.at) if selection else ())]
    view.document.comment(comments, view.code_width)
    top = view.top if before is None else view.lines.at_row(view.top.file, before)
    if selection is not None:
        start, at = (view.lines.at_row(file, -1 if row is None else row) for file, row in places)
        selection = Selection(start, at)
    return replace(view, top=top, selection=selection, chosen=view.chosen if comments else None)


def typed(view: View, text: str) -> View:
    """Handle what is in the text area now."""
    return commenting.typed(view, text)


def written(view: View) -> Outcome:
    """Handle the end of writing."""
    return _settled(commenting.written(view))


def failed(view: View, message: str) -> Outcome:
    """Handle an error of a look or of the store."""
    return replace(view, message=message, failed=True), ()


def _settled(outcome: Outcome) -> Outcome:
    """Correct what a step left out of reach, and ask for the files that came into sight."""
    view, effects = outcome
    if view.document is None:
        return view, effects
    if view.code_width and view.document.width != view.code_width and view.document.comments:
        view = _with_comments(view, view.document.comments)
    lines, rows = view.lines, view.body_height
    last = lines.last_top(rows)
    view = replace(view, top=last if view.ending else min(lines.valid(view.top), last))
    view = _with_tree_in_sight(view)
    needed = [number for number in _to_read(view, lines.unread(view.top, rows)) if number not in view.reading]
    waits = [view.finding.file] if view.finding and view.finding.file not in view.reading else []
    asked = tuple(dict.fromkeys((*needed, *waits)))
    view = replace(view, reading=view.reading | set(asked))
    return view, (*effects, *(Read(number) for number in asked))


def _to_read(view: View, unread: Sequence[int]) -> Sequence[int]:
    """Return the files to read now: the one at the top is read alone, because those beside it would delay it."""
    return unread[:1] if view.top.file in unread[:1] else unread


def _with_tree_in_sight(view: View) -> View:
    row = next((index for index, row in enumerate(view.rows) if row.number == view.top.file), 0)
    # A file's directory stays in sight with it.
    first = max(0, row - 1)
    if first < view.tree_top:
        return replace(view, tree_top=first)
    return replace(view, tree_top=max(view.tree_top, row - view.body_height + 1))


def path_at(view: View) -> str:
    """Return the path of the first file in sight, or of the file to open first."""
    if view.document is None:
        return view.at
    entries = view.document.entries
    return entries[view.top.file].file.path if view.top.file < len(entries) else ""


def _scrolled(view: View, by: int) -> View:
    return replace(view, top=view.lines.moved(view.top, by))


def _turned(before: View, view: View) -> View:
    """Keep the place if the sides are now shown the other way."""
    if view.is_split == before.is_split or view.document is None:
        return view
    return replace(view, top=before.lines.turned(before.top), left=0)


def _at_file(view: View, number: int) -> View:
    return replace(view, top=view.lines.valid(Position(number, 0)))


def _folded(view: View, numbers: set[int]) -> View:
    folded = view.folded ^ numbers
    top = Position(view.top.file, 0) if view.top.file in numbers else view.top
    return replace(view, folded=folded, top=top)


def _scroll(by: int) -> Step:
    return lambda view: (_at_file(view, view.top.file + by) if view.choosing else _scrolled(view, by), ())


def _page(direction: int) -> Step:
    def step(view: View) -> Outcome:
        by = max(1, view.body_height - 1) * direction
        return (_at_file(view, view.top.file + by) if view.choosing else _scrolled(view, by)), ()

    return step


def _sideways(by: int) -> Step:
    return lambda view: (replace(view, left=max(0, view.left + by)), ())


def _line_end(view: View) -> Outcome:
    return replace(view, left=max(0, widest(view))), ()


def _line_start(view: View) -> Outcome:
    return replace(view, left=0), ()


def _first(view: View) -> Outcome:
    return replace(view, top=Position(0, 0)), ()


def _last(view: View) -> Outcome:
    return _at_file(view, (len(view.document) if view.document else 0) - 1), ()


def _hunk(step: int) -> Step:
    return lambda view: (replace(view, top=view.lines.hunk(view.top, step)), ())


def _file(step: int) -> Step:
    def go(view: View) -> Outcome:
        back = step < 0 and view.top.line > 0 and not view.choosing
        return _at_file(view, view.top.file + (0 if back else step)), ()

    return go


def _search(view: View) -> Outcome:
    return replace(view, typing="", tree=None if view.choosing else view.tree), ()


def _type(view: View, key: str) -> Outcome:
    typed = view.typing or ""
    if key == "Escape":
        return replace(view, typing=None), ()
    if key == "BSpace":
        return replace(view, typing=typed[:-1] if typed else None), ()
    if key == "Enter":
        return _begin_search(replace(view, typing=None), typed)
    return (replace(view, typing=typed + key) if len(key) == 1 else view), ()


def _begin_search(view: View, typed: str) -> Outcome:
    if not typed:
        return replace(view, wanted=None), ()
    flags = re.NOFLAG if typed != typed.lower() else re.IGNORECASE
    view = replace(view, wanted=re.compile(re.escape(typed), flags), message="", failed=False)
    return _settled(_find(view, Position(view.top.file, view.top.line - 1), 1))


def _again(step: int) -> Step:
    def go(view: View) -> Outcome:
        if view.wanted is None:
            return replace(view, message=f"search first, with {view.keymap.key('review-search')}"), ()
        seen = view.match is not None and view.match in view.lines.shown(view.top, view.body_height)
        return _find(view, view.match if seen and view.match else view.top, step)

    return go


def _find(view: View, start: Position, step: int, read_now: int = -1) -> Outcome:
    if view.wanted is None or view.document is None:
        return view, ()
    at = start if read_now in {-1, start.file} else Position(read_now, -1 if step > 0 else 1 << 60)
    found = view.lines.match(at, view.wanted, step)
    if isinstance(found, int):
        waiting = f"searching file {found + 1} of {len(view.document)}; Escape stops"
        return replace(view, finding=Finding(start, step, found), message=waiting), ()
    if found is None:
        where = "below" if step > 0 else "above"
        return replace(view, finding=None, message=f"nothing more is found {where}"), ()
    return replace(view, finding=None, message="", folded=view.folded - {found.file}, top=found, match=found), ()


def _fold(view: View) -> Outcome:
    if view.choosing:
        return replace(view, tree=None), ()
    return _folded(view, {view.top.file}), ()


def _fold_all(view: View) -> Outcome:
    every = frozenset(range(len(view.document) if view.document else 0))
    folded = frozenset() if view.folded >= every else every
    return replace(view, folded=folded, top=Position(view.top.file, 0)), ()


def _viewed(view: View) -> Outcome:
    number = view.top.file
    if view.document is None or number >= len(view.document):
        return view, ()
    now = number not in view.viewed
    viewed = view.viewed | {number} if now else view.viewed - {number}
    folded = view.folded | {number} if now else view.folded - {number}
    top = Position(number + 1, 0) if now else Position(number, 0)
    message = "all files are viewed" if len(viewed) == len(view.document) else ""
    view = replace(view, viewed=viewed, folded=folded, top=top, message=message)
    return view, (SetViewed(number, now),)


def _split(view: View) -> Outcome:
    return _turned(view, replace(view, split=not view.is_split)), ()


def _tree(view: View) -> Outcome:
    return replace(view, tree=not view.tree_width), ()


def _scope(scope: Scope) -> Step:
    return lambda view: (replace(view, message=f"reading {SCOPES[scope]}…"), (Open(scope),))


def _turn(by: int) -> Step:
    return lambda view: (replace(view, message="reading the other session…"), (Turn(by),))


def _reload(view: View) -> Outcome:
    return replace(view, message="looking again…"), (Open(view.scope),)


def _help(view: View) -> Outcome:
    return replace(view, help=True), ()


def _leave(view: View) -> Outcome:
    return replace(view, message="" if view.sides else "keeping what you saw…"), (Leave(),)


_STEPS: Mapping[str, Step] = {
    "review-down": _scroll(1),
    "review-up": _scroll(-1),
    "review-page-down": _page(1),
    "review-page-up": _page(-1),
    "right": _sideways(_SIDEWAYS),
    "left": _sideways(-_SIDEWAYS),
    "line-end": _line_end,
    "line-start": _line_start,
    "first": _first,
    "last": _last,
    "next-hunk": _hunk(1),
    "previous-hunk": _hunk(-1),
    "next-file": _file(1),
    "previous-file": _file(-1),
    "next-session": _turn(1),
    "previous-session": _turn(-1),
    "review-search": _search,
    "next-match": _again(1),
    "previous-match": _again(-1),
    "fold-file": _fold,
    "fold-all": _fold_all,
    "viewed": _viewed,
    "split": _split,
    "tree": _tree,
    "branch": _scope(Scope.BRANCH),
    "commit": _scope(Scope.COMMIT),
    "looked": _scope(Scope.LOOKED),
    "reload": _reload,
    "review-help": _help,
    "leave": _leave,
    **commenting.STEPS,
}
