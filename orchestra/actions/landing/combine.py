"""Make the commit that a landing moves its branch to, in git's object database alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestra.drivers.git import merge_trees
from orchestra.errors import MergeConflict
from orchestra.model import Entry, Session

if TYPE_CHECKING:
    from orchestra.project import Project

STRATEGIES = ("merge", "squash", "rebase")
_USUAL = {"merge": "Merge {branch}: {title}", "squash": "{title}\n\nSquashed from {branch}."}


@dataclass(frozen=True, slots=True)
class Part:
    """One session's share of a landing; ``head`` is the commit of its branch that is merged."""

    entry: Entry
    session: Session
    head: str


def combine(project: Project, parts: Sequence[Part], onto: str, trailers: Sequence[str]) -> str:
    """Return a commit on top of ``onto`` with the work of all parts; raises MergeConflict.

    It is one step of the branch, so that every commit of its first-parent history has a tree that was checked: several
    parts together become one merge commit.
    """
    if len(parts) == 1:
        return _single(project, parts[0], onto, trailers)
    here, heads = onto, []
    for part in parts:
        here = _single(project, part, here, ())
        heads.append(part.head)
    names = ", ".join(part.session.name for part in parts)
    message = _with_trailers(f"Merge {len(parts)} sessions: {names}", [*_sessions(parts), *trailers])
    behind = heads if parts[0].entry.strategy == "merge" else [here]
    tree = project.repository.tree(here)
    return merge_trees.signed_commit(project.repository, tree, [onto, *behind], message)


def _single(project: Project, part: Part, onto: str, trailers: Sequence[str]) -> str:
    repository, session, strategy = project.repository, part.session, part.entry.strategy
    if strategy == "rebase":
        return merge_trees.rebase_commits(repository, onto, session.base, part.head)
    merged = merge_trees.preview(repository, onto, part.head)
    if merged.conflicts:
        paths = ", ".join(merged.conflicts[:20])
        raise MergeConflict(f"{session.name} and its target change the same lines in {paths}", paths=merged.conflicts)
    message = _with_trailers(_message(project, part), [*_sessions([part]), *trailers])
    parents = [onto] if strategy == "squash" else [onto, part.head]
    return merge_trees.signed_commit(repository, merged.tree, parents, message)


def _message(project: Project, part: Part) -> str:
    session = part.session
    values = {
        "branch": session.branch,
        "session": session.name,
        "target": part.entry.target,
        "title": session.title,
        "agent": session.agent,
    }
    return (project.settings.merge_message or _USUAL[part.entry.strategy]).format_map(values)


def _sessions(parts: Sequence[Part]) -> list[str]:
    return [f"Orchestra-Session: {part.session.name}" for part in parts]


def _with_trailers(message: str, trailers: Sequence[str]) -> str:
    """Return a message with its last paragraph as git-interpret-trailers(1) reads it."""
    return f"{message.rstrip()}\n\n" + "\n".join(trailers) if trailers else message
