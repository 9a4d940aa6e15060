"""The questions to the person before an action, the same in the control pane and on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orchestra.model import ItemState
from orchestra.views.text import count, line

_SHOWN = 5


class Asked(NamedTuple):
    """A question, and the details to know before answering."""

    text: str
    detail: str


def merge_question(seen: Mapping[str, Any], into: str = "") -> Asked:
    """Return the question before a merge, from what `review` found."""
    target = line(into or seen["target"]) or "the current branch"
    stat = seen["diff"]
    commits, touched = count(len(seen["commits"]), "commit"), count(stat["files"], "file")
    parts = [f"{commits}, {touched}, +{stat['insertions']} −{stat['deletions']}."]
    if seen["sensitive"]:
        parts.append(f"It changes files to look at first: {_some(seen['sensitive'])}.")
    if proof := seen.get("proof"):
        parts.append(_items(proof))
    if seen["uncommitted"]:
        parts.append(f"Not committed: {_some(seen['uncommitted'])}.")
    if seen["conflicts"]:
        parts.append(f"It conflicts with {target}: {_some(seen['conflicts'])}.")
    return Asked(f"Merge {line(seen['name'])} into {target}?", " ".join(parts))


def _items(proof: Mapping[str, int]) -> str:
    """Say how many items of the spec are in each state, without those in which none is."""
    known = [f"{proof[state]} {state}" for state in ItemState if proof[state]]
    return f"Items of its spec: {', '.join(known)}."


def take_question(seen: Mapping[str, Any], into: str = "") -> Asked:
    """Return the question before one session of a group is merged and the others are deleted."""
    target, names = line(into or seen["target"]) or "the current branch", _listed(seen["others"])
    gone = f"Once it has landed, {names} {'is' if len(seen['others']) == 1 else 'are'} deleted"
    kept = "all work is kept, and orchestra restore brings it back. If it is sent back, nothing is deleted."
    how = f"It goes through the queue and its checks like every merge. {gone}; {kept}"
    return Asked(
        f"Take {line(seen['name'])}, and merge it into {target}?", f"{merge_question(seen, into).detail} {how}"
    )


def _listed(names: Sequence[str]) -> str:
    *most, last = (line(name) for name in names)
    return f"{', '.join(most)} and {last}" if most else last


def delete_question(name: str, branch: str) -> Asked:
    """Return the question before a session is deleted."""
    return Asked(f"Delete {name}?", f"Its branch {line(branch)}, its worktree and everything uncommitted are kept.")


def pair_question(name: str) -> Asked:
    """Return the question before a session may write the person's checkout."""
    return Asked(f"Pair with {name}?", "Its agent can then see and change every file in your checkout.")


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(line(path) for path in paths[:_SHOWN])
    return f"{shown} and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else shown
