"""The hook protocol of Claude Code, which Codex shares: what a hook is told, and how its reply delivers messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def reply(event: str, text: str, events: Collection[str]) -> dict[str, Any]:
    """Return the reply that delivers messages on one of ``events``; at the end of a turn it makes the agent go on."""
    if not text or event not in events:
        return {}
    if event == "Stop":
        return {"decision": "block", "reason": text}
    return {"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}


def prompt(event: str, payload: Mapping[str, Any]) -> str:
    """Return the submitted prompt, typed or passed at the start."""
    return str(payload.get("prompt", "")) if event == "UserPromptSubmit" else ""
