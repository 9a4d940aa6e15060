"""Read the text in an agent's prompt, because a typed message would be sent together with it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestra.actions.session import container_spec
from orchestra.agents import Delivery, Profile
from orchestra.agents.prompt_draft import prompt_text, reads
from orchestra.lifecycle import age
from orchestra.model import Session, Sign, State
from orchestra.project import Project

if TYPE_CHECKING:
    from orchestra.drivers.tmux.driver import Tmux

DRAWN = 0.5
"""Seconds after READY until a program has drawn its prompt."""
AT_ONCE = 5.0
"""Seconds after READY until somebody may have typed."""
_POLL = 0.05


class Prompts:
    """The empty prompts of one project's agents.

    A family knows its program's prompt, and a profile may define it (``prompt``). For any other
    program it is the cursor's line just after READY, before anybody can have typed.
    """

    def __init__(self, project: Project, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._project = project
        self._pause = pause
        self._looked: dict[int, datetime] = {}

    def text(self, session: Session, server: Tmux, pane: str) -> str | None:
        """Return the text in the prompt: empty without a draft, None if unknown."""
        profile = self._project.profile(session.agent)
        if reads(profile.family):
            return prompt_text(profile.family, server.panes.capture(pane, colour=True))
        line = server.panes.cursor_line(pane)
        if profile.prompt:
            return "" if any(re.fullmatch(profile.prompt, text) for text in (line, line.rstrip())) else line
        known = self._project.store.prompts.get(session.id)
        return None if known is None else "" if line == known[1] else line

    def is_due(self, session: Session) -> bool:
        """Return whether to learn a session's empty prompt now; True once for each time it becomes idle."""
        if session.state is not State.IDLE or self._looked.get(session.id) == session.state_since:
            return False
        self._looked[session.id] = session.state_since
        return age(session.state_since, datetime.now(UTC)) < AT_ONCE

    def learn(self, name: str) -> bool:
        """Store the empty prompt of a program that was just ready; returns whether it did."""
        session = self._project.store.sessions.get(name)
        if not _must_be_learned(self._project.profile(session.agent)) or not self._is_new(session):
            return False
        while age(session.state_since, datetime.now(UTC)) < DRAWN:
            self._pause(_POLL)
        server, window = self._project.tmux(), container_spec.window_of(self._project, session)
        if server is None or window is None or window.dead:
            return False
        line = server.panes.cursor_line(window.pane)
        since = session.state_since.timestamp()
        touched = any(client.uses(window) and client.activity >= int(since) for client in server.clients())
        if touched or not self._is_new(self._project.store.sessions.get(name)):
            return False
        self._project.store.prompts.note(session.id, since, line)
        return True

    def _is_new(self, session: Session) -> bool:
        known = self._project.store.prompts.get(session.id)
        return (
            session.state is State.IDLE
            and self._project.store.sessions.program_sign(session.name) is Sign.READY
            and age(session.state_since, datetime.now(UTC)) < AT_ONCE
            and (known is None or known[0] != session.state_since.timestamp())
        )


def _must_be_learned(profile: Profile) -> bool:
    return profile.delivery is not Delivery.PULL and not profile.prompt and not reads(profile.family)
