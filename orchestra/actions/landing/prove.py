"""Run what shows the items of a session's spec, on its branch merged with the target, without landing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestra.actions.landing import proofs, ready
from orchestra.actions.session.branch_sync import import_or_refuse
from orchestra.actions.session.choose_sandbox import require_sandbox
from orchestra.actions.session.items import counted, listed
from orchestra.actions.work.review import require_executor
from orchestra.drivers.git import merge_trees
from orchestra.errors import Refused
from orchestra.model import Session
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

_BOX = "prove"


def prove(project: Project, name: str, *, into: str = "", progress: Progress = ignore) -> dict[str, Any]:
    """Run the commands that a session says show the items of its spec, as they would run before it lands.

    Only committed work counts. Raises Refused without such commands, and MergeConflict if its branch conflicts
    with the target, which does not change.
    """
    session = project.store.sessions.get(name)
    require_executor(session)
    require_sandbox(session)
    import_or_refuse(project, session)
    session = project.store.sessions.get(name)
    target = ready.target_of(project, session, into)
    wanted = _require_claims(proofs.wanted(project, session))
    commit, tree = _merged(project, session, target)
    progress(f"running what shows {len(wanted.claims)} of the items on {name} merged into {target}")
    run(project, wanted, commit, tree)
    shown = proofs.wanted(project, session).items
    return {"name": name, "into": target, "tree": tree, "proof": counted(shown), "items": listed(shown)}


def run(project: Project, wanted: proofs.Proof, commit: str, tree: str) -> None:
    """Run the commands that show items on a commit with its tree, and record how they ended."""
    with project.lock(f"{wanted.session.name}.prove", deadline=proofs.TOGETHER):
        proofs.end(project, [wanted], _BOX)
        proofs.record(project, proofs.run_all(project, [wanted], commit, tree, _BOX))


def _require_claims(proof: proofs.Proof) -> proofs.Proof:
    name = proof.session.name
    if not proof.items:
        raise Refused(
            f"the spec of {name} has no items, lines such as - [ ]", hint=f"to add some: orchestra spec {name}"
        )
    if not proof.claims:
        ask = "please name the commands that show the items of your spec, with prove_item"
        raise Refused(
            f"{name} has named no command that shows an item", hint=f'ask it to: orchestra send {name} "{ask}"'
        )
    return proof


def _merged(project: Project, session: Session, target: str) -> tuple[str, str]:
    """Return a commit with the merge of a session and its target, on no branch, and its tree."""
    repository = project.repository
    tip, head = repository.resolve(f"refs/heads/{target}"), session.head or session.base
    tree = merge_trees.preview(repository, tip, head).require_clean(f"{session.name} with {target}")
    return merge_trees.trial_commit(repository, tree, [tip, head]), tree
