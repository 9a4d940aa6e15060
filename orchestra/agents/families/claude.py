"""Claude Code: settings, hooks and flags, verified with 2.1.197."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from orchestra.agents import launch_files as common
from orchestra.agents import tool_calls
from orchestra.agents.activity import Usage, brief, limit_of, mapping, named, number, turn, whole
from orchestra.agents.families import claude_hooks
from orchestra.agents.launch_files import LaunchContext, LaunchFiles
from orchestra.agents.profile import Profile
from orchestra.agents.transcripts import Said, Transcripts, text_of, time_of
from orchestra.events import ToolCall
from orchestra.model import Permissions, Sign, ToolUse

SESSION_START_DEADLINE = 8
"""Seconds for reporting the start, in parallel with Claude Code."""
HOOK_DEADLINE = 8
"""Seconds one hook may take; then Claude Code continues without an answer.

The hook of the first prompt waits until our tools are available: Claude Code connects to MCP
servers in the background, and its first request would go out without them.
"""
PROMPT_DEADLINE = 1
"""Seconds after which a prompt is no longer held back for an unreachable service."""
STATUS_DEADLINE = 1
"""Seconds the status line may wait for the service."""

LISTEN_DEADLINE = 2_000_000
"""Seconds that one listener may wait for messages; Claude Code's own timer allows at most 2,147,483."""

MODES = {
    Permissions.ALL: ("--dangerously-skip-permissions",),
    Permissions.EDITS: ("--permission-mode", "acceptEdits"),
    Permissions.ASK: ("--permission-mode", "default"),
}
_OWN_FLAGS = frozenset({"--dangerously-skip-permissions", "--permission-mode"})
_CONFIG = ".claude"
"""Claude Code's own directory, below the agent's home."""
_PROGRAM = (
    "__init__.py", "post_event.py", "post_event.sh", "ask_permission.py",
    "claude/__init__.py", "claude/first_questions.py", "claude/status_line.sh", "claude/tokens.py",
)  # fmt: skip
_START = "from runtime.claude.first_questions import main\n\nmain()\n"
_POSTED = (
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "Notification",
    "Stop",
    "StopFailure",
    "SessionEnd",
)
_AROUND_TOOLS = {
    "PreToolUse": (Sign.TOOL_USED, "", ""),
    "PostToolUse": (Sign.TOOL_USED, "", ""),
    "PostToolUseFailure": (Sign.TOOL_USED, "", ": failed"),
    "PermissionRequest": (Sign.PROMPTED, "asks for permission: ", ""),
}
_MATCHED = frozenset(_AROUND_TOOLS)
_LISTENED = ("SessionStart", "UserPromptSubmit")
"""The hooks that start a listener: after a start or a turn the agent must be woken again."""
_EXITED = re.compile(r"Exit code (\d{1,3})\b")
_NUMBERED = re.compile(r"^\[message (\d+) from ", re.MULTILINE)

HANDS_OVER = frozenset({"UserPromptSubmit", "PostToolUse", "Stop"})
"""The hooks whose reply delivers messages during a turn; after SessionStart there may be none."""
LISTENS, TELLS_PROMPTS, TOOLS_LATE, DIALOG_TOO = True, True, True, True
TAKES_ANSWERS = True


def launch_files(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return Claude Code's launch files; the person's own settings are neither read nor written."""
    files = {
        "first.md": (common.first_prompt(context).encode(), common.READ_ONLY),
        "nudge.md": (context.nudge.encode(), common.READ_ONLY),
        "settings.json": common.as_json(settings(context)),
        "begins.json": common.as_json(settings(context, begins=True)),
        "mcp.json": common.as_json(mcp_config(context)),
        "start.py": (_START.encode(), common.READ_ONLY),
        "ask.py": (common.ASK.encode(), common.READ_ONLY),
        **common.runtime_files(*_PROGRAM),
    }
    env = {"CLAUDE_CONFIG_DIR": str(PurePosixPath(context.home, _CONFIG))}
    if context.contained:
        env["IS_SANDBOX"] = "1"
    ending = _ending(profile, context)
    return common.build(profile, context, ending=ending, env=env, files=files, redraws=True, dirs=(_CONFIG,))


def _ending(profile: Profile, context: LaunchContext) -> str:
    flags = [
        *("--mcp-config", context.path("mcp.json"), "--strict-mcp-config"),
        *("--append-system-prompt-file", context.path("instructions.md")),
    ]
    if wanted := common.model(profile, context):
        flags += ["--model", wanted]
    starts = (
        ("first", profile.command or ("claude",), "--session-id"),
        ("again", profile.resume or profile.command or ("claude",), "--resume"),
    )
    trusted = json.dumps({str(context.session.worktree): {"hasTrustDialogAccepted": True}})
    lines = [f"trusted={shlex.quote(trusted)}\n"]
    for name, command, flag in starts:
        mode = common.mode_flags(profile, context, MODES, _OWN_FLAGS)
        program = common.quoted(common.words(profile, context, command, mode))
        rest = common.quoted([*flags, flag, context.session.conversation])
        lines.append(f'{name}() {{ exec {program} --settings "$settings" {rest} "$@"; }}\n')
    return "".join(lines) + common.runtime_text("claude/launch.sh")


def once(profile: Profile, context: LaunchContext) -> str:
    """Return the launcher's last lines for one prompt, without our hooks, because it would wait for their listener."""
    wanted = common.model(profile, context)
    command = [*common.words(profile, context, profile.command), *(("--model", wanted) if wanted else ())]
    return f'"$python" "$agent_dir/start.py" 0\n{common.asked_once(context, command)}'


def settings(context: LaunchContext, *, begins: bool = False) -> dict[str, Any]:
    """Return Claude Code's settings: our hooks, our tools allowed, and the status line.

    An agent that ``begins`` with a prompt reports its start with it, and listens from then on.
    """
    post_event = common.quoted(context.post_event)
    # This must be a command, and waiting for it would delay the first prompt.
    start = {"type": "command", "command": f"{post_event} SessionStart {SESSION_START_DEADLINE}", "async": True}
    hooks: dict[str, Any] = {"SessionStart": [{"hooks": [{**start, "timeout": SESSION_START_DEADLINE + 2}]}]}
    for event in _POSTED:
        matcher = {"matcher": "*"} if event in _MATCHED else {}
        hooks[event] = [{**matcher, "hooks": [_posted(context, event)]}]
    # Claude Code takes 70 ms for its first own HTTP request for a hook, and the first prompt would wait for it.
    hooks["UserPromptSubmit"][0]["hooks"] = [_prompted(context, post_event)]
    hooks[claude_hooks.ASKS] = [{"matcher": "*", "hooks": [_asking(context)]}]
    for event in _LISTENED:
        hooks[event][0]["hooks"].append(_listener(post_event))
    if begins:
        del hooks["SessionStart"]
    values: dict[str, Any] = {
        "hooks": hooks,
        "permissions": {"allow": ["mcp__orchestra"]},
        "disableDeepLinkRegistration": "disable",
        "statusLine": {"type": "command", "command": _status_line(context, post_event), "padding": 0},
    }
    if context.contained or context.mode is Permissions.ALL:
        values["skipDangerousModePermissionPrompt"] = True
    return values


def _status_line(context: LaunchContext, post_event: str) -> str:
    """Return the command for the status line: before the first turn only a shell, while everything else starts."""
    return (
        f"sh {common.quoted([context.path('runtime/claude/status_line.sh')])} {post_event} StatusLine {STATUS_DEADLINE}"
    )


def _listener(post_event: str) -> dict[str, Any]:
    """Return the hook that runs in the background and whose output starts the next turn.

    Nothing is typed: a draft in the prompt stays, and dialogs stay open (seen in 2.1.197 with
    ``asyncRewake``). A later listener replaces an earlier one.
    """
    return {
        "type": "command",
        "command": f"exec {post_event} Listen 0",
        "timeout": LISTEN_DEADLINE,
        "asyncRewake": True,
        "rewakeMessage": "Messages have come in:",
        "rewakeSummary": "a message came in",
    }


def _asking(context: LaunchContext) -> dict[str, Any]:
    """Return the hook that asks for a permission and waits for the answer.

    Claude Code shows its own dialog meanwhile, and the first answer counts: the hook's closes exactly that dialog, also
    of several, and an answer in the window leaves the hook running, whose answer then means nothing. Escape ends it.
    If it ends without an answer, or after its time, the dialog stays. (All seen in 2.1.197.)
    """
    command = common.quoted([*context.asking, claude_hooks.ASKS])
    return {"type": "command", "command": f"exec {command}", "timeout": LISTEN_DEADLINE}


def _prompted(context: LaunchContext, post_event: str) -> dict[str, Any]:
    quick = common.quoted(["bash", context.path("runtime/post_event.sh")])
    words = f"UserPromptSubmit {PROMPT_DEADLINE}"
    command = f"command -v bash >/dev/null && exec {quick} {words}; exec {post_event} {words}"
    return {"type": "command", "command": command, "timeout": HOOK_DEADLINE}


def _posted(context: LaunchContext, event: str) -> dict[str, Any]:
    return {
        "type": "http",
        "url": f"{context.hook_url}/{event}",
        "headers": {"Authorization": "Bearer $ORCHESTRA_TOKEN"},
        "allowedEnvVars": ["ORCHESTRA_TOKEN"],
        "timeout": HOOK_DEADLINE,
    }


def mcp_config(context: LaunchContext) -> dict[str, Any]:
    """Return the MCP servers; the token stays in the environment."""
    headers = {"Authorization": "Bearer ${ORCHESTRA_TOKEN}"}
    # Otherwise Claude Code leaves our tools out of its requests, and the model would have to search for them.
    server = {"type": "http", "url": context.mcp_url, "headers": headers, "alwaysLoad": True}
    return {"mcpServers": {"orchestra": server}}


def signs(event: str, payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    """Turn one hook's payload into evidence."""
    if event == claude_hooks.ASKS and (question := claude_hooks.question(payload)):
        return [(Sign.PROMPTED, f"asks: {question}")]
    if event in _AROUND_TOOLS:
        sign, before, after = _AROUND_TOOLS[event]
        doing = named(str(payload.get("tool_name", "")), payload.get("tool_input"))
        return [(sign, f"{before}{doing}{after}")]
    match event:
        case "Launched":
            return [(Sign.LAUNCHED, "starting")]
        case "SessionStart":
            return [(Sign.READY, f"ready ({brief(payload.get('source', 'startup'))})")]
        case "UserPromptSubmit":
            return [(Sign.TURN_STARTED, _asked(str(payload.get("prompt", ""))))]
        case "Notification":
            return _noticed(payload)
        case "Stop":
            return [(Sign.TURN_ENDED, brief(payload.get("last_assistant_message", "")))]
        case "StopFailure":
            return [(Sign.TURN_FAILED, f"the model's service failed: {brief(payload.get('error', 'unknown'))}")]
        case "SessionEnd":
            return [(Sign.ENDED, f"ended ({brief(payload.get('reason', 'other'))})")]
        case _:
            return []


def call(event: str, payload: Mapping[str, Any]) -> ToolCall | None:
    """Return the call of a tool that a hook tells of.

    A command with another exit status than 0 counts as a failure, which begins with the status; after some programs, as
    grep, a status has a meaning of its own, and is not told. One in the background has only begun. (Seen in 2.1.197.)
    """
    if event not in {"PreToolUse", "PostToolUse", "PostToolUseFailure"}:
        return None
    begun = claude_hooks.begun(payload)
    if event == "PreToolUse":
        return begun
    command = tool_calls.command_of(payload.get("tool_input"))
    if event == "PostToolUseFailure":
        told = str(payload.get("error") or "")
        code = _EXITED.match(told)
        return tool_calls.ended(
            begun, code=int(code[1]) if code else None, succeeded=False, output=told, command=command
        )
    told_of = mapping(payload.get("tool_response"))
    if begun.tool != "Bash":
        return tool_calls.ended(begun, succeeded=True)
    if told_of.get("backgroundTaskId") or told_of.get("interrupted") or "stdout" not in told_of:
        return tool_calls.ended(begun)
    output = f"{told_of.get('stdout', '')}\n{told_of.get('stderr', '')}"
    code_of = None if told_of.get("returnCodeInterpretation") else 0
    return tool_calls.ended(begun, code=code_of, succeeded=True, output=output, command=command)


def _asked(prompt: str) -> str:
    """Describe what a turn begins with; text that woke the agent is between tags."""
    numbers = _NUMBERED.findall(prompt) if prompt.startswith("<") else []
    return f"continues with message {', '.join(numbers)}" if numbers else turn(prompt)


def _noticed(payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    text = brief(payload.get("message", ""))
    match payload.get("notification_type"):
        case "permission_prompt":
            return [(Sign.PROMPTED, text)]
        case "idle_prompt":
            # Escape cancels a turn without any hook; this reports it.
            return [(Sign.TURN_ENDED, text)]
        case _:
            return []


def hook_reply(event: str, text: str) -> dict[str, Any]:
    """Return the reply that delivers messages."""
    return claude_hooks.reply(event, text, HANDS_OVER)


prompt, used, permission_reply = claude_hooks.prompt, claude_hooks.used, claude_hooks.permission_reply
is_free, before, denial = claude_hooks.is_free, claude_hooks.before, claude_hooks.denial


def asked(event: str, payload: Mapping[str, Any], _permissions: Permissions) -> ToolUse | None:
    """Return what Claude Code asks permission for; its mode decides what it asks."""
    return claude_hooks.asked(event, payload)


def usage(event: str, payload: Mapping[str, Any]) -> Usage | None:
    """Return what the status line reports; None for any other event.

    The cost starts again when Claude Code does, unless it ended in order. The tokens are counted by
    our own program in the files of the conversations, because the status line has only those of the
    last answer. Limits are reported only for subscriptions.
    """
    if event != "StatusLine":
        return None
    tokens = mapping(payload.get("orchestra_tokens"))
    return Usage(
        cost=number(mapping(payload.get("cost")).get("total_cost_usd")),
        tokens_in=whole(tokens.get("in")),
        tokens_out=whole(tokens.get("out")),
        context=number(mapping(payload.get("context_window")).get("used_percentage")),
        model=brief(mapping(payload.get("model")).get("id", "")),
        limit=limit_of(payload.get("rate_limits"), "used_percentage", "resets_at"),
    )


def _said(entry: Mapping[str, object]) -> Said | None:
    """Return what a line of a conversation says; results of tools and what hooks add are left out."""
    kind, message = entry.get("type"), mapping(entry.get("message"))
    if kind not in {"user", "assistant"} or entry.get("isMeta"):
        return None
    return Said(str(kind), text_of(message.get("content")), time_of(entry.get("timestamp")), brief(entry.get("uuid")))


TRANSCRIPTS = Transcripts(f"{_CONFIG}/projects", f"{_CONFIG}/projects/*.jsonl", _said)
