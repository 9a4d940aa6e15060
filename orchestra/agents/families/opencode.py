"""opencode: configuration, and the evidence that its bridge posts, verified with 1.18.33."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from orchestra.agents import launch_files as common
from orchestra.agents import tool_calls, tool_use
from orchestra.agents.activity import Limit, Usage, added, brief, mapping, moment, named, number, turn
from orchestra.agents.families import plain
from orchestra.agents.launch_files import LaunchContext, LaunchFiles
from orchestra.agents.profile import Profile
from orchestra.agents.transcripts import OURS
from orchestra.events import ToolCall
from orchestra.model import Permissions, Sign, ToolUse

CALL_DEADLINE = 600_000
"""Milliseconds one of our tools may take; a merge runs the project's tests."""
ASKS = "Prompted"
"""The bridge's event for an open dialog."""
HANDS_OVER = frozenset({"Inbox"})
"""The bridge's request for messages, which it sends only while the session is idle."""
LISTENS, TELLS_PROMPTS, TOOLS_LATE, DIALOG_TOO = False, True, False, True
TAKES_ANSWERS = True
TRANSCRIPTS = OURS

_PROGRAM = (
    "__init__.py", "post_event.py", "ask_permission.py",
    "opencode/__init__.py", "opencode/configure.py", "opencode/api.py", "opencode/events.py", "opencode/permissions.py",
    "opencode/bridge.py",
)  # fmt: skip
_START = "from runtime.opencode.bridge import main\n\nmain()\n"
_TOOLS = {
    "bash": "Bash",
    "edit": "Edit",
    "write": "Write",
    "read": "Read",
    "grep": "Grep",
    "glob": "Glob",
    "webfetch": "WebFetch",
    "websearch": "WebSearch",
    "task": "Task",
}
_OURS = "orchestra_"
_READS = ("read", "glob", "grep", "list", "lsp", "todowrite", "todoread", "question")
"""Permissions of tools that change nothing."""
_LIMITED = re.compile(r"rate.?limit|too many requests|quota|usage limit", re.IGNORECASE)


def launch_files(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return opencode's launch files; everything it writes, including its login, stays in the session's home."""
    files = {
        "first.md": (common.first_prompt(context).encode(), common.READ_ONLY),
        "nudge.md": (context.nudge.encode(), common.READ_ONLY),
        "opencode.json": common.as_json(configuration(profile, context)),
        "bridge.py": (_START.encode(), common.READ_ONLY),
        **common.runtime_files(*_PROGRAM),
    }
    paths = {"DATA": ".local/share", "CONFIG": ".config", "STATE": ".local/state", "CACHE": ".cache"}
    env = {f"XDG_{name}_HOME": str(PurePosixPath(context.home, path)) for name, path in paths.items()}
    return common.build(profile, context, ending=_ending(profile, context), env=env, files=files)


def _ending(profile: Profile, context: LaunchContext) -> str:
    server = '--hostname 127.0.0.1 --port "$ORCHESTRA_OPENCODE_PORT"'
    lines = [f'program() {{ {common.quoted(list(profile.command[:1] or ("opencode",)))} "$@"; }}\n']
    for name, command in (("first", profile.command), ("again", profile.resume or profile.command)):
        line = common.quoted(common.words(profile, context, command or ("opencode",)))
        lines.append(f'{name}() {{ exec {line} {server} "$@"; }}\n')
    return "".join(lines) + common.runtime_text("opencode/launch.sh")


def once(profile: Profile, context: LaunchContext) -> str:
    """Return the launcher's last lines for one prompt without a terminal."""
    configure = (
        'settled=$("$python" "$agent_dir/runtime/opencode/configure.py" "$conversation") || exit 1\neval "$settled"\n'
    )
    return configure + common.asked_once(context, common.words(profile, context, profile.command))


def configuration(profile: Profile, context: LaunchContext) -> dict[str, Any]:
    """Return opencode's configuration; the token stays in the environment."""
    server = {
        "type": "remote",
        "url": context.mcp_url,
        "oauth": False,
        "headers": {"Authorization": "Bearer {env:ORCHESTRA_TOKEN}"},
        "timeout": CALL_DEADLINE,
    }
    values: dict[str, Any] = {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "instructions": [context.path("instructions.md")],
        "permission": _permissions(context),
        "mcp": {"orchestra": server},
    }
    if context.alone:
        values |= {"instructions": [], "mcp": {}, "tools": {"*": False}}
    if wanted := common.model(profile, context):
        values["model"] = wanted
    return values


def _permissions(context: LaunchContext) -> dict[str, Any]:
    """Return what is free; what is denied is asked, so that our rule answers. Of several patterns the last counts."""
    if context.alone:
        return {"*": "deny"}
    wanted = _free(context)
    commands = {rule: "ask" for rule in context.deny if "(" not in rule}
    return {**wanted, "bash": {"*": wanted.get("bash", wanted.get("*", "ask")), **commands}} if commands else wanted


def _free(context: LaunchContext) -> dict[str, Any]:
    ours = {"*": "ask", f"{context.agent_dir}/*": "allow", f"{context.agent_dir}/**": "allow"}
    match context.mode:
        case Permissions.ALL:
            return {"*": "allow"}
        case Permissions.EDITS:
            return {"bash": "ask", "webfetch": "ask", "external_directory": ours, "orchestra_*": "allow"}
        case Permissions.ASK:
            free = dict.fromkeys(_READS, "allow")
            return {"*": "ask", **free, "external_directory": ours, "orchestra_*": "allow"}


def signs(event: str, payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    """Turn one of the bridge's events into evidence."""
    if event not in _SIGNS:
        return []
    sign, words = _SIGNS[event]
    return [(sign, words(payload))]


def _ready(payload: Mapping[str, Any]) -> str:
    return f"ready ({_text(payload) or 'startup'})"


def _used(payload: Mapping[str, Any]) -> str:
    return f"{_doing(payload)}{': failed' if payload.get('failed') else ''}"


def _asks(payload: Mapping[str, Any]) -> str:
    text = _text(payload)
    return f"asks: {text}" if text else f"asks for permission: {_doing(payload)}"


def call(event: str, payload: Mapping[str, Any]) -> ToolCall | None:
    """Return the call of a tool that an event tells of; a command that took too long has no status."""
    if event != "ToolUsed":
        return None
    tool = str(payload.get("tool") or "")
    begun = tool_calls.begun(_TOOLS.get(tool, tool), payload.get("input"), payload.get("key"))
    if "failed" not in payload:
        return begun
    known = begun.tool != "Bash" or payload["failed"]
    return tool_calls.ended(
        begun,
        code=payload.get("code"),
        succeeded=not payload["failed"] if known else None,
        output=str(payload.get("output") or ""),
        command=tool_calls.command_of(payload.get("input")),
    )


def _text(payload: Mapping[str, Any]) -> str:
    return brief(payload.get("text", ""))


def _turn(payload: Mapping[str, Any]) -> str:
    return turn(payload.get("text", ""))


def _doing(payload: Mapping[str, Any]) -> str:
    tool = str(payload.get("tool") or "")
    given = payload.get("input")
    arguments = dict(given) if isinstance(given, Mapping) else {}
    if path := arguments.get("filePath") or arguments.get("filepath"):
        arguments["file_path"] = path
    if tool.startswith(_OURS):
        return named(f"mcp__orchestra__{tool.removeprefix(_OURS)}", arguments)
    return named(_TOOLS.get(tool, tool or "a tool"), arguments)


_SIGNS: dict[str, tuple[Sign, Callable[[Mapping[str, Any]], str]]] = {
    "Launched": (Sign.LAUNCHED, lambda _payload: "starting"),
    "Ready": (Sign.READY, _ready),
    "TurnStarted": (Sign.TURN_STARTED, _turn),
    "ToolUsed": (Sign.TOOL_USED, _used),
    "Retried": (Sign.TOOL_USED, lambda payload: f"is trying the model again: {_text(payload)}"),
    "Prompted": (Sign.PROMPTED, _asks),
    "PromptAnswered": (Sign.TOOL_USED, lambda _payload: "got an answer"),
    "TurnEnded": (Sign.TURN_ENDED, _text),
    "TurnFailed": (Sign.TURN_FAILED, lambda payload: f"the model's service failed: {_text(payload) or 'unknown'}"),
    "SessionEnd": (Sign.ENDED, lambda _payload: "ended"),
}


def hook_reply(event: str, text: str) -> dict[str, Any]:
    """Return the reply that the bridge passes to opencode."""
    return {"text": text} if text and event in HANDS_OVER else {}


def prompt(event: str, payload: Mapping[str, Any]) -> str:
    """Return the heads of messages that are already in the conversation, so that they are not delivered again."""
    return str(payload.get("prompt") or "") if event in HANDS_OVER else ""


def usage(event: str, payload: Mapping[str, Any]) -> Usage | None:
    """Return the usage of one conversation, or the limit that the model's service has reached; else None.

    opencode reports a cost of 0 for a model whose price it does not know.
    """
    if event == "Retried":
        limited = _LIMITED.search(_text(payload)) is not None
        return Usage(limit=Limit(limited, ends=moment(payload.get("next"))))
    if event != "Usage":
        return None
    tokens = mapping(payload.get("tokens"))
    cache = mapping(tokens.get("cache"))
    return Usage(
        cost=number(payload.get("cost")) or None,
        tokens_in=added(tokens.get("input"), cache.get("read"), cache.get("write")),
        tokens_out=added(tokens.get("output"), tokens.get("reasoning")),
        context=number(payload.get("context")) or None,
        model=brief(payload.get("model")),
        counter=brief(payload.get("conversation")),
    )


def asked(event: str, payload: Mapping[str, Any], _permissions: Permissions) -> ToolUse | None:
    """Return what opencode asks permission for; None for a question of its agent."""
    tool, arguments = str(payload.get("tool") or ""), payload.get("input")
    if event != ASKS or not tool:
        return None
    given = dict(arguments) if isinstance(arguments, Mapping) else {}
    pattern = given.pop("pattern", "")
    if tool == "bash" and given.get("command"):
        return tool_use.of_shell(given)
    if tool == "edit" and given.get("diff"):
        return tool_use.of_patch(str(given["diff"]), [str(given.get("filepath") or pattern)])
    if tool == "webfetch":
        return tool_use.of_url({"url": pattern, **given})
    return tool_use.of_other(_TOOLS.get(tool, tool), {"for": pattern, **given})


is_free, before, denial = plain.is_free, plain.before, plain.denial


def used(_event: str, _payload: Mapping[str, Any]) -> ToolUse | None:
    """Return nothing: the bridge itself tells that a dialog is closed."""
    return None


def permission_reply(event: str, *, allowed: bool | None, reason: str) -> dict[str, Any]:
    """Return what the bridge tells opencode about a request; empty to leave it to the dialog."""
    if allowed is None or event != ASKS:
        return {}
    return {"reply": "once"} if allowed else {"reply": "reject", "message": reason}
