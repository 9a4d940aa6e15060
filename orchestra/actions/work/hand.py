"""Hand a session over to another kind of agent, which goes on where the one before it stopped."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session import budgets, manage
from orchestra.actions.session.choose_sandbox import require_sandbox
from orchestra.actions.session.image import build_image
from orchestra.actions.session.provision import HANDED
from orchestra.actions.session.settle import settle
from orchestra.actions.session.spawn import require_on_host, require_program
from orchestra.actions.work import handover
from orchestra.actions.work.review import require_executor
from orchestra.actions.work.search_sources import read_conversations
from orchestra.errors import OrchestraError, Refused
from orchestra.model import SandboxKind, Session
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

_READING = 2.0
"""Seconds for indexing the conversation of the agent that leaves."""


def hand(
    project: Project,
    name: str,
    *,
    to: str,
    model: str = "",
    progress: Progress = ignore,
    notebook: Notebook = BLANK,
) -> Session:
    """Let an agent of the profile ``to`` go on in a session, with its worktree, branch, spec and messages.

    The present agent is stopped first, and its conversation is kept: handed back, it resumes that. Image, credentials,
    permissions and home are those of the new profile. Raises Refused for the designer and for the same profile,
    UnknownProfile, ToolMissing and OverBudget; the session is then as before.
    """
    session = project.store.sessions.get(name)
    if notebook.before != to:
        _prepare(project, session, to, progress)
        manage.stop(project, name, progress=progress)
        _change(project, name, to, model, notebook)
    session = settle(project, name, progress=progress)
    require_program(project, session)
    return session


def _prepare(project: Project, session: Session, to: str, progress: Progress) -> None:
    """Raise what would keep the new agent from starting, and build its image, before the present one is stopped."""
    require_executor(session)
    profile = project.agent_profile(to)
    if session.agent == to:
        raise Refused(f"{session.name} has the profile {to} already", hint="name another profile: orchestra agents")
    budgets.require_within(project, session)
    require_sandbox(session)
    if session.sandbox is SandboxKind.HOST:
        require_on_host(profile)
    else:
        build_image(project, to, progress=progress)


def _change(project: Project, name: str, to: str, model: str, notebook: Notebook) -> None:
    """Remove what was made for the agent that leaves, then record the new one, all at once."""
    with project.lock(name):
        session = project.store.sessions.get(name)
        with suppress(OrchestraError):
            read_conversations(project, session, end=time.monotonic() + _READING)
        # A container has one image, and mounts one home. Until the record, the old agent would get these again.
        project.sandbox(session.sandbox).remove(project.box_name(session))
        safe_files.remove(project.session_paths(session).agent)
        told = handover.for_next_agent(project, session)
        with project.store.together():
            _record(project, session, to, model, told)
            notebook.note(to)


def _record(project: Project, session: Session, to: str, model: str, told: str) -> None:
    store = project.store
    store.conversations.keep(session)
    known = store.conversations.of(session.id, to)
    store.permissions.end(session.id)
    store.sessions.update(
        session.id,
        agent=to,
        conversation=known.conversation if known else str(uuid.uuid4()),
        model=model or (known.model if known else ""),
        home_name=known.home_name if known else f"home-{to}",
        handover=told,
        intent=budgets.intent_of(project, session),
        # Whoever has the old credential is nobody now.
        token_hash="",
        image="",
        summary="",
        stuck="",
        context=None,
        used_model=None,
        limited_until=None,
    )
    store.events.log(session.name, HANDED, f"from {session.agent} to {to}{', which comes back' if known else ''}")
