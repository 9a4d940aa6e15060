"""Try the merge of a session with its target, and run the checks on it, without landing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestra.actions.landing import checks, ready
from orchestra.actions.session import container_spec
from orchestra.actions.session.image import build_image
from orchestra.drivers.git import merge_trees
from orchestra.errors import NeedsConsent, OrchestraError
from orchestra.model import Check, CheckRun, SandboxKind, Session
from orchestra.protocol import Progress

if TYPE_CHECKING:
    from orchestra.project import Project

_MORE = 600.0
"""Seconds beside the checks' own time that another trial of the same session may take."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A merge that is only tried; without a ``tree`` there is none, and ``reason`` says why."""

    target: str = ""
    tip: str = ""
    tree: str = ""
    conflicts: tuple[str, ...] = ()
    reason: str = ""


def tried(project: Project, session: Session) -> Trial:
    """Return the merge of what a session has committed with its target as it is now."""
    if session.head in {"", session.base}:
        return Trial(reason="it has no commits")
    try:
        target = ready.target_of(project, session, "")
        tip = project.repository.resolve(f"refs/heads/{target}")
        merged = merge_trees.preview(project.repository, tip, session.head)
    except OrchestraError as error:
        return Trial(reason=error.message)
    if merged.conflicts:
        return Trial(target, tip, conflicts=merged.conflicts, reason="it conflicts")
    return Trial(target, tip, merged.tree)


def checked(
    project: Project, session: Session, trial: Trial, progress: Progress, *, run: bool
) -> tuple[list[CheckRun], str]:
    """Return how the checks ended on a trial, and why some did not run; those that never ran there run if ``run``."""
    if not trial.tree:
        return [], trial.reason
    try:
        wanted = ready.wanted_checks(project, session.name)
        image = _image(project, session)
    except NeedsConsent as error:
        return [], error.message
    if run and _missing(project, trial, image, wanted):
        _run(project, session, trial, image, wanted, progress)
    known = [project.store.compared_checks.find(trial.tree, image, _ran(check)) for check in wanted]
    runs = [one for one in known if one is not None]
    return runs, "" if len(runs) == len(wanted) else "not all have run"


def _image(project: Project, session: Session) -> str:
    if session.sandbox is SandboxKind.HOST:
        return ""
    return session.image or build_image(project, session.agent)


def _missing(project: Project, trial: Trial, image: str, wanted: Sequence[Check]) -> list[Check]:
    return [one for one in wanted if project.store.compared_checks.find(trial.tree, image, _ran(one)) is None]


def _run(  # noqa: PLR0917 -- what is run, where, and on what
    project: Project, session: Session, trial: Trial, image: str, wanted: Sequence[Check], progress: Progress
) -> None:
    patience = max(check.timeout for check in wanted) + _MORE
    with project.lock(f"{session.name}.trial", deadline=patience):
        # Another one may have run them meanwhile.
        missing = _missing(project, trial, image, wanted)
        # A process that was killed may have left some running.
        container_spec.end_checks(project, session, [_label(number) for number in range(len(wanted))])
        if missing:
            progress(f"running the checks on the merge of {session.name}: {'; '.join(one.command for one in missing)}")
        commit = merge_trees.trial_commit(project.repository, trial.tree, (trial.tip, session.head))
        subject = checks.Subject(replace(session, image=image), commit, trial.tree)
        for check, result in zip(missing, checks.run_all(project, subject, missing, label=_label), strict=True):
            project.store.compared_checks.keep(image, _ran(check), result)


def _label(number: int) -> str:
    """Return the label of a box of a trial, which is none of the queue's."""
    return f"trial{number or ''}"


def _ran(check: Check) -> str:
    return check.script or check.command
