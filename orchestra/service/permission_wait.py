"""Hooks that wait for the answer to a permission request: each gets the answer to its own request, or none.

A hook asks with a key that it chose, and asks again with the same key as long as it waits, also after the service was
started again. A request whose hook is gone is closed, so that nobody answers what nobody waits for.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import anyio

from orchestra.actions.messaging import hook_events, permission_requests
from orchestra.actions.messaging.permission_requests import Asked
from orchestra.actions.session import container_spec
from orchestra.agents import family_of
from orchestra.errors import OrchestraError, Refused
from orchestra.lifecycle import age
from orchestra.model import AnsweredBy, PermissionRequest, Permissions, Session, Sign, State
from orchestra.names import digest
from orchestra.project import Project
from orchestra.service.context import Caller, ServiceContext
from orchestra.service.waiting_hooks import WaitingHooks

log = logging.getLogger("orchestra.service.permissions")

ASK_EVENT = "AskPermission"
LONGEST_WAIT = 5.0
"""The longest that a hook's request stays open, in seconds; then the hook asks again.

Far shorter than the silence after which a hook counts the service as gone, also on a busy machine.
"""
_PAUSE = 1.0
LONGEST_KEY = 64
_NOTHING: dict[str, Any] = {"reply": {}}
_INTERRUPTED = "interrupted"
_OVER = {"window": AnsweredBy.WINDOW, _INTERRUPTED: AnsweredBy.WINDOW, "ended": AnsweredBy.ENDED}


async def ask(caller: Caller, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a hook with its agent's ``reply``, or with nothing if it is to ask again.

    An empty reply leaves the question to the agent's own dialog.
    """
    try:
        return await _ask(caller, payload)
    except OrchestraError as error:
        log.warning("a permission for %s: %s", caller.name, error)
    return _NOTHING


def denial(project: Project, session: Session, event: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reply that prevents what an agent is about to do, if a rule forbids it; else nothing."""
    reason = permission_requests.forbidden(project, session, event, payload)
    return family_of(project.profile(session.agent)).denial(event, reason) if reason else {}


async def _ask(caller: Caller, payload: Mapping[str, Any]) -> dict[str, Any]:
    desk = caller.context
    if payload.get("over") in _OVER:
        await desk.act_soon(take_back, caller.session, str(payload.get("key")), payload["over"])
        return _NOTHING
    begun = await desk.act_soon(begin, caller.session, payload)
    if not isinstance(begun, PermissionRequest):
        return begun
    look_after(desk)
    if begun.answered_by is None and begun.answerable:
        await _wait(desk, begun)
    return await desk.act_soon(outcome, caller.session, str(payload.get("event")), begun.id)


async def _wait(desk: ServiceContext, request: PermissionRequest) -> None:
    store = desk.project.store
    with desk.waiting.waits(request.id), anyio.move_on_after(LONGEST_WAIT):
        await desk.changes.until(lambda: store.permissions.is_closed(request.id))


def begin(project: Project, session: Session, payload: Mapping[str, Any]) -> PermissionRequest | dict[str, Any]:
    """Record what a hook asks, once; returns the answer at once if that needs none, or only its window can give it."""
    profile = project.profile(session.agent)
    about, event, key = payload.get("payload"), str(payload.get("event")), str(payload.get("key"))
    if not isinstance(about, Mapping) or not 0 < len(key) <= LONGEST_KEY:
        raise Refused("a question for a permission needs a key and a payload")
    mode = payload.get("mode")
    family = family_of(profile)
    permissions = Permissions(mode) if mode in set(Permissions) else Permissions.ASK
    if family.is_free(event, about, permissions):
        return {"reply": family.permission_reply(event, allowed=True, reason="")}
    use = family.asked(event, about, permissions)
    if use is None:
        hook_events.record_signs(project, session, family.signs(event, about))
        return {"reply": family.permission_reply(event, allowed=None, reason="")}
    asked = Asked(key, digest(json.dumps([event, about], sort_keys=True), 64), use)
    return permission_requests.ask(project, session, profile, asked)


def outcome(project: Project, session: Session, event: str, number: int) -> dict[str, Any]:
    """Return the answer for the hook that asked; empty while there is none."""
    request = project.store.permissions.get(number)
    if request is None or (request.answered_by is None and request.answerable):
        return _NOTHING if request is None else {}
    return {"reply": permission_requests.reply(family_of(project.profile(session.agent)), event, request)}


def take_back(project: Project, session: Session, key: str, over: str) -> None:
    """Close the request of a hook that no longer waits; one that just got an answer says so if it came too late.

    A turn that was interrupted in the dialog is over, unless the agent already does something else.
    """
    with project.store.together():
        if (request := project.store.permissions.with_key(session.id, key)) is not None:
            project.store.permissions.take_back(request.id, _OVER[over])
            if over == _INTERRUPTED and project.store.sessions.get(session.name).state is State.WAITING:
                project.store.sessions.record_sign(session.name, Sign.TURN_ENDED, _INTERRUPTED)


def look_after(desk: ServiceContext) -> None:
    """Close, from now on and as long as any request is open, those that nobody waits for or answers in time."""
    desk.waiting.keep_running(lambda: asyncio.create_task(_look_after(desk)))


async def _look_after(desk: ServiceContext) -> None:
    try:
        while await desk.act_soon(close_forgotten, desk.waiting):
            await desk.act_soon(leave_to_windows)
            await asyncio.sleep(_PAUSE)
    except OrchestraError as error:
        log.warning("%s", error)


def leave_to_windows(project: Project) -> None:
    """Let agents ask in their windows if the person looks at one whose dialog is not shown while its hook waits."""
    for name in {request.session for request in project.store.permissions.open() if request.answerable}:
        session = project.store.sessions.get(name)
        if not family_of(project.profile(session.agent)).DIALOG_TOO and _is_looked_at(project, session):
            permission_requests.leave_to_window(project, session)


def _is_looked_at(project: Project, session: Session) -> bool:
    server = project.tmux()
    window = container_spec.window_of(project, session) if server is not None else None
    return server is not None and window is not None and window.pane in {client.pane for client in server.clients()}


def _gone(project: Project, request: PermissionRequest) -> AnsweredBy:
    """Return how a request ended whose hook is gone without a word; only an open dialog can have been answered."""
    family = family_of(project.profile(project.store.sessions.get(request.session).agent))
    return AnsweredBy.WINDOW if family.DIALOG_TOO else AnsweredBy.ENDED


def close_forgotten(project: Project, waiting: WaitingHooks) -> bool:
    """Close what nobody waits for, and deny what nobody answered in time; returns whether any request is open."""
    requests = project.store.permissions.open()
    now = project.store.now()
    for request in requests:
        if request.answerable and waiting.is_gone(request.id, asked=age(request.at, now)):
            project.store.permissions.answer(request.id, _gone(project, request))
        elif request.answerable:
            permission_requests.deny_late(project, request, now)
    waiting.keep({request.id for request in requests})
    return bool(requests)
