"""Gemini CLI in the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.contract.scripted import Scripted
from tests.contract.stage import Ability


class Gemini(Scripted):
    """Messages are typed at it while it is idle; else its hooks hand them over."""

    profile: ClassVar[str] = "gemini"
    only_with_agents: ClassVar[str] = "its starts make a minute and a half of it"
    lacks: ClassVar[Mapping[Ability, str]] = {
        Ability.HEARS_BESIDE: "it has no way in beside its prompt: a message waits for the draft to be sent",
    }
    ready: ClassVar[str] = "Type your message"
    dialogs: ClassVar[tuple[str, ...]] = (
        "Do you trust",
        "How would you like to authenticate",
        "Allow execution",
        "Apply this change",
        "update available",
    )
    url: ClassVar[str] = "GOOGLE_GEMINI_BASE_URL"
    key: ClassVar[str] = "GEMINI_API_KEY"
    ours: ClassVar[str] = "mcp_orchestra_"
    shell: ClassVar[str] = "run_shell_command"
    asking: ClassVar[Mapping[str, Any]] = {"permissions": "ask"}
    yes: ClassVar[tuple[str, ...]] = ("1",)
    dialog: ClassVar[str] = "Allow execution"
    waits_for_all: ClassVar[bool] = True


DRIVER = Gemini()
