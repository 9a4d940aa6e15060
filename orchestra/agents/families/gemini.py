"""Gemini CLI: settings, hooks and flags, verified with 0.61.0."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from orchestra.agents import launch_files as common
from orchestra.agents import tool_calls, tool_use
from orchestra.agents.activity import Limit, Usage, brief, mapping, named, share, turn, whole
from orchestra.agents.launch_files import LaunchContext, LaunchFiles
from orchestra.agents.profile import Profile
from orchestra.agents.transcripts import Said, Transcripts, text_of, time_of
from orchestra.events import Outcome, ToolCall
from orchestra.model import Permissions, Sign, ToolUse

HOOK_DEADLINE = 5
"""Seconds one hook may wait for the service; then Gemini CLI continues without an answer."""
TOOL_DEADLINE = 3_600_000
"""Milliseconds one of our tools may take, for example to wait for a message."""

ASKS = "BeforeTool"
"""The hook in which our gate asks for a permission."""
ASK_DEADLINE = 2_000_000
"""Seconds that the gate may wait for the answer; Node.js can count 2,147,483."""
MODES = dict.fromkeys(Permissions, ("--approval-mode", "yolo"))
"""The same for all: Gemini CLI lets no hook answer its dialogs, so that our gate asks in their place."""
_OWN_FLAGS = frozenset({"--approval-mode", "--yolo", "-y", "--allowed-tools"})
_DENIAL = '{"decision": "deny", "reason": "Orchestra could not ask for permission."}'
_EDITS = frozenset({"replace", "write_file"})
_FREE = frozenset({
    "read_file", "read_many_files", "grep_search", "search_file_content", "glob", "list_directory", "write_todos",
    "update_topic", "ask_user", "get_internal_docs", "complete_task",
})  # fmt: skip
_DECIDES = frozenset({".gemini", ".claude", ".codex", ".opencode", ".orchestra", ".git", ".mcp.json", "opencode.json"})
"""Names in a worktree that decide what agents or git run."""

HANDS_OVER = frozenset({"BeforeAgent", "AfterTool", "AfterAgent"})
"""The hooks whose reply delivers messages during a turn."""
LISTENS, TELLS_PROMPTS, TOOLS_LATE, DIALOG_TOO = False, True, False, False
TAKES_ANSWERS = True

_TOOLLESS: dict[str, Any] = {"tools": {"core": []}, "skills": {"enabled": False}}
"""The settings of one that is to answer without any tool."""

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
    "__init__.py", "post_event.py", "ask_permission.py", "jsonl_tail.py",
    "gemini/__init__.py", "gemini/start.py", "gemini/home.py", "gemini/hook.py", "gemini/watch.py",
)  # fmt: skip
_START = "from runtime.gemini.start import main\n\nmain()\n"
_HOOK = "from runtime.gemini.hook import main\n\nmain()\n"
_OURS = "mcp_orchestra_"
_OUTPUT = "Output: "
_FACT = re.compile(r"\n(Error|Exit Code|Signal|Background PIDs|Process Group PGID): ([^\n]*)\Z")
_LONGEST_STATUS = 4
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
    flags = common.mode_flags(profile, context, MODES, _OWN_FLAGS)
    gated = bool(flags) and context.mode is not Permissions.ALL
    plan = {
        "first": common.words(profile, context, command, flags),
        "again": common.words(profile, context, profile.resume or command, flags),
        "conversation": context.session.conversation,
        "settings": settings(context, gated=gated) | (_TOOLLESS if context.alone else {}),
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


def settings(context: LaunchContext, *, gated: bool = False) -> dict[str, Any]:
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
        "hooks": hooks(context, gated=gated),
    }


def hooks(context: LaunchContext, *, gated: bool = False) -> dict[str, Any]:
    """Return our hooks; their variables are passed on even if a project hides secrets from hooks."""
    by_event: dict[str, Any] = {}
    for event, reported in _HOOKS.items():
        gate = gated and event == ASKS
        command = common.quoted([context.python, context.path("hook.py"), reported, str(HOOK_DEADLINE)])
        hook: dict[str, Any] = {"name": "orchestra", "type": "command", "command": command}
        hook["timeout"] = 1000 * (HOOK_DEADLINE + 1)
        if gate:
            hook |= {"command": _gate(command, context.mode), "timeout": 1000 * ASK_DEADLINE}
        by_event[event] = [{"hooks": [{**hook, "env": {"ORCHESTRA_TOKEN": "$ORCHESTRA_TOKEN"}}]}]
    return by_event


def _gate(command: str, permissions: Permissions) -> str:
    """Return the command of the hook that asks for permissions, which denies if it fails.

    It runs before the policy and the dialog of every tool: ``allow`` goes on, ``deny`` blocks with the reason, and
    ``ask`` opens the dialog, whatever the mode. A hook that prints nothing lets the tool run, and so does one that is
    killed or takes longer than its time; Escape does not end it, but a tool of a turn that is over does not run.
    (All seen in 0.61.0.)
    """
    said = f'said=$({command} {permissions.value}) && [ -n "$said" ] || said={common.quoted([_DENIAL])}'
    return f"{said}; printf '%s' \"$said\""


def signs(event: str, payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    """Turn an event from a hook or our watcher into evidence."""
    match event:
        case "Launched":
            return [(Sign.LAUNCHED, "starting")]
        case "Ready":
            return [(Sign.READY, f"ready ({brief(payload.get('source', 'startup'))})")]
        case "BeforeAgent":
            return [(Sign.TURN_STARTED, turn(payload.get("prompt", "")))]
        case "BeforeTool" | "AfterTool":
            told = call(event, payload)
            failed = told is not None and told.outcome is Outcome.FAILED
            return [(Sign.TOOL_USED, f"{_doing(payload)}{': failed' if failed else ''}")]
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


def call(event: str, payload: Mapping[str, Any]) -> ToolCall | None:
    """Return the call of a tool that a hook tells of.

    The text for the model has the exit status of a command unless it is 0, or the command went to the background, was
    cancelled or took too long. (Seen in 0.61.0.)
    """
    if event not in {"BeforeTool", "AfterTool"}:
        return None
    tool, given = str(payload.get("tool_name", "")), payload.get("tool_input")
    begun = tool_calls.begun(_TOOLS.get(tool, tool), given)
    if event == "BeforeTool":
        return begun
    told = mapping(payload.get("tool_response"))
    if begun.tool != "Bash" or told.get("error"):
        return tool_calls.ended(begun, succeeded=not told.get("error"))
    output, code = _status(str(told.get("llmContent") or ""))
    return tool_calls.ended(begun, code=code, output=output, command=tool_calls.command_of(given))


def _status(text: str) -> tuple[str, int | None]:
    """Return the output and the exit status of a command, which its agent's model is told after the output."""
    whole = text.strip().removeprefix("<untrusted_context>").removesuffix("</untrusted_context>").strip()
    head, output = whole[: len(_OUTPUT)], whole[len(_OUTPUT) :]
    if head != _OUTPUT:
        return whole, None
    facts: dict[str, str] = {}
    while found := _FACT.search(output):
        facts[found[1]], output = found[2], output[: found.start()]
    if "Signal" in facts:
        return output, None
    code = facts.get("Exit Code", "0")
    return output, int(code) if code.isdecimal() and len(code) < _LONGEST_STATUS else None


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


def is_free(event: str, payload: Mapping[str, Any], permissions: Permissions) -> bool:
    """Return whether a tool needs no permission: those that only read, and in its worktree edits, if they are free."""
    tool = str(payload.get("tool_name", ""))
    if event != ASKS or tool.startswith(_OURS) or tool in _FREE or permissions is Permissions.ALL:
        return event == ASKS
    return permissions is Permissions.EDITS and tool in _EDITS and _is_ordinary(payload)


def _is_ordinary(payload: Mapping[str, Any]) -> bool:
    """Return whether a file is in the worktree and decides nothing about agents or git there."""
    given = payload.get("tool_input")
    path = str(given.get("file_path") or "") if isinstance(given, Mapping) else ""
    root = str(payload.get("cwd") or "")
    within = posixpath.relpath(posixpath.normpath(posixpath.join(root, path)), root) if path and root else ".."
    return not within.startswith("..") and not _DECIDES & set(within.lower().split("/"))


def asked(event: str, payload: Mapping[str, Any], permissions: Permissions) -> ToolUse | None:
    """Return what our gate before a tool asks permission for."""
    return None if event != ASKS or is_free(event, payload, permissions) else _use(payload)


def before(event: str, payload: Mapping[str, Any]) -> ToolUse | None:
    """Return what Gemini CLI is about to do, also where our gate asks for no permission."""
    return _use(payload) if event == ASKS else None


def denial(event: str, reason: str) -> dict[str, Any]:
    """Return the reply that prevents it."""
    return permission_reply(event, allowed=False, reason=reason)


def used(event: str, payload: Mapping[str, Any]) -> ToolUse | None:
    """Return what Gemini CLI has just done."""
    return _use(payload) if event == "AfterTool" else None


def _use(payload: Mapping[str, Any]) -> ToolUse:
    tool, arguments = str(payload.get("tool_name", "")), payload.get("tool_input")
    given = arguments if isinstance(arguments, Mapping) else {}
    if tool in _EDITS:
        return tool_use.of_edit(given)
    if tool == "run_shell_command":
        return tool_use.of_shell({key: value for key, value in given.items() if key != "wait_for_previous"})
    if tool == "read_file":
        return tool_use.of_path(given)
    return tool_use.of_other(_TOOLS.get(tool, tool), given)


def permission_reply(event: str, *, allowed: bool | None, reason: str) -> dict[str, Any]:
    """Return the reply of the gate before a tool; without an answer, its own dialog asks the person."""
    if event != ASKS:
        return {}
    if allowed is None:
        return {"decision": "ask"}
    return {"decision": "allow"} if allowed else {"decision": "deny", "reason": reason}


_SPEAKERS = {"user": "user", "gemini": "assistant"}


def _said(entry: Mapping[str, object]) -> Said | None:
    who = _SPEAKERS.get(str(entry.get("type")))
    if who is None:
        return None
    return Said(who, text_of(entry.get("content")), time_of(entry.get("timestamp")), brief(entry.get("id")))


TRANSCRIPTS = Transcripts(".gemini/tmp", ".gemini/tmp/*/chats/*.jsonl", _said)
