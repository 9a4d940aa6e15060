"""Ask before a merge, from what a review of it found; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from orchestra.control.state import Invoke, Mode, Question, Status, View
from orchestra.model import Entry, EntryState
from orchestra.views.questions import merge_question, take_question
from orchestra.views.text import line


def ask_merge(view: View, seen: Mapping[str, Any], *, taking: bool = False) -> View:
    """Ask whether to merge what was reviewed, unless the person is doing something else by now.

    With ``taking`` the others of its group are deleted once it has landed.
    """
    name = str(seen["name"])
    if view.mode is not Mode.LIST or view.selected != name:
        again = view.keymap.key("take" if taking else "merge")
        return replace(view, status=Status(f"{name} was checked but not merged", f"press {again} again on it"))
    if taking and not seen["others"]:
        to_merge = f"press {view.keymap.key('merge')} to merge it"
        return replace(view, status=Status(f"{name} is in no group with others", to_merge, bad=True))
    asked = take_question(seen) if taking else merge_question(seen)
    return replace(
        view,
        mode=Mode.CONFIRM,
        question=Question(asked.text, asked.detail, _then(seen, taking=taking)),
        status=Status(),
    )


def with_landed(view: View, left: Iterable[Entry]) -> View:
    """Say of what has left the queue that it has landed, unless an action runs or something else is told."""
    names = {entry.session: entry.target for entry in left if entry.state is EntryState.LANDED}
    told = view.status
    over = told.bad and not names.keys().isdisjoint(f"{told.text} {told.hint}".split())
    if not names or view.busy or (told.text and not over):
        return view
    words = ", ".join(f"{line(name)} is merged into {line(target)}" for name, target in names.items())
    return replace(view, status=Status(words))


def _then(seen: Mapping[str, Any], *, taking: bool) -> Invoke:
    name, target = str(seen["name"]), line(str(seen["target"])) or "the current branch"
    # What was committed after the question is not what it was about.
    shown = {"name": name, "head": str(seen["head"])}
    if taking:
        others = ", ".join(line(other) for other in seen["others"])
        return Invoke("take", shown, f"taking {name}", f"{name} is merged into {target}; deleted: {others}")
    return Invoke("merge", shown, f"merging {name}", f"{name} is merged into {target}")
