"""Which functions belong to which family; the one place where a family's name decides anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestra.agents import launch_files
from orchestra.agents.activity import Usage
from orchestra.agents.families import claude, codex, gemini, opencode, plain, rehearsal
from orchestra.agents.launch_files import Outfit, Setting
from orchestra.agents.profile import Profile
from orchestra.lifecycle import Sign


@dataclass(frozen=True, slots=True)
class Family:
    """The functions of one family.

    ``listens`` says that a message wakes its agents without being typed, ``tools_late`` that they may send a request
    before they have come to the tools that they fetched. ``once`` gives the launcher's last lines for an agent that
    answers one prompt, where its usual ones do not fit.
    """

    outfit: Callable[[Profile, Setting], Outfit]
    signs: Callable[[str, Mapping[str, Any]], list[tuple[Sign, str]]]
    hook_reply: Callable[[str, str], dict[str, Any]]
    usage: Callable[[str, Mapping[str, Any]], Usage | None]
    hands_over: frozenset[str]
    prompt: Callable[[str, Mapping[str, Any]], str] | None = None
    listens: bool = False
    tools_late: bool = False
    once: Callable[[Profile, Setting], str] | None = None


FAMILIES: dict[str, Family] = {
    "claude": Family(
        claude.outfit,
        claude.signs,
        claude.hook_reply,
        claude.usage,
        claude.HANDS_OVER,
        claude.prompt,
        listens=True,
        tools_late=True,
        once=claude.once,
    ),
    "codex": Family(codex.outfit, codex.signs, codex.hook_reply, codex.usage, codex.HANDS_OVER, codex.prompt),
    "gemini": Family(
        gemini.outfit,
        gemini.signs,
        gemini.hook_reply,
        gemini.usage,
        gemini.HANDS_OVER,
        gemini.prompt,
        once=gemini.once,
    ),
    "opencode": Family(
        opencode.outfit,
        opencode.signs,
        opencode.hook_reply,
        opencode.usage,
        opencode.HANDS_OVER,
        opencode.prompt,
        once=opencode.once,
    ),
    "plain": Family(
        plain.outfit,
        plain.signs,
        plain.hook_reply,
        plain.usage,
        plain.HANDS_OVER,
        once=plain.once,
    ),
    "rehearsal": Family(rehearsal.outfit, rehearsal.signs, rehearsal.hook_reply, rehearsal.usage, rehearsal.HANDS_OVER),
}


def outfit(profile: Profile, setting: Setting) -> Outfit:
    """Return what an agent of this profile is given."""
    return FAMILIES[profile.family].outfit(profile, setting)


def headless(profile: Profile, setting: Setting) -> Outfit:
    """Return what an agent is given that answers its task once, without a terminal, and ends."""
    asked = replace(profile, command=profile.headless, resume=(), in_container=(), on_host=())
    worn = outfit(asked, setting)
    once = FAMILIES[profile.family].once
    if once is None:
        return worn
    launch = launch_files.launcher(setting, worn.env, once(asked, setting)).encode()
    return replace(worn, agent_files={**worn.agent_files, "launch.sh": (launch, launch_files.EXECUTABLE)})


def signs(family: str, event: str, payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    """Turn what an agent posts about itself into evidence, each piece with a few words for people."""
    return FAMILIES[family].signs(event, payload)


def hands_over(family: str, event: str) -> bool:
    """Say whether the reply to this event can bring messages to the agent."""
    return event in FAMILIES[family].hands_over


def hook_reply(family: str, event: str, text: str) -> dict[str, Any]:
    """Return the reply body that brings ``text`` to the agent; empty where there is nothing to bring."""
    return FAMILIES[family].hook_reply(event, text)


def prompt(family: str, event: str, payload: Mapping[str, Any]) -> str:
    """Return the whole prompt that an event tells of; empty where it tells of none."""
    read = FAMILIES[family].prompt
    return read(event, payload) if read is not None else ""


def tells_prompts(family: str) -> bool:
    """Say whether each prompt that an agent takes is told of, word for word."""
    return FAMILIES[family].prompt is not None


def listens(family: str) -> bool:
    """Say whether a program beside the agent asks for messages and wakes it with them."""
    return FAMILIES[family].listens


def tools_late(family: str) -> bool:
    """Say whether an agent may send a request before it has come to the tools that it fetched."""
    return FAMILIES[family].tools_late


def wakes(family: str) -> bool:
    """Say whether messages are handed over to an agent that asks for none by itself."""
    return bool(FAMILIES[family].hands_over)


def usage(family: str, event: str, payload: Mapping[str, Any]) -> Usage | None:
    """Return what an event tells about cost and context; None where it tells nothing."""
    return FAMILIES[family].usage(event, payload)
