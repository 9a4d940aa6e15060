"""Changes to review that need no repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestra.errors import Refused
from orchestra.model import ChangedFile, Changes, FileStatus, LineCounts, Scope
from orchestra.review import reducer
from orchestra.review.document import Document
from orchestra.review.reducer import Effect, Read
from orchestra.review.state import View
from orchestra.views.patch import Patch


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


@dataclass
class FakeSource:
    """A review's source that remembers what it was asked."""

    texts: dict[str, str] = field(default_factory=lambda: dict(TEXTS))
    marks: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    broken: bool = False
    name: str = "alpha"

    def changes(self, scope: Scope) -> Changes:
        self.asked.append(f"changes {scope}")
        if self.broken:
            raise Refused("the worktree is gone", hint="restore it")
        texts = self.texts if scope is Scope.BRANCH else {}
        return Changes(scope, "o", "n", tuple(changed(path) for path in sorted(texts)), self.notes)

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

    def leave(self) -> None:
        self.asked.append("leave")

    def close(self) -> None:
        self.asked.append("close")


def scene(
    width: int = 100, height: int = 12, source: FakeSource | None = None, *, read: bool = True
) -> tuple[View, list[Effect]]:
    """Return a review that has been opened and, with ``read``, has read what it asked for."""
    source = source or FakeSource()
    document = Document.of(source.changes(Scope.BRANCH))
    view, _ = reducer.resize(View(source.name), width, height)
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
