"""The families of agents by name; the only module where a family's name matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from orchestra.agents.activity import Usage
from orchestra.agents.families import claude, codex, gemini, opencode, plain, rehearsal
from orchestra.agents.launch_files import EXECUTABLE, LaunchContext, LaunchFiles, launcher
from orchestra.agents.profile import Profile
from orchestra.agents.transcripts import Transcripts
from orchestra.events import ToolCall
from orchestra.model import Permissions, Sign, ToolUse


class Family(Protocol):
    """The functions and constants of a family's module.

    ``HANDS_OVER`` are the events whose reply can deliver messages to the agent. ``LISTENS`` says
    that a program beside the agent asks for messages and wakes it with them, ``TELLS_PROMPTS`` that
    it reports the full text of each prompt, ``TOOLS_LATE`` that it may send a request before it
    uses the tools that it has fetched. ``TRANSCRIPTS`` are the files with its conversations.
    ``DIALOG_TOO`` says that its window shows its own dialog while one of its permission requests
    waits for an answer, ``TAKES_ANSWERS`` that such requests can be answered at all.
    """

    HANDS_OVER: frozenset[str]
    LISTENS: bool
    TELLS_PROMPTS: bool
    TOOLS_LATE: bool
    TRANSCRIPTS: Transcripts
    DIALOG_TOO: bool
    TAKES_ANSWERS: bool

    def launch_files(self, profile: Profile, context: LaunchContext, /) -> LaunchFiles:
        """Return the launch files of an agent with this profile."""

    def once(self, profile: Profile, context: LaunchContext, /) -> str:
        """Return the launcher's last lines for an agent that answers one prompt; empty if the usual ones fit."""

    def signs(self, event: str, payload: Mapping[str, Any], /) -> list[tuple[Sign, str]]:
        """Turn an event of an agent into signs, each with a short text for people."""

    def hook_reply(self, event: str, text: str, /) -> dict[str, Any]:
        """Return the reply body that delivers ``text`` to the agent; empty if there is none."""

    def prompt(self, event: str, payload: Mapping[str, Any], /) -> str:
        """Return the whole prompt that an event reports; empty if it reports none."""

    def asked(self, event: str, payload: Mapping[str, Any], permissions: Permissions, /) -> ToolUse | None:
        """Return what an event asks permission for; None for no question, or one that only its window can answer."""

    def is_free(self, event: str, payload: Mapping[str, Any], permissions: Permissions, /) -> bool:
        """Return whether an event that asks before every tool is about one that needs no permission."""

    def used(self, event: str, payload: Mapping[str, Any], /) -> ToolUse | None:
        """Return what the agent has just done, according to an event; None if it reports no tool's end."""

    def call(self, event: str, payload: Mapping[str, Any], /) -> ToolCall | None:
        """Return the call of a tool that an event tells of, at its beginning or its end; None if it tells of none."""

    def before(self, event: str, payload: Mapping[str, Any], /) -> ToolUse | None:
        """Return what an agent is about to do, with or without a question, if an event can still prevent it."""

    def denial(self, event: str, reason: str, /) -> dict[str, Any]:
        """Return the reply that prevents what an agent is about to do."""

    def permission_reply(self, event: str, /, *, allowed: bool | None, reason: str) -> dict[str, Any]:
        """Return the reply that answers a permission request; with None, its own dialog asks the person."""

    def usage(self, event: str, payload: Mapping[str, Any], /) -> Usage | None:
        """Return the cost and context that an event reports; None if it reports none."""


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
    """Return the launch files of an agent with this profile."""
    return family_of(profile).launch_files(profile, context)


def headless(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return the launch files of an agent that answers its task once, without a terminal, and exits."""
    asked = replace(profile, command=profile.headless, resume=(), in_container=(), on_host=())
    context = replace(context, headless=True)
    made = launch_files(asked, context)
    ending = family_of(profile).once(asked, context)
    return _launched(context, made, ending) if ending else made


def monitor(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return the launch files of a program that reads one prompt as its input, answers it without tools, and exits."""
    context = replace(context, headless=True, alone=True)
    asked = replace(profile, resume=(), in_container=(), on_host=())
    return _launched(context, launch_files(asked, context), family_of(profile).once(asked, context))


def _launched(context: LaunchContext, made: LaunchFiles, ending: str) -> LaunchFiles:
    launch = launcher(context, made.env, ending).encode()
    return replace(made, agent_files={**made.agent_files, "launch.sh": (launch, EXECUTABLE)})
