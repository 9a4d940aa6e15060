"""Pairing: one executor at a time can also see and change the source project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session import budgets
from orchestra.actions.session.choose_sandbox import require_sandbox
from orchestra.actions.session.settle import settle
from orchestra.errors import Refused
from orchestra.model import Intent, Role, SandboxKind, Session
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project


def pair(
    project: Project, name: str, *, toggle: bool = False, progress: Progress = ignore, notebook: Notebook = BLANK
) -> Session:
    """Show an executor the source project too; its container is created again and its conversation resumes.

    With ``toggle`` a paired session is unpaired. Raises Refused while another session is paired.
    """
    session = project.store.sessions.get(name)
    wanted = notebook.before or str(not (toggle and session.paired))
    notebook.note(wanted)
    if wanted == str(session.paired):
        # It may have been interrupted between the record and the container.
        begun = notebook.before or session.intent is Intent.RUN
        return _remake(project, name, paired=session.paired, progress=progress) if begun else session
    if session.paired:
        return unpair(project, progress=progress)
    if session.role is Role.DESIGNER:
        raise Refused("the designer already works in your checkout", hint="pair an executor: orchestra list")
    if session.sandbox is SandboxKind.HOST:
        raise Refused(f"{name} runs without a container and can already see everything", hint="nothing to do")
    other = _paired(project)
    if other is not None:
        raise Refused(f"{other.name} is paired, and only one session can be", hint="end it first: orchestra unpair")
    return _remake(project, name, paired=True, progress=progress)


def unpair(project: Project, *, progress: Progress = ignore, notebook: Notebook = BLANK) -> Session:
    """End pairing, so that the session no longer sees the source project; raises Refused if none is paired."""
    session = project.store.sessions.get(notebook.before) if notebook.before else _paired(project)
    if session is None:
        raise Refused("no session is paired", hint="pair one: orchestra pair NAME")
    notebook.note(session.name)
    return _remake(project, session.name, paired=False, progress=progress)


def _paired(project: Project) -> Session | None:
    return next((session for session in project.store.sessions.all() if session.paired), None)


def _remake(project: Project, name: str, *, paired: bool, progress: Progress) -> Session:
    session = project.store.sessions.get(name)
    require_sandbox(session)
    if paired:
        budgets.require_within(project, session)
    if session.paired and not paired:
        # Do not report that it can no longer write the checkout while its container still can.
        _end_box(project, session)
    project.store.sessions.update(name, paired=paired, intent=budgets.intent_of(project, session))
    return settle(project, name, progress=progress)


def _end_box(project: Project, session: Session) -> None:
    with project.lock(session.name):
        sandbox = project.sandbox(session.sandbox)
        sandbox.stop(project.box_name(session))
        sandbox.remove(project.box_name(session))
