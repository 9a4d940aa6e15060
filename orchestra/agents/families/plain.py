"""Any program: it gets everything through its environment and files, and nothing is typed into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra.agents import launch_files as common
from orchestra.agents import tool_calls
from orchestra.agents.activity import Limit, Usage, brief, moment, number, whole
from orchestra.agents.launch_files import LaunchContext, LaunchFiles
from orchestra.agents.profile import Profile
from orchestra.agents.transcripts import OURS
from orchestra.events import ToolCall
from orchestra.model import Permissions, Sign, ToolUse

HANDS_OVER: frozenset[str] = frozenset()
"""A plain program has no hooks that deliver messages; it fetches them."""
LISTENS, TELLS_PROMPTS, TOOLS_LATE, DIALOG_TOO = False, False, False, True
TAKES_ANSWERS = False
TRANSCRIPTS = OURS

_SIGNS = {
    "Ready": Sign.READY,
    "SessionStart": Sign.READY,
    "TurnStarted": Sign.TURN_STARTED,
    "ToolUsed": Sign.TOOL_USED,
    "Prompted": Sign.PROMPTED,
    "TurnEnded": Sign.TURN_ENDED,
    "TurnFailed": Sign.TURN_FAILED,
    "SessionEnd": Sign.ENDED,
}


def launch_files(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return a plain program's launch files."""
    return common.build(profile, context, ending=ending(profile, context), env={}, files={})


def ending(profile: Profile, context: LaunchContext) -> str:
    """Return the launcher's last lines: the command at the first start, then ``resume``."""
    first = common.quoted(common.words(profile, context, profile.command))
    if not profile.resume:
        return f"exec {first}\n"
    again = common.quoted(common.words(profile, context, profile.resume))
    mark = '"$home/.orchestra/started"'
    return f"if [ -e {mark} ]; then exec {again}; fi\n: > {mark}\nexec {first}\n"


def once(profile: Profile, context: LaunchContext) -> str:
    """Return the launcher's last line for one prompt, given as the command's last argument or its input."""
    return common.asked_once(context, common.words(profile, context, profile.command), "task.md")


def signs(event: str, payload: Mapping[str, Any]) -> list[tuple[Sign, str]]:
    """Turn an event that a program posts, with the body ``{"text": …}``, into evidence."""
    sign = _SIGNS.get(event)
    return [(sign, brief(payload.get("text", "")))] if sign else []


def hook_reply(_event: str, _text: str) -> dict[str, Any]:
    """Return an empty reply: a plain program fetches its messages."""
    return {}


def prompt(_event: str, _payload: Mapping[str, Any]) -> str:
    """Return nothing: a plain program does not report its prompts."""
    return ""


def call(event: str, payload: Mapping[str, Any]) -> ToolCall | None:
    """Return the command that a program reports with ``ToolUsed``; one with ``code``, its exit status, has ended."""
    if event != "ToolUsed" or not payload.get("command"):
        return None
    begun = tool_calls.begun("Bash", payload, payload.get("key"))
    if "code" not in payload:
        return begun
    output, command = str(payload.get("output") or ""), tool_calls.command_of(payload)
    return tool_calls.ended(begun, code=payload["code"], output=output, command=command)


def usage(event: str, payload: Mapping[str, Any]) -> Usage | None:
    """Return what a program reports with ``Usage``, by the names of `Usage`; ``limited_until`` is when a limit ends."""
    if event != "Usage":
        return None
    ends = moment(payload.get("limited_until"))
    return Usage(
        cost=number(payload.get("cost")),
        tokens_in=whole(payload.get("tokens_in")),
        tokens_out=whole(payload.get("tokens_out")),
        context=number(payload.get("context")),
        model=brief(payload.get("model")),
        counter=brief(payload.get("counter")),
        limit=Limit(reached=True, ends=ends) if ends else None,
    )


def asked(_event: str, _payload: Mapping[str, Any], _permissions: Permissions) -> ToolUse | None:
    """Return nothing: a plain program asks in its own window."""
    return None


def is_free(_event: str, _payload: Mapping[str, Any], _permissions: Permissions) -> bool:
    """Return that nothing is known to need no permission."""
    return False


def before(_event: str, _payload: Mapping[str, Any]) -> ToolUse | None:
    """Return nothing: no hook of a plain program can prevent anything."""
    return None


def denial(_event: str, _reason: str) -> dict[str, Any]:
    """Return an empty reply, as above."""
    return {}


def used(_event: str, _payload: Mapping[str, Any]) -> ToolUse | None:
    """Return nothing: a plain program reports no tools."""
    return None


def permission_reply(_event: str, *, allowed: bool | None, reason: str) -> dict[str, Any]:  # noqa: ARG001 -- as the other families
    """Return nothing: a plain program waits for no answer."""
    return {}
