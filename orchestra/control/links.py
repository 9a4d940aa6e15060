"""The control pane's connection to the rest: actions, diffs, and the health of service and engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from orchestra.actions.landing.pair_review import PairReview
from orchestra.actions.service_process import ask_surely, ping
from orchestra.actions.session.layout import layout_of
from orchestra.actions.work.session_review import SessionReview
from orchestra.control.state import Health
from orchestra.drivers.tmux.driver import Tmux
from orchestra.errors import OrchestraError, Refused
from orchestra.project import Project
from orchestra.review.source import ReviewSource

_CACHE = "pane"
"""The directory of the control pane's looks at a worktree, which it keeps as long as it shows the diff."""
_ENGINE_EVERY = 4
"""The engine is checked once for so many checks of the service."""


class Links:
    """The part of a project that the control pane needs; any thread may use it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._engine: bool | None = None
        self._asked = 0
        self._room = ""

    def perform(self, action: str, arguments: Mapping[str, Any]) -> object:
        """Run an action in the service, which is started if necessary; raises the action's errors."""
        return ask_surely(self._project.paths, action, arguments)

    def review(self, name: str) -> ReviewSource:
        """Return the changes of a session for the tab with its diff and for a review."""
        return SessionReview(self._project, name, cache=_CACHE)

    def differences(self, names: Sequence[str]) -> ReviewSource:
        """Return in what the first session and each of the others differ."""
        return PairReview(self._project, *names)

    def budget(self) -> float:
        """Return what a session may cost, in US dollars; 0 for no limit."""
        return self._project.usable_settings.budget

    def health(self, contained: bool) -> Health:  # noqa: FBT001 -- whether any session needs the engine
        """Check whether the service and, less often, the engine answer."""
        try:
            service = ping(self._project.paths) is not None
        except OrchestraError:
            service = False
        if contained and (self._engine is not True or self._asked % _ENGINE_EVERY == 0):
            self._engine = _engine_answers()
        self._asked += 1
        readable = None if self._project.settings_trouble is None else False
        return Health(service, self._engine if contained else None, readable)

    def fit(self) -> None:
        """Resize this pane to its layout if its tmux window has changed its size.

        tmux redistributes a window when a terminal of another size shows it. Until then, a pane
        that the person resized keeps its size.
        """
        server, pane = Tmux.current(), os.environ.get("TMUX_PANE", "")
        room = server.control.room(pane) if server is not None and pane else ""
        if server is None or not room or room == self._room:
            return
        server.control.fit(pane, layout_of(self._project))
        self._room = room

    def zoom(self, on: bool) -> bool:  # noqa: FBT001 -- which of the two
        """Give this pane the whole tmux window, or its own part again; returns whether that changed anything."""
        server, pane = Tmux.current(), os.environ.get("TMUX_PANE", "")
        return server is not None and bool(pane) and server.control.zoom(pane, on=on)

    def leave(self) -> bool:
        """Take the person away from Orchestra's windows; returns whether the control pane stays.

        In a tmux of their own, they go back to the window they were in before; from a tmux that
        Orchestra started, their terminal is detached.
        """
        server = Tmux.current()
        if server is None:
            return False
        pane = os.environ.get("TMUX_PANE", "")
        here = [client for client in server.clients() if client.pane == pane]
        if here:
            server.leave(max(here, key=lambda client: client.activity))
        return True


def _engine_answers() -> bool:
    from orchestra.drivers.sandbox.docker_client import engine_version  # noqa: PLC0415 -- loads docker

    try:
        engine_version()
    except OrchestraError:
        return False
    return True


def require_terminal() -> None:
    """Raise Refused unless this is a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("the control pane needs a terminal", hint="type: orchestra list")
