"""Codex: settings, hooks and flags, verified with 0.169.0."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from orchestra.agents import launch_files as common
from orchestra.agents import tool_calls
from orchestra.agents.activity import Usage, brief, limit_of, mapping, named, share, turn, whole
from orchestra.agents.families import claude_hooks
from orchestra.agents.launch_files import LaunchContext, LaunchFiles
from orchestra.agents.profile import Profile
from orchestra.agents.transcripts import Said, Transcripts, text_of, time_of
from orchestra.events import ToolCall
from orchestra.model import Permissions, Sign, ToolUse

HOOK_DEADLINE = 5
"""Seconds one hook may wait for the service; then Codex continues without an answer."""
LAST_HOOK_DEADLINE = 2
"""Seconds for the hooks that Codex itself ends after three."""
TOOLS_DEADLINE = 30
"""Seconds the service may take to list its tools."""
TOOL_DEADLINE = 3600
"""Seconds one of our tools may take, for example to wait for a message."""

HANDS_OVER = frozenset({"UserPromptSubmit", "PostToolUse", "Stop"})
"""The hooks whose reply delivers messages during a turn."""
LISTENS, TELLS_PROMPTS, TOOLS_LATE, DIALOG_TOO = False, True, False, False
TAKES_ANSWERS = True

MODES = {
    Permissions.ALL: ("--dangerously-bypass-approvals-and-sandbox",),
    Permissions.EDITS: ("--sandbox", "workspace-write", "--ask-for-approval", "on-request"),
    Permissions.ASK: ("--sandbox", "read-only", "--ask-for-approval", "on-request"),
}
"""What Codex does not ask for it does in its own sandbox, which asks before it is left."""
_OWN_FLAGS = frozenset({
    "--sandbox", "-s", "--ask-for-approval", "-a", "--approve-for-me", "--full-auto", "--yolo",
    "--dangerously-bypass-approvals-and-sandbox",
})  # fmt: skip
ASK_DEADLINE = 2_000_000
"""Seconds that the hook which asks for a permission may wait for the answer."""
SERVICE_SILENCE = 20
"""Seconds for which the service may be gone before Codex's own screen asks."""

_HOOKS = {
    "UserPromptSubmit": HOOK_DEADLINE,
    "PreToolUse": HOOK_DEADLINE,
    "PostToolUse": HOOK_DEADLINE,
    claude_hooks.ASKS: ASK_DEADLINE,
    "Stop": HOOK_DEADLINE,
    "Interrupt": LAST_HOOK_DEADLINE,
    "SessionEnd": LAST_HOOK_DEADLINE,
}
_PROGRAM = (
    "__init__.py",
    "post_event.py",
    "ask_permission.py",
    "jsonl_tail.py",
    "codex/__init__.py",
    "codex/start.py",
    "codex/watch.py",
)
_START = "from runtime.codex.start import main\n\nmain()\n"
_WATCH = "from runtime.codex.watch import main\n\nmain()\n"
_PATCHED = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (.+)$", re.MULTILINE)
_NOT_ALONE = frozenset({
    "hooks", "mcp_servers.orchestra", "features.code_mode.direct_only_tool_namespaces", "developer_instructions",
})  # fmt: skip
"""The settings that only a session's agent needs."""
_TOOLLESS: dict[str, Any] = {
    "web_search": "disabled",
    "features.shell_tool": False,
    "features.unified_exec": False,
    # The tools of newer models are only reached through code, which then has no host.
    "features.code_mode_host": False,
    "features.multi_agent": False,
    "features.apps": False,
}
ENDED = "CommandEnded"
"""Our watcher's event for the end of a command."""
_ASKS = "request_user_input"
"""Codex's tool that asks the person; the turn waits for the answer."""


def launch_files(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return Codex's launch files: its own home, and all settings as arguments of each start."""
    command = profile.command or ("codex",)
    flags = common.mode_flags(profile, context, MODES, _OWN_FLAGS)
    plan = {
        "first": common.words(profile, context, command, flags),
        "again": common.words(profile, context, profile.resume or command, flags),
        "settings": {name: toml(value) for name, value in settings(profile, context).items()},
    }
    files = {
        "first.md": (common.first_prompt(context).encode(), common.READ_ONLY),
        "nudge.md": (context.nudge.encode(), common.READ_ONLY),
        "codex.json": common.as_json(plan),
        "start.py": (_START.encode(), common.READ_ONLY),
        "ask.py": (common.ASK.encode(), common.READ_ONLY),
        "watch.py": (_WATCH.encode(), common.READ_ONLY),
        **common.runtime_files(*_PROGRAM),
    }
    ending = f'exec "$python" {common.quoted([context.path("start.py"), context.agent_dir])}\n'
    env = {"CODEX_HOME": str(PurePosixPath(context.home, ".codex"))}
    return common.build(profile, context, ending=ending, env=env, files=files)


def once(_profile: Profile, context: LaunchContext) -> str:
    """Return nothing, because the usual lines also answer one prompt, except for one that comes as its input."""
    start = common.quoted([context.path("start.py"), context.agent_dir, "once"])
    return f'exec "$python" {start}\n' if context.alone else ""


def settings(profile: Profile, context: LaunchContext) -> dict[str, Any]:
    """Return Codex's settings by dotted name; they are arguments of each start, so its own file is not changed."""
    values: dict[str, Any] = {
        "check_for_update_on_startup": False,
        "analytics.enabled": False,
        # Otherwise Codex copies itself, and leaves two background processes behind when its window closes.
        "features.daemon_auto_start": False,
        # Otherwise it downloads a list of plugins at every start.
        "features.plugins": False,
        # Otherwise it writes its environment, with the person's key and the session's token, to a file for its shells.
        "features.shell_snapshot": False,
        # Without this, newer models see our tools only through code that they write, or after a search.
        "features.code_mode.direct_only_tool_namespaces": ["mcp__orchestra"],
        "tui.screen_reader_detection_done": True,
        # As a table: a path with dots in it cannot be part of a dotted name.
        "projects": {str(context.session.worktree): {"trust_level": "trusted"}},
        "developer_instructions": common.instructions(context),
        "mcp_servers.orchestra": {
            "url": context.mcp_url,
            "bearer_token_env_var": "ORCHESTRA_TOKEN",
            "default_tools_approval_mode": "approve",
            "startup_timeout_sec": TOOLS_DEADLINE,
            "tool_timeout_sec": TOOL_DEADLINE,
        },
        "hooks": hooks(context),
    }
    if context.alone:
        values = {name: value for name, value in values.items() if name not in _NOT_ALONE} | _TOOLLESS
    if wanted := common.model(profile, context):
        values["model"] = wanted
    return values


def hooks(context: LaunchContext) -> dict[str, Any]:
    """Return our hooks, with Codex's own mark that exactly these may run without a review.

    The one that asks for a permission runs before Codex's own screen, for commands, patches and several at once, and
    Escape ends it. Without an answer, or after its time, the screen asks. (All seen in 0.169.0.)
    """
    by_event: dict[str, Any] = {}
    trusted: dict[str, Any] = {}
    for event, deadline in _HOOKS.items():
        posts = [*context.post_event, event, str(deadline)]
        asks = [*context.asking, event, str(SERVICE_SILENCE)]
        command = common.quoted(asks if event == claude_hooks.ASKS else posts)
        hook = {"type": "command", "command": command, "timeout": deadline + 1}
        by_event[event] = [{"hooks": [hook]}]
        label = re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()
        trusted[f"/<session-flags>/config.toml:{label}:0:0"] = {"trusted_hash": _fingerprint(label, hook)}
    return {**by_event, "state": trusted}


def _fingerprint(label: str, hook: Mapping[str, Any]) -> str:
    """Return Codex's fingerprint of a hook (its ``hook_hash``, a SHA-256 of sorted, compact JSON)."""
    identity = {"event_name": label, "hooks": [{**hook, "async": False}]}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def toml(value: object) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    # TOML knows JSON's escapes, and wants one for DEL too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def signs(event: str, payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    """Turn an event from a hook or our watcher into evidence."""
    match event:
        case "Launched":
            return [(Sign.LAUNCHED, "starting")]
        case "Ready":
            return [(Sign.READY, "ready")]
        case "UserPromptSubmit":
            return [(Sign.TURN_STARTED, turn(payload.get("prompt", "")))]
        case "PreToolUse" | "PostToolUse":
            return [_used(event, payload)]
        case "PermissionRequest":
            return [(Sign.PROMPTED, f"asks for permission: {_doing(payload)}")]
        case "Stop":
            return [(Sign.TURN_ENDED, brief(payload.get("last_assistant_message", "")))]
        case "Interrupt":
            return [(Sign.TURN_ENDED, "interrupted")]
        case "TurnFailed":
            return [(Sign.TURN_FAILED, f"the model's service failed: {brief(payload.get('error', 'unknown'))}")]
        case "SessionEnd":
            return [(Sign.ENDED, f"ended ({brief(payload.get('reason', 'other'))})")]
        case _:
            return []


def _used(event: str, payload: Mapping[str, Any]) -> tuple[Sign, str]:
    if event == "PreToolUse" and payload.get("tool_name") == _ASKS:
        return Sign.PROMPTED, "asks the person"
    return Sign.TOOL_USED, _doing(payload)


def _doing(payload: Mapping[str, Any]) -> str:
    tool, given = str(payload.get("tool_name", "")), payload.get("tool_input")
    if tool == "apply_patch":
        files = _PATCHED.findall(str(given.get("command", ""))) if isinstance(given, Mapping) else []
        return brief("edits " + ", ".join(PurePosixPath(file.strip()).name for file in files))
    return named(tool, given)


def call(event: str, payload: Mapping[str, Any]) -> ToolCall | None:
    """Return the call of a tool that a hook or our watcher tells of.

    The hook after a command does not tell its exit status, and there is none after one that goes on in the background;
    the file of the conversation has both, which our watcher reports. (Seen in 0.169.0.)
    """
    if event not in {"PreToolUse", "PostToolUse", ENDED}:
        return None
    begun = claude_hooks.begun(payload)
    if event == "PreToolUse":
        return begun
    code, output = payload.get("exit_code"), str(payload.get("output") or "")
    succeeded = None if event == ENDED or begun.tool == "Bash" else True
    command = tool_calls.command_of(payload.get("tool_input"))
    return tool_calls.ended(begun, code=code, succeeded=succeeded, output=output, command=command)


def hook_reply(event: str, text: str) -> dict[str, Any]:
    """Return the reply that delivers messages."""
    return claude_hooks.reply(event, text, HANDS_OVER)


prompt, used, permission_reply = claude_hooks.prompt, claude_hooks.used, claude_hooks.permission_reply
is_free, before, denial = claude_hooks.is_free, claude_hooks.before, claude_hooks.denial


def asked(event: str, payload: Mapping[str, Any], _permissions: Permissions) -> ToolUse | None:
    """Return what Codex asks permission for; its mode decides what it asks."""
    return claude_hooks.asked(event, payload)


def usage(event: str, payload: Mapping[str, Any]) -> Usage | None:
    """Return the tokens of one conversation, how full it is, and the service's limits; Codex tells no cost.

    The agent's own subagents have conversations of their own, which fill no context of the session.
    """
    if event != "TokenCount":
        return None
    total = mapping(payload.get("total"))
    return Usage(
        tokens_in=whole(total.get("input_tokens")),
        tokens_out=whole(total.get("output_tokens")),
        context=share(payload.get("used"), payload.get("window")),
        model=brief(payload.get("model")),
        counter=brief(payload.get("conversation")),
        limit=limit_of(payload.get("limits"), "used_percent", "resets_at"),
    )


_SPEAKERS = {"user_message": "user", "agent_message": "assistant"}


def _said(entry: Mapping[str, object]) -> Said | None:
    payload = mapping(entry.get("payload"))
    who = _SPEAKERS.get(str(payload.get("type")))
    if entry.get("type") != "event_msg" or who is None:
        return None
    return Said(who, text_of(payload.get("message")), time_of(entry.get("timestamp")))


TRANSCRIPTS = Transcripts(".codex/sessions", ".codex/sessions/*.jsonl", _said)
