"""Claude Code in the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.contract.scripted import Scripted


class Claude(Scripted):
    """It is woken by its own listening hook, and never typed at."""

    profile: ClassVar[str] = "claude"
    ready: ClassVar[str] = "❯"
    dialogs: ClassVar[tuple[str, ...]] = ("Do you trust", "Do you want", "Select login", "Enter to confirm", "API key")
    url: ClassVar[str] = "ANTHROPIC_BASE_URL"
    key: ClassVar[str] = "ANTHROPIC_API_KEY"
    shell: ClassVar[str] = "Bash"
    asking: ClassVar[Mapping[str, Any]] = {"permissions": "ask"}
    # Of several commands it asks for one after the other.
    asks_at_once: ClassVar[bool] = False
    yes: ClassVar[tuple[str, ...]] = ("1",)


DRIVER = Claude()
