"""Gemini CLI: settings, hooks and flags, verified with 0.61.0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from orchestra.agents import launch_files as common
from orchestra.agents.activity import Limit, Usage, brief, named, share, whole
from orchestra.agents.launch_files import LaunchContext, LaunchFiles
from orchestra.agents.profile import Profile
from orchestra.model import Permissions, Sign, ToolUse

HOOK_DEADLINE = 5
"""Seconds one hook may wait for the service; then Gemini CLI continues without an answer."""
TOOL_DEADLINE = 3_600_000
"""Milliseconds one of our tools may take, for example to wait for a message."""

HANDS_OVER = frozenset({"BeforeAgent", "AfterTool", "AfterAgent"})
"""The hooks whose reply delivers messages during a turn."""
LISTENS, TELLS_PROMPTS, TOOLS_LATE, DIALOG_TOO = False, True, False, False

_HOOKS = {
    "SessionStart": "Ready",
    "BeforeAgent": "BeforeAgent",
    "BeforeTool": "BeforeTool",
    "AfterTool": "AfterTool",
    "AfterAgent": "AfterAgent",
    "Notification": "Notification",
}
"""Its hooks, and the events we post for them.

The service delays SessionStart, which would come after the first turn.
"""
_PROGRAM = (
    "__init__.py", "post_event.py", "jsonl_tail.py",
    "gemini/__init__.py", "gemini/start.py", "gemini/home.py", "gemini/hook.py", "gemini/watch.py",
)  # fmt: skip
_START = "from runtime.gemini.start import main\n\nmain()\n"
_HOOK = "from runtime.gemini.hook import main\n\nmain()\n"
_OURS = "mcp_orchestra_"
_WINDOW = 1_048_576
_RESETS = re.compile(
    r"(?:reset after|retry in) (?:(\d{1,3})h)?(?:(\d{1,3})m)?(?:(\d{1,5}(?:\.\d{1,9})?)s)?", re.IGNORECASE
)
_WINDOWS = {"gemma": 256_000}
"""Context windows of the models in tokens, as Gemini CLI itself counts."""
_TOOLS = {
    "run_shell_command": "Bash",
    "replace": "Edit",
    "write_file": "Write",
    "read_file": "Read",
    "read_many_files": "Read",
    "grep_search": "Grep",
    "search_file_content": "Grep",
    "glob": "Glob",
    "web_fetch": "WebFetch",
    "google_web_search": "WebSearch",
}


def launch_files(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return Gemini CLI's launch files; its own files stay in the session's home."""
    command = profile.command or ("gemini",)
    plan = {
        "first": common.words(profile, context, command),
        "again": common.words(profile, context, profile.resume or command),
        "conversation": context.session.conversation,
        "settings": settings(context),
    }
    files = {
        "first.md": (common.first_prompt(context).encode(), common.READ_ONLY),
        "nudge.md": (context.nudge.encode(), common.READ_ONLY),
        "gemini.json": common.as_json(plan),
        "start.py": (_START.encode(), common.READ_ONLY),
        "hook.py": (_HOOK.encode(), common.READ_ONLY),
        **common.runtime_files(*_PROGRAM),
    }
    ending = f'exec "$python" {common.quoted([context.path("start.py"), context.agent_dir])}\n'
    env = {"GEMINI_CLI_HOME": context.home}
    if wanted := common.model(profile, context):
        env["GEMINI_MODEL"] = wanted
    return common.build(profile, context, ending=ending, env=env, files=files)


def once(_profile: Profile, context: LaunchContext) -> str:
    """Return the launcher's last lines for one prompt without a terminal."""
    return f'exec "$python" {common.quoted([context.path("start.py"), context.agent_dir, "once"])}\n'


def settings(context: LaunchContext) -> dict[str, Any]:
    """Return our settings; Gemini CLI replaces names that begin with $, so the token stays in the environment."""
    server = {
        "httpUrl": context.mcp_url,
        "headers": {"Authorization": "Bearer ${ORCHESTRA_TOKEN}"},
        "trust": True,
        "timeout": TOOL_DEADLINE,
    }
    return {
        "general": {
            "enableAutoUpdate": False,
            "enableAutoUpdateNotification": False,
            # Otherwise conversations are deleted after a month.
            "sessionRetention": {"enabled": False},
        },
        "privacy": {"usageStatisticsEnabled": False},
        "ide": {"hasSeenNudge": True},
        "ui": {
            "showHomeDirectoryWarning": False,
            "hideTips": True,
            # Otherwise @something in a message would be taken for a file, and Gemini CLI would ask.
            "escapePastedAtSymbols": True,
        },
        "security": {"folderTrust": {"enabled": False}},
        "mcpServers": {"orchestra": server},
        "hooksConfig": {"enabled": True, "notifications": False},
        "hooks": hooks(context),
    }


def hooks(context: LaunchContext) -> dict[str, Any]:
    """Return our hooks; their variables are passed on even if a project hides secrets from hooks."""
    by_event: dict[str, Any] = {}
    for event, reported in _HOOKS.items():
        command = common.quoted([context.python, context.path("hook.py"), reported, str(HOOK_DEADLINE)])
        hook = {"name": "orchestra", "type": "command", "command": command, "timeout": 1000 * (HOOK_DEADLINE + 1)}
        by_event[event] = [{"hooks": [{**hook, "env": {"ORCHESTRA_TOKEN": "$ORCHESTRA_TOKEN"}}]}]
    return by_event


def signs(event: str, payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    """Turn an event from a hook or our watcher into evidence."""
    match event:
        case "Launched":
            return [(Sign.LAUNCHED, "starting")]
        case "Ready":
            return [(Sign.READY, f"ready ({brief(payload.get('source', 'startup'))})")]
        case "BeforeAgent":
            return [(Sign.TURN_STARTED, brief(payload.get("prompt", "")))]
        case "BeforeTool" | "AfterTool":
            return [(Sign.TOOL_USED, _doing(payload))]
        case "Notification":
            return [(Sign.PROMPTED, _asks(payload))]
        case "AfterAgent":
            return [(Sign.TURN_ENDED, brief(payload.get("prompt_response", "")))]
        case "Cancelled":
            return [(Sign.TURN_ENDED, "interrupted")]
        case "TurnFailed":
            return [(Sign.TURN_FAILED, f"the model's service failed: {_failure(payload)}")]
        case "SessionEnd":
            return [(Sign.ENDED, f"ended ({brief(payload.get('reason', 'other'))})")]
        case _:
            return []


def _doing(payload: Mapping[str, Any]) -> str:
    tool, given = str(payload.get("tool_name", "")), payload.get("tool_input")
    if tool.startswith(_OURS):
        tool = f"mcp__orchestra__{tool.removeprefix(_OURS)}"
    return named(_TOOLS.get(tool, tool or "a tool"), given)


def _asks(payload: Mapping[str, Any]) -> str:
    """Describe a dialog; its details depend on the kind of tool."""
    details = payload.get("details")
    about = dict(details) if isinstance(details, Mapping) else {}
    if about.get("type") == "ask_user":
        return "asks the person"
    if command := about.get("command"):
        return brief(f"asks for permission: runs {command}")
    if path := about.get("filePath") or about.get("fileName"):
        return brief(f"asks for permission: edits {PurePosixPath(str(path)).name}")
    return brief(f"asks for permission: {about.get('toolName') or about.get('title') or payload.get('message') or '?'}")


def _failure(payload: Mapping[str, Any]) -> str:
    return brief(str(payload.get("error") or "unknown").removeprefix("[API Error: ").removesuffix("]"))


def hook_reply(event: str, text: str) -> dict[str, Any]:
    """Return the reply that delivers messages; at the end of a turn it makes the agent continue with them."""
    if not text or event not in HANDS_OVER:
        return {}
    if event == "AfterAgent":
        return {"decision": "block", "reason": text}
    return {"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}


def prompt(event: str, payload: Mapping[str, Any]) -> str:
    """Return the submitted prompt, typed or passed at the start."""
    return str(payload.get("prompt", "")) if event == "BeforeAgent" else ""


def usage(event: str, payload: Mapping[str, Any]) -> Usage | None:
    """Return the tokens since a start, and how full the context is; Gemini CLI tells no cost.

    A turn that failed because of a limit says how long it lasts.
    """
    if event == "TurnFailed":
        lasts = _lasts(_failure(payload))
        return Usage(limit=Limit(reached=True, lasts=lasts)) if lasts else None
    if event != "Tokens":
        return None
    model = brief(payload.get("model"))
    window = next((size for name, size in _WINDOWS.items() if model.startswith(name)), _WINDOW)
    return Usage(
        tokens_in=whole(payload.get("in")),
        tokens_out=whole(payload.get("out")),
        context=share(payload.get("used"), window),
        model=model,
        counter=brief(payload.get("start")),
    )


def _lasts(failure: str) -> timedelta | None:
    found = _RESETS.search(failure)
    if found is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds) or None


def asked(_event: str, _payload: Mapping[str, Any], _permissions: Permissions) -> ToolUse | None:
    """Return nothing yet."""
    return None


def used(_event: str, _payload: Mapping[str, Any]) -> ToolUse | None:
    """Return nothing yet."""
    return None


def permission_reply(_event: str, *, allowed: bool | None, reason: str) -> dict[str, Any]:  # noqa: ARG001
    """Return nothing yet."""
    return {}
