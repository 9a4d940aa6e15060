"""The hook protocol of Claude Code, which Codex shares: what a hook is told, and how its reply delivers messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestra.agents import tool_calls, tool_use
from orchestra.agents.activity import brief
from orchestra.events import ToolCall
from orchestra.model import Permissions, ToolUse

ASKS = "PermissionRequest"
"""The event with which an agent asks for permission."""
_ENDS = frozenset({"PostToolUse", "PostToolUseFailure"})
_IN_WINDOW = frozenset({"AskUserQuestion", "ExitPlanMode", "request_user_input"})
"""Tools whose answer is more than yes or no."""
_EDITS = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})


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


def asked(event: str, payload: Mapping[str, Any]) -> ToolUse | None:
    """Return what an event asks permission for; None if it asks for none, or for more than yes or no."""
    return _use(payload) if event == ASKS and payload.get("tool_name") not in _IN_WINDOW else None


def question(payload: Mapping[str, Any]) -> str:
    """Return the question that an agent puts to the person with a tool of its own; empty for anything else."""
    given = payload.get("tool_input")
    questions = given.get("questions") if isinstance(given, Mapping) else None
    first = questions[0] if isinstance(questions, list) and questions else None
    return brief(first.get("question", "")) if isinstance(first, Mapping) else ""


def is_free(_event: str, _payload: Mapping[str, Any], _permissions: Permissions) -> bool:
    """Return that everything that an agent asks needs a permission: it knows itself what is free."""
    return False


def used(event: str, payload: Mapping[str, Any]) -> ToolUse | None:
    """Return what an agent has just done, so that it has been allowed."""
    return _use(payload) if event in _ENDS else None


def begun(payload: Mapping[str, Any]) -> ToolCall:
    """Return the call of a tool that the hooks around it tell of."""
    tool, given = str(payload.get("tool_name", "")), payload.get("tool_input")
    key = payload.get("tool_use_id")
    if tool == "apply_patch":
        patch = given.get("command") if isinstance(given, Mapping) else ""
        return tool_calls.begun("Edit", given, key, paths=tool_use.patched(str(patch or "")))
    return tool_calls.begun(tool, given, key)


def before(event: str, payload: Mapping[str, Any]) -> ToolUse | None:
    """Return what an agent is about to do, also where it asks for no permission."""
    return _use(payload) if event == "PreToolUse" else None


def denial(event: str, reason: str) -> dict[str, Any]:
    """Return the reply that prevents it."""
    decision = {"permissionDecision": "deny", "permissionDecisionReason": reason}
    return {"hookSpecificOutput": {"hookEventName": event, **decision}}


def _use(payload: Mapping[str, Any]) -> ToolUse:
    tool, arguments = str(payload.get("tool_name", "")), payload.get("tool_input")
    given = arguments if isinstance(arguments, Mapping) else {}
    if tool in _EDITS:
        return tool_use.of_edit(given)
    if tool == "apply_patch":
        return tool_use.of_patch(str(given.get("command", "")))
    made = {"Bash": tool_use.of_shell, "WebFetch": tool_use.of_url, "Read": tool_use.of_path}.get(tool)
    return made(given) if made else tool_use.of_other(tool, given)


def permission_reply(event: str, *, allowed: bool | None, reason: str) -> dict[str, Any]:
    """Return the reply that answers a request; empty to leave it to the agent's own dialog."""
    if allowed is None or event != ASKS:
        return {}
    decision = {"behavior": "allow"} if allowed else {"behavior": "deny", "message": reason}
    return {"hookSpecificOutput": {"hookEventName": ASKS, "decision": decision}}
