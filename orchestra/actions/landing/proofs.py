"""Run the commands that sessions say show the items of their specs, on merged files, each in a fresh box."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestra.actions.landing import checks
from orchestra.actions.session import container_spec
from orchestra.actions.session.items import shown_items
from orchestra.errors import CheckFailed
from orchestra.model import Check, CheckRun, Claim, Session
from orchestra.proof import ItemProof, Tally, tally

if TYPE_CHECKING:
    from orchestra.project import Project

TOGETHER = 1800.0
"""Seconds after which no further command begins: whoever names many slow ones does not hold up a queue for hours."""
_AT_ONCE = 4
_TRAILER = "Orchestra-Proof"


@dataclass(frozen=True, slots=True)
class Proof:
    """The items of one session's spec, with the claims of commands that show them."""

    session: Session
    items: tuple[ItemProof, ...]

    @property
    def claims(self) -> list[Claim]:
        """The claims whose commands are to be run."""
        return [one.claim for one in self.items if one.claim is not None]

    @property
    def tally(self) -> Tally:
        """How many items are in each state."""
        return tally(self.items)

    def ended(self, runs: Sequence[CheckRun | None]) -> Proof:
        """Return the same after its commands have run, one for each claim; None where one did not run."""
        rest = iter(runs)
        return Proof(
            self.session,
            tuple(replace(one, claim=one.claim and replace(one.claim, run=next(rest))) for one in self.items),
        )

    @property
    def hope(self) -> Tally:
        """How many items are proved if all its commands succeed."""
        return Tally(len(self.claims), 0, len(self.items) - len(self.claims))

    @property
    def failed(self) -> list[CheckRun]:
        """The runs that failed."""
        return [claim.run for claim in self.claims if claim.run is not None and claim.refuted]


def wanted(project: Project, session: Session) -> Proof:
    """Return what a session says shows the items of its newest spec."""
    return Proof(session, shown_items(project.store, session))


def labels(proof: Proof, prefix: str = "proof") -> list[str]:
    """Return the labels of the boxes in which its commands run."""
    return [f"{prefix}{number}" for number in range(len(proof.claims))]


def end(project: Project, proofs: Iterable[Proof], prefix: str = "proof") -> None:
    """End its commands that still run, also those of a process that was killed."""
    for proof in proofs:
        container_spec.end_checks(project, proof.session, labels(proof, prefix))


def run_all(  # noqa: PLR0917 -- what runs, on what, and where
    project: Project,
    proofs: Sequence[Proof],
    commit: str,
    tree: str,
    prefix: str = "proof",
    clock: Callable[[], float] = time.monotonic,
) -> list[Proof]:
    """Run all commands on a commit with its tree, some side by side; raises what the sandbox raises."""
    ends, seconds = clock() + TOGETHER, float(project.settings.proof_timeout)

    def one(session: Session, claim: Claim, label: str) -> CheckRun | None:
        left = min(seconds, ends - clock())
        if left <= 0:
            return None
        check = Check(claim.item, claim.command, left)
        return checks.run_one(project, checks.Subject(session, commit, tree), check, label, clock)

    def begin(proof: Proof) -> list[Future[CheckRun | None]]:
        named = zip(proof.claims, labels(proof, prefix), strict=True)
        return [pool.submit(one, proof.session, claim, label) for claim, label in named]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        begun = [begin(proof) for proof in proofs]
        return [proof.ended([run.result() for run in runs]) for proof, runs in zip(proofs, begun, strict=True)]


def record(project: Project, proofs: Iterable[Proof]) -> None:
    """Record how the commands ended."""
    for proof in proofs:
        if proof.items:
            project.store.claims.record(proof.session.id, proof.claims)


def failure_of(proofs: Iterable[Proof]) -> CheckFailed | None:
    """Return the error for the first command that failed, or None."""
    found = next(((proof.session.name, run) for proof in proofs for run in proof.failed), None)
    if found is None:
        return None
    name, run = found
    return CheckFailed(
        f"what should show an item of the spec failed on the merged files: {run.command} ({run.ending})",
        output=run.output,
        hint=f"{name} has been told; nothing was merged",
    )


def trailers(proofs: Sequence[Proof], *, ran: bool = True) -> list[str]:
    """Return what a merge commit says of the items, before its commands ``ran``: what has to be true when it lands."""
    counts = [(proof.session.name, proof.tally if ran else proof.hope) for proof in proofs if proof.items]
    return [f"{_TRAILER}: {f'{name}: ' if len(proofs) > 1 else ''}{count}" for name, count in counts]
