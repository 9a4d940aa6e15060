"""Run the checks on merged files, each in a fresh box."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestra.actions.session import container_spec
from orchestra.errors import CheckFailed, DeadlineExceeded, EngineDown
from orchestra.model import Check, CheckRun, Entry, Session

if TYPE_CHECKING:
    from orchestra.project import Project


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a commit with its tree; ``session`` is the one whose image is used."""

    session: Session
    commit: str
    tree: str


def run_all(
    project: Project,
    subject: Subject,
    checks: Sequence[Check],
    clock: Callable[[], float] = time.monotonic,
    *,
    label: Callable[[int], str] | None = None,
) -> list[CheckRun]:
    """Run checks side by side and return how they ended; raises what the sandbox raises.

    ``label`` names the box of each, by default as `label_of`.
    """
    name = label or label_of

    def one(number: int) -> CheckRun:
        return run_one(project, subject, checks[number], name(number), clock)

    with ThreadPoolExecutor(len(checks) or 1) as pool:
        return list(pool.map(one, range(len(checks))))


def label_of(number: int) -> str:
    """Return the label of the box in which the check with a number, from 0, runs."""
    return f"check{number or ''}"


def record(project: Project, entries: Sequence[Entry], runs: Sequence[CheckRun]) -> None:
    """Record the runs with each of the entries that were checked together."""
    project.store.queue.record_checks(replace(run, entry=entry.id) for entry in entries for run in runs)


def run_one(
    project: Project, subject: Subject, check: Check, label: str, clock: Callable[[], float] = time.monotonic
) -> CheckRun:  # fmt: skip
    """Run one check in the box with a label and return how it ended; raises what the sandbox raises."""
    begun = clock()
    code: int | None = None
    try:
        done = container_spec.run_check(
            project,
            subject.session,
            subject.commit,
            check.script or check.command,
            label=label,
            deadline=check.timeout,
        )
        code, output = done.code, (done.stdout + done.stderr).decode("utf-8", "replace")
    except EngineDown:
        # Not the check's time is up, but the engine's.
        raise
    except DeadlineExceeded:
        output = f"It did not end within {check.timeout:.0f} s."
    return CheckRun(0, subject.tree, check.name, check.command, code, output, clock() - begun, project.store.now())


def failure_of(runs: Sequence[CheckRun], session: str) -> CheckFailed | None:
    """Return the error for the first check that failed, or None."""
    failed = next((run for run in runs if not run.passed), None)
    if failed is None:
        return None
    return CheckFailed(
        f"the check failed on the merged files: {failed.command} ({failed.ending})",
        output=failed.output,
        hint=f"{session} has been told; nothing was merged",
    )


def trailers(checks: Sequence[Check]) -> list[str]:
    """Return what a merge commit says of the checks that its tree must pass before the branch moves to it."""
    names = ", ".join(check.name for check in checks)
    return [f"Orchestra-Checks: {names}"] if names else []
