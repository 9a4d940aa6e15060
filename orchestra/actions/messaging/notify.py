"""Notify the person in the ways that they have set."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestra.drivers.notify import desktop, services, terminals
from orchestra.errors import CommandFailed, NotFound, OrchestraError, UsageError
from orchestra.model import State
from orchestra.names import PERSON
from orchestra.notifications import Notification, Occasion, is_quiet, still_true

if TYPE_CHECKING:
    from orchestra.model import Session
    from orchestra.project import Project

ADDRESSES = "NOTIFY_URLS"
"""The file among the person's secrets that holds the addresses of services."""
LOOKS = 60.0
"""Seconds after their last key in which a person counts as looking at what their terminal shows."""
_TEST = "this is a test of Orchestra's notifications"


def notify(project: Project, notification: Notification) -> list[OrchestraError]:
    """Send a notification in each way that is set; return what went wrong. Takes up to some twenty seconds."""
    errors = []
    for way in dict.fromkeys(project.usable_settings.notify):
        try:
            _WAYS[way](project, notification.title, notification.body)
        except OrchestraError as error:
            errors.append(error)
    return errors


def test(project: Project) -> list[dict[str, Any]]:
    """Try each way that is set, also in quiet hours, and return which worked; raises UsageError if none is set."""
    ways = dict.fromkeys(project.settings.notify)
    if not ways:
        raise UsageError("no notifications are set", hint=f"write into {project.paths.home.config}: notify: [bell]")
    return [_try(project, way) for way in ways]


def _try(project: Project, way: str) -> dict[str, Any]:
    try:
        _WAYS[way](project, "Orchestra", _TEST)
    except OrchestraError as error:
        return {"way": way, "well": False, "detail": error.message, "hint": error.hint}
    return {"way": way, "well": True, "detail": "sent", "hint": ""}


def check(project: Project) -> list[OrchestraError]:
    """Return what is wrong with the ways that are set, without sending anything."""
    errors: list[OrchestraError] = []
    ways = project.usable_settings.notify
    try:
        if "desktop" in ways:
            desktop.require()
        if "urls" in ways:
            services.check(services.read(project.paths.home.secrets / ADDRESSES))
    except OrchestraError as error:
        errors.append(error)
    return errors


def is_wanted(
    project: Project, notification: Notification, session: Session | None, *, now: Callable[[], float] = time.time
) -> bool:
    """Return whether a notification is still true, for the person, and wanted now.

    It is not in quiet hours, nor while they look at the session.
    """
    if is_quiet(project.usable_settings.quiet_hours, project.store.now().astimezone()):
        return False
    if session is None:
        return True
    if not still_true(notification.occasion, session.state) or _is_for_another(project, notification, session):
        return False
    return not looks_at(project, session.name, now=now)


def _is_for_another(project: Project, notification: Notification, session: Session) -> bool:
    """Return whether a session's open question is for its designer, who may know the answer."""
    question = project.store.messages.get(session.waits_for) if session.waits_for else None
    asks = notification.occasion in {Occasion.ASKS, Occasion.FAILED} and session.state is State.WAITING
    return asks and question is not None and question.recipient != PERSON


def looks_at(project: Project, name: str, *, now: Callable[[], float] = time.time) -> bool:
    """Return whether a terminal that was used in the last minute shows a session's agent."""
    try:
        server = project.tmux()
        used = [client for client in server.clients() if now() - client.activity < LOOKS] if server else []
        windows = server.windows.all() if server and used else []
    except OrchestraError:
        return False
    shown = [one for one in windows if (one.session, one.project) == (name, str(project.paths.source))]
    return any(client.shows(window) for client in used for window in shown)


def _to_terminals(project: Project, content: bytes) -> None:
    server = project.tmux()
    if server is None or not (found := server.terminals()):
        raise NotFound("no terminal is attached to tmux", hint="open the project in one: orchestra up")
    if not terminals.write(found, content):
        raise CommandFailed("no attached terminal could be written to", hint="to see them: tmux list-clients")


_WAYS: dict[str, Callable[[Project, str, str], None]] = {
    "bell": lambda project, _title, _body: _to_terminals(project, terminals.BELL),
    "osc9": lambda project, title, body: _to_terminals(project, terminals.osc9(title, body)),
    "osc777": lambda project, title, body: _to_terminals(project, terminals.osc777(title, body)),
    "desktop": lambda _project, title, body: desktop.show(title, body),
    "urls": lambda project, title, body: services.send(
        services.read(project.paths.home.secrets / ADDRESSES), title, body
    ),
}
