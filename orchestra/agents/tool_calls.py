"""Describe the calls of an agent's tools and how they ended, in the same terms for every agent."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from orchestra.events import Outcome, ToolCall
from orchestra.terminal_text import clean
from orchestra.test_runs import counts, run_of

LONGEST = 1000
"""The most characters of a command, or of files' paths, that are recorded; a longer text ends with an ellipsis."""
_LONGEST_NAME = 80
_LARGEST_CODE = 255
EDITS = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_PATHS = ("file_path", "filePath", "notebook_path", "path")


def begun(tool: str, given: object, key: object = "", *, paths: Collection[str] = ()) -> ToolCall:
    """Return the beginning of a call; ``paths`` replace those in its arguments."""
    return ToolCall(_name(tool), Outcome.BEGUN, _subject(tool, given, paths), str(key or "")[:_LONGEST_NAME])


def ended(
    call: ToolCall, *, code: object = None, succeeded: bool | None = None, output: str = "", command: str = ""
) -> ToolCall:
    """Return the end of a call that has begun, as far as the agent tells it.

    ``code`` is the exit status of a command. Without one, ``succeeded`` says how it ended. ``command`` is the whole
    command, if it was too long to be recorded.
    """
    status = code if type(code) is int and 0 <= code <= _LARGEST_CODE else None
    if status is not None:
        succeeded = status == 0
    outcome = Outcome.UNKNOWN if succeeded is None else Outcome.OK if succeeded else Outcome.FAILED
    run = run_of(command or call.subject) if call.tool == "Bash" else None
    passed, failed = counts(run, output) if run else (None, None)
    return ToolCall(call.tool, outcome, call.subject, call.key, status, passed, failed)


def command_of(given: object) -> str:
    """Return the whole command in a tool's arguments; empty if there is none."""
    return str(given.get("command") or "") if isinstance(given, Mapping) else ""


def _name(tool: str) -> str:
    return clean("Edit" if tool in {"MultiEdit", "NotebookEdit"} else tool).replace("\n", " ")[:_LONGEST_NAME]


def _subject(tool: str, given: object, paths: Collection[str]) -> str:
    arguments = given if isinstance(given, Mapping) else {}
    if tool == "Bash":
        return _cut(clean(command_of(given)[: LONGEST + 1]))
    if tool not in EDITS | {"Read"}:
        return ""
    path = next((str(arguments[key]) for key in _PATHS if arguments.get(key)), "")
    # A line is one path, so that one with a newline would be two.
    return _cut("\n".join(clean(path).replace("\n", " ") for path in (paths or (path,))))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
