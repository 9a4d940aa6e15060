"""The families of agents by name; the one place where a family's name decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from orchestra.agents.activity import Usage
from orchestra.agents.families import claude, codex, gemini, opencode, plain, rehearsal
from orchestra.agents.launch_files import EXECUTABLE, LaunchContext, LaunchFiles, launcher
from orchestra.agents.profile import Profile
from orchestra.lifecycle import Sign


class Family(Protocol):
    """What a family's module has.

    ``HANDS_OVER`` are the events whose reply can bring messages to the agent. ``LISTENS`` says that a program beside
    the agent asks for messages and wakes it with them, ``TELLS_PROMPTS`` that each prompt it takes is told word for
    word, ``TOOLS_LATE`` that it may send a request before it has come to the tools that it fetched.
    """

    HANDS_OVER: frozenset[str]
    LISTENS: bool
    TELLS_PROMPTS: bool
    TOOLS_LATE: bool

    def launch_files(self, profile: Profile, context: LaunchContext, /) -> LaunchFiles:
        """Return what an agent of this profile is given."""

    def once(self, profile: Profile, context: LaunchContext, /) -> str:
        """Return the launcher's last lines for an agent that answers one prompt; empty where the usual ones fit."""

    def signs(self, event: str, payload: Mapping[str, Any], /) -> list[tuple[Sign, str]]:
        """Turn what an agent posts about itself into signs, each with a few words for people."""

    def hook_reply(self, event: str, text: str, /) -> dict[str, Any]:
        """Return the reply body that brings ``text`` to the agent; empty where there is nothing to bring."""

    def prompt(self, event: str, payload: Mapping[str, Any], /) -> str:
        """Return the whole prompt that an event tells of; empty where it tells of none."""

    def usage(self, event: str, payload: Mapping[str, Any], /) -> Usage | None:
        """Return what an event tells about cost and context; None where it tells nothing."""


FAMILIES: dict[str, Family] = {
    "claude": claude,
    "codex": codex,
    "gemini": gemini,
    "opencode": opencode,
    "plain": plain,
    "rehearsal": rehearsal,
}


def family_of(profile: Profile) -> Family:
    """Return the family of a profile."""
    return FAMILIES[profile.family]


def launch_files(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return what an agent of this profile is given."""
    return family_of(profile).launch_files(profile, context)


def headless(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return what an agent is given that answers its task once, without a terminal, and ends."""
    asked = replace(profile, command=profile.headless, resume=(), in_container=(), on_host=())
    made = launch_files(asked, context)
    ending = family_of(profile).once(asked, context)
    if not ending:
        return made
    launch = launcher(context, made.env, ending).encode()
    return replace(made, agent_files={**made.agent_files, "launch.sh": (launch, EXECUTABLE)})
