"""Gather the facts for a decision about delivery from the store, the profile, the callers and tmux."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestra.actions.session import container_spec
from orchestra.agents import Delivery as Way
from orchestra.agents import family_of
from orchestra.model import Session, Window
from orchestra.project import Project
from orchestra.service.delivery.decide import Facts, Look, PromptSight, WindowSight
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.prompts import Prompts

if TYPE_CHECKING:
    from orchestra.drivers.tmux.driver import Client, Tmux


def facts_of(project: Project, session: Session, presence: Presence) -> Facts:
    """Return the facts about a session's agent that need no check of its box or its window."""
    profile = project.profile(session.agent)
    family = family_of(profile)
    return Facts(
        now=datetime.now(UTC),
        program=project.store.sessions.program_sign(session.name),
        hooks=profile.hooks,
        typed_at=profile.delivery is not Way.PULL,
        woken=family.LISTENS,
        tells_prompts=family.TELLS_PROMPTS,
        listened=presence.since_listened(session.id, expected=family.LISTENS),
        pulled=presence.since_pulled(session.id),
    )


def since_used(window: Window, clients: Sequence[Client], now: datetime) -> float:
    """Return the seconds since a person's last key for an agent; infinite if nobody is there."""
    ages = [now.timestamp() - client.activity for client in clients if client.uses(window)]
    # A last key in the future was pressed before the clock was set back.
    return min((seconds for seconds in ages if seconds >= 0), default=math.inf)


class Sight:
    """Observes one agent during a decision; each fact is observed only if needed, and once."""

    def __init__(self, project: Project, session: Session, prompts: Prompts) -> None:
        self._project = project
        self._session = session
        self._prompts = prompts
        self.server: Tmux | None = None
        self.window: Window | None = None

    def at(self, look: Look, facts: Facts) -> Facts:
        """Return the facts with one more observation."""
        match look:
            case Look.PROGRAM:
                return replace(facts, runs=container_spec.runs(self._project, self._session))
            case Look.WINDOW:
                return self._at_window(facts)
            case Look.PROMPT:
                return replace(facts, prompt=self._at_prompt())

    def _at_window(self, facts: Facts) -> Facts:
        self.server = self._project.tmux()
        self.window = container_spec.window_of(self._project, self._session)
        if self.server is None or self.window is None or self.window.dead:
            return replace(facts, window=WindowSight.GONE)
        used = since_used(self.window, self.server.clients(), facts.now)
        return replace(facts, window=WindowSight.LIVE, used=used)

    def _at_prompt(self) -> PromptSight:
        if self.server is None or self.window is None:
            return PromptSight.UNKNOWN
        text = self._prompts.text(self._session, self.server, self.window.pane)
        return PromptSight.UNKNOWN if text is None else PromptSight.DRAFT if text else PromptSight.EMPTY
