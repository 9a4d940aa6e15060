"""opencode in the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.contract.scripted import Scripted
from tests.support.models.server import ModelServer


class OpenCode(Scripted):
    """A program of ours in its box hands it its messages over its own API, and nothing is ever typed at it."""

    profile: ClassVar[str] = "opencode"
    only_with_agents: ClassVar[str] = "each of its starts takes two processors ten seconds: five minutes in all"
    ready: ClassVar[str] = "ctrl+p commands"
    dialogs: ClassVar[tuple[str, ...]] = ("Permission required", "Connect a provider", "Update available")
    url: ClassVar[str] = "OPENAI_COMPATIBLE_BASE_URL"
    key: ClassVar[str] = "OPENAI_COMPATIBLE_API_KEY"
    base: ClassVar[str] = "/v1"
    ours: ClassVar[str] = "orchestra_"
    shell: ClassVar[str] = "bash"
    asking: ClassVar[Mapping[str, Any]] = {"permissions": "edits"}

    def settings(self, model: ModelServer, /) -> Mapping[str, str]:
        return {**super().settings(model), "OPENAI_COMPATIBLE_MODEL": "scripted"}


DRIVER = OpenCode()
