"""Review a session's work before it is merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestra import risk
from orchestra.actions.session import group, items
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.session.choose_sandbox import require_sandbox
from orchestra.drivers.git import history, merge_trees, tree_diff, worktree_diff
from orchestra.errors import Refused
from orchestra.model import MessageKind, Role, Session
from orchestra.protocol import plain

if TYPE_CHECKING:
    from orchestra.project import Project


def diff(project: Project, name: str, *, stat: bool = False) -> str:
    """Return what a session changed since its base, uncommitted and untracked files included, as a unified diff."""
    session = project.store.sessions.get(name)
    base, cache = base_of(project, session), project.session_paths(session).root
    if stat:
        counted = worktree_diff.stat(project.repository, session.worktree, base, cache=cache)
        parts = (
            (counted.files, "file", " changed"),
            (counted.insertions, "insertion", "(+)"),
            (counted.deletions, "deletion", "(-)"),
        )
        lines = ", ".join(f"{number:,} {noun}{'' if number == 1 else 's'}{end}" for number, noun, end in parts)
        left = f"; the lines of {counted.uncounted:,} more files are not counted" if counted.uncounted else ""
        return f"{lines}{left}"
    return worktree_diff.diff(project.repository, session.worktree, base, cache=cache)


def base_of(project: Project, session: Session) -> str:
    """Return the commit from which a session's changes are counted: its base, or the designer's current commit."""
    return session.base if session.role is Role.EXECUTOR else project.repository.head()[0]


def require_executor(session: Session) -> None:
    """Refuse the designer, whose work is already on the person's branch."""
    if session.role is Role.DESIGNER:
        raise Refused("the designer already works on your branch", hint="name an executor; to see them: orchestra list")


def review(project: Project, name: str) -> dict[str, Any]:
    """Return everything relevant to a merge: commits, uncommitted files, conflicts, report, risky files."""
    session = project.store.sessions.get(name)
    require_executor(session)
    require_sandbox(session)
    import_commits(project, session)
    session = project.store.sessions.get(name)
    repository = project.repository
    target = session.base_branch or repository.head()[1]
    ours = repository.resolve(f"refs/heads/{target}") if target else repository.head()[0]
    head = session.head or session.base
    risky = risk.changed(*tree_diff.changed_files(repository.git(), session.base, head))
    reports = project.store.messages.select(sender=name, limit=200)
    last = [message for message in reports if message.kind in {MessageKind.COMPLETE, MessageKind.ERROR}][-1:]
    return {
        "name": name,
        "state": session.state.value,
        "branch": session.branch,
        "head": head,
        "target": target,
        "commits": plain(history.commits(repository, session.base, head)),
        "diff": plain(
            worktree_diff.stat(repository, session.worktree, session.base, cache=project.session_paths(session).root)
        ),
        "uncommitted": worktree_diff.dirty(repository, session.worktree, cache=project.session_paths(session).root),
        "conflicts": list(merge_trees.preview(repository, ours, head).conflicts),
        "sensitive": [path for path, _ in risky],
        "proof": items.counted(items.shown_items(project.store, session)),
        "report": plain(last[0]) if last else None,
        "others": [other.name for other in group.others(project, session)],
    }
