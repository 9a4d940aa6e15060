"""Codex in the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.contract.scripted import Scripted
from tests.support.models.server import Call

_ASKS = {"sandbox_permissions": "require_escalated", "justification": "to see"}


def _runs(given: Mapping[str, str]) -> str:
    return f"tools.exec_command({json.dumps(given)})"


class Codex(Scripted):
    """Its usual model runs commands through code that it writes."""

    profile: ClassVar[str] = "codex"
    ready: ClassVar[str] = "›"
    dialogs: ClassVar[tuple[str, ...]] = (
        "Do you trust",
        "Would you like",
        "Sign in",
        "Press enter",
        "Update available",
    )
    url: ClassVar[str] = "OPENAI_BASE_URL"
    key: ClassVar[str] = "OPENAI_API_KEY"
    base: ClassVar[str] = "/v1"
    asking: ClassVar[Mapping[str, Any]] = {"permissions": "edits"}
    yes: ClassVar[tuple[str, ...]] = ("y",)
    dialog: ClassVar[str] = "Would you like"

    def command(self, line: str, *, asks: bool) -> Call:
        # The model says itself for which command it wants permission; it may not where the person allows all.
        wanted = _ASKS if asks else {}
        return Call("exec", {"input": f"await {_runs({'cmd': line, **wanted})}"})

    def commands(self, lines: tuple[str, ...]) -> list[Call]:
        # One script at a time runs, and without the first line it goes on without its results after ten seconds.
        runs = ", ".join(_runs({"cmd": line, **_ASKS}) for line in lines)
        return [Call("exec", {"input": f'// @exec: {{"yield_time_ms": 120000}}\nawait Promise.all([{runs}])'})]


DRIVER = Codex()
