"""Changes to review that need no repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from orchestra.errors import Refused
from orchestra.model import (
    ChangedFile,
    Changes,
    Comment,
    CommentState,
    FileStatus,
    LineCounts,
    Place,
    Placed,
    Scope,
    Side,
    Sides,
    Target,
)
from orchestra.review import reducer
from orchestra.review.document import Document
from orchestra.review.reducer import Effect, Read
from orchestra.review.state import View
from orchestra.views.patch import Patch

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def changed(path: str, status: FileStatus = FileStatus.MODIFIED, **values: str) -> ChangedFile:
    """Return a changed file; its ids are made from its path."""
    usual = {"old_mode": "100644", "new_mode": "100644", "old_id": f"old-{path}", "new_id": f"new-{path}"}
    return ChangedFile(path, status, **(usual | values))


def patch_text(path: str, *hunks: Iterable[str]) -> str:
    """Return a file's diff with hunks of lines; each begins a hundred lines after the one before."""
    text = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    for number, hunk in enumerate(hunks):
        lines = list(hunk)
        old, new = (sum(line[0] in marks for line in lines) for marks in (" -", " +"))
        text += f"@@ -{100 * number + 1},{old} +{100 * number + 1},{new} @@ part {number}\n"
        text += "".join(f"{line}\n" for line in lines)
    return text


APP = patch_text("app.py", [" import os", "-x = 1", "+x = 2", " end"], [" def run():", "+    pass"])
LONG = patch_text("long.txt", [f"+line {number}" for number in range(300)])
TEXTS = {"app.py": APP, "long.txt": LONG, "lib/util.py": patch_text("lib/util.py", ["-old needle", "+new Needle"]),
         ".github/workflows/ci.yml": patch_text("ci.yml", ["-on: push", "+on: pull_request"])}  # fmt: skip


def texts_of(diff: str) -> dict[str, str]:
    """Return the parts of a diff by the paths of their files."""
    parts = [f"diff --git {part}" for part in diff.split("diff --git ")[1:]]
    return {part.partition(" b/")[2].partition("\n")[0]: part for part in parts}


def remark(number: int, text: str = "Why?", about: Target | None = None, **values: Any) -> Comment:  # noqa: ANN401 -- the fields' own types
    """Return a comment, by default a draft on a line of ``app.py``."""
    usual: dict[str, Any] = {
        "round": 0,
        "state": CommentState.DRAFT,
        "quoted": "x = 2",
        "made_at": NOW,
        "changed_at": NOW,
    }
    return Comment(1, number, target=about or Target("app.py", Side.NEW, 2, 2), text=text, **(usual | values))


@dataclass
class FakeSource:
    """A review's source that remembers what it was asked."""

    texts: dict[str, str] = field(default_factory=lambda: dict(TEXTS))
    marks: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    broken: bool = False
    name: str = "alpha"
    remarks: list[Comment] = field(default_factory=list)
    sides: Sides | None = None

    def turn(self, by: int) -> None:
        assert self.sides is not None
        number = (self.sides.number - 1 + by) % self.sides.others + 1
        self.sides = replace(self.sides, new=f"other-{number}", number=number)

    def prepare(self, scope: Scope) -> None:
        self.asked.append(f"prepare {scope}")

    def changes(self, scope: Scope) -> Changes:
        self.asked.append(f"changes {scope}")
        if self.broken:
            raise Refused("the worktree is gone", hint="restore it")
        texts = self.texts if scope is Scope.BRANCH else {}
        return Changes(scope, "o", "n", tuple(changed(path) for path in sorted(texts)), self.notes, sides=self.sides)

    def counts(self, changes: Changes) -> dict[str, LineCounts]:
        return {file.path: LineCounts(self.texts[file.path].count("\n+") - 1, 1) for file in changes.files}

    def patch(self, changes: Changes, file: ChangedFile) -> str:  # noqa: ARG002 -- the Protocol's
        self.asked.append(f"patch {file.path}")
        return self.texts[file.path]

    def sizes(self, file: ChangedFile) -> tuple[int | None, int | None]:  # noqa: ARG002 -- the Protocol's
        return 12, 3456

    def viewed(self) -> dict[str, str]:
        return dict(self.marks)

    def set_viewed(self, file: ChangedFile, *, viewed: bool) -> None:
        if viewed:
            self.marks[file.path] = file.mark
        else:
            self.marks.pop(file.path, None)

    def comments(self, changes: Changes) -> list[Placed]:  # noqa: ARG002 -- the Protocol's
        return [Placed(one, Place(one.target.path, one.target.first, one.target.last)) for one in self.remarks]

    def save_comment(self, changes: Changes, about: Target, text: str, number: int) -> int:  # noqa: ARG002 -- the Protocol's
        known = number or len(self.remarks) + 1
        self.remarks = [one for one in self.remarks if one.number != known] + [remark(known, text, about)]
        return known

    def delete_comment(self, number: int) -> None:
        self.remarks = [one for one in self.remarks if one.number != number]

    def send_comments(self) -> str:
        self.remarks = [replace(one, state=CommentState.OPEN, round=1) for one in self.remarks]
        return "round 1 is sent"

    def settle_comment(self, number: int, *, settled: bool) -> None:
        state = CommentState.SETTLED if settled else CommentState.OPEN
        self.remarks = [replace(one, state=state) if one.number == number else one for one in self.remarks]

    def leave(self) -> None:
        self.asked.append("leave")

    def close(self) -> None:
        self.asked.append("close")


@dataclass
class LiveSource(FakeSource):
    """The changes that a diff says, which is read anew at each look."""

    diff: Callable[[], str] = str

    def changes(self, scope: Scope) -> Changes:
        self.texts = texts_of(self.diff())
        made = super().changes(scope)
        return replace(made, files=tuple(replace(one, new_id=self.texts[one.path]) for one in made.files))


def scene(
    width: int = 100, height: int = 12, source: FakeSource | None = None, *, read: bool = True
) -> tuple[View, list[Effect]]:
    """Return a review that has been opened and, with ``read``, has read what it asked for."""
    source = source or FakeSource()
    document = Document.of(source.changes(Scope.BRANCH))
    document.comments = tuple(source.comments(document.changes))
    view, _ = reducer.resize(View(source.name, sides=source.sides), width, height)
    view, effects = reducer.opened(view, document, source.viewed())
    return settle(view, effects, source) if read else (view, list(effects))


def settle(view: View, effects: Iterable[Effect], source: FakeSource | None = None) -> tuple[View, list[Effect]]:
    """Answer every wish to read, and return the other effects."""
    source, left, others = source or FakeSource(), list(effects), []
    while left:
        effect = left.pop(0)
        if not isinstance(effect, Read) or view.document is None:
            others.append(effect)
            continue
        file = view.document.entries[effect.number].file
        patch = Patch.parse(source.patch(view.document.changes, file))
        view, more = reducer.read(view, view.document.changes, effect.number, patch)
        left += more
    return view, others


def press(view: View, *keys: str) -> tuple[View, list[Effect]]:
    """Press keys one after the other; whatever is asked for is read."""
    effects: list[Effect] = []
    for key in keys:
        view, more = settle(*reducer.press(view, key))
        effects += more
    return view, effects
