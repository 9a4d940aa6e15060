"""Describe what an agent asks permission for, in the same terms for every agent: in one line, and in full."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from orchestra.agents.activity import brief
from orchestra.agents.exact_text import exact, lookalikes
from orchestra.model import MOST_LINES, ToolUse

LONGEST = 256 * 1024
"""The most characters of a request that is shown whole; a longer one is left to the agent's own window."""
WANTS = "wants: "
"""What the evidence of a session begins with whose agent waits for a permission that is known exactly."""
_LINES_COMPARED = 1000
_SAID = frozenset({"description", "justification", "timeout", "run_in_background", "is_background", "prompt"})
"""Arguments that change neither what is done nor where."""
_OLD, _NEW = ("old_string", "oldString", "old_str"), ("new_string", "newString", "content", "new_source", "new_str")
_PATHS = ("file_path", "filePath", "notebook_path", "path")
_PATCHED = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (.+)$|^\*\*\* Move to: (.+)$", re.MULTILINE)
_VERBS = {"Bash": "runs", "Edit": "edits", "Read": "reads", "WebFetch": "fetches", "WebSearch": "searches the web for"}


def of_shell(given: Mapping[str, Any]) -> ToolUse:
    """Return the use of a shell for a command."""
    command = str(given.get("command") or "")
    more = _others(given, {"command"})
    detail = [command, *more, *_notes(given)]
    return ToolUse("Bash", _line("runs", command), _shown(detail), command=command, plain=not more)


def of_edit(given: Mapping[str, Any]) -> ToolUse:
    """Return the change of one file, from its path and its old and new text, or several of those."""
    paths = _paths(given)
    edits = given.get("edits")
    parts = [edit for edit in edits if isinstance(edit, Mapping)] if isinstance(edits, list) else []
    changes = [given, *parts] if not parts or _given(given, (*_OLD, *_NEW)) else parts
    lines = [*(f"--- {path}" for path in paths), *(line for change in changes for line in _changed(change))]
    known = {"edits"} if parts and len(parts) == len(edits or ()) else set()
    # Of several names for the same argument, only the agent knows which it looks at.
    more = [line for change in (given, *parts) for line in _others(change, known | _told(change))]
    twice = any(len(_given(change, keys)) > 1 for change in (given, *parts) for keys in (_OLD, _NEW, _PATHS))
    return _edit(paths, [*lines, *more], plain=not twice)


def of_patch(patch: str, paths: Collection[str] = ()) -> ToolUse:
    """Return the change of files by a patch; the paths are taken from Codex's format unless they are given."""
    return _edit(tuple(path.strip() for path in paths) or patched(patch), [patch.rstrip("\n")])


def patched(patch: str) -> tuple[str, ...]:
    """Return the paths in a patch of Codex's format."""
    return tuple((first or second).strip() for first, second in _PATCHED.findall(patch))


def of_url(given: Mapping[str, Any]) -> ToolUse:
    """Return the use of an address on the web."""
    url = str(given.get("url") or "")
    more = _others(given, {"url"})
    return ToolUse("WebFetch", _line("fetches", url), _shown([url, *more, *_notes(given)]), url=url, plain=not more)


def of_path(given: Mapping[str, Any]) -> ToolUse:
    """Return the reading of a file."""
    paths = _paths(given)
    detail = _shown([*paths, *_others(given, set(_PATHS))])
    return ToolUse("Read", _line("reads", ", ".join(paths)), detail, paths=paths, plain=len(paths) == 1)


def of_other(tool: str, given: Mapping[str, Any]) -> ToolUse:
    """Return the use of any other tool, with all its arguments."""
    text = json.dumps(given, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return ToolUse(tool[:200], _line(_VERBS.get(tool, "uses"), tool), _shown([tool, text]))


def is_whole(use: ToolUse) -> bool:
    """Return whether a request is shown whole."""
    return len(use.detail) <= LONGEST and use.detail.count("\n") < MOST_LINES


def wants(wanted: str) -> str:
    """Return what an agent that waits for a permission wants, in a few words."""
    return brief(f"{WANTS}{wanted}")


def _paths(given: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(given[key]) for key in _PATHS if given.get(key))) or ("",)


def _given(given: Mapping[str, Any], keys: Collection[str]) -> list[str]:
    """Return which of several names for the same argument are used."""
    return [key for key in keys if given.get(key) is not None]


def _told(change: Mapping[str, Any]) -> set[str]:
    """Return the arguments of a change that are shown as its lines."""
    return {*_PATHS, *_given(change, _OLD)[:1], *_given(change, _NEW)[:1]}


def _edit(paths: tuple[str, ...], lines: Collection[str], *, plain: bool = True) -> ToolUse:
    names = ", ".join(PurePosixPath(path).name for path in paths)
    # A change without a path cannot be compared with anything.
    whole = plain and all(paths) and bool(paths)
    return ToolUse("Edit", _line("edits", names), _shown(lines), paths=paths, plain=whole)


def _changed(change: Mapping[str, Any]) -> Iterator[str]:
    old, new = _text(change, _OLD).split("\n"), _text(change, _NEW).split("\n")
    if old == [""]:
        yield from (f"+{line}" for line in new)
    elif len(old) + len(new) > _LINES_COMPARED:
        yield from (f"-{line}" for line in old)
        yield from (f"+{line}" for line in new)
    else:
        yield from list(difflib.unified_diff(old, new, lineterm=""))[2:]
    if change.get("replace_all") or change.get("replaceAll") or change.get("allow_multiple"):
        yield "(everywhere in the file)"


def _text(change: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return str(next((change[key] for key in keys if change.get(key) is not None), ""))


def _others(given: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Return the arguments that are not shown otherwise."""
    silent = {*known, *_SAID, "replace_all", "replaceAll", "allow_multiple", "expected_replacements", "instruction"}
    return [
        f"({key}: {json.dumps(value, ensure_ascii=False, default=str)})"
        for key, value in sorted(given.items(), key=str)
        if key not in silent and value not in (None, "", False)
    ]


def _notes(given: Mapping[str, Any]) -> list[str]:
    """Return what the agent says about its request."""
    said = str(given.get("description") or given.get("justification") or given.get("prompt") or "")
    notes = [f"({said})"] if said else []
    return [*notes, "(in the background)"] if given.get("run_in_background") or given.get("is_background") else notes


def _line(verb: str, about: str) -> str:
    first, _, rest = exact(about.strip()).partition("\n")
    count = rest.count("\n") + 1 if rest else 0
    more = f" … and {count} more line{'s' * (count > 1)}" if rest else ""
    return brief(f"{verb}: {first.expandtabs(1)}", longest=120 - len(more)) + more


def _shown(lines: Collection[str]) -> str:
    text = "\n".join(lines)
    return "\n".join((exact(text), *lookalikes(text[:LONGEST])))[: LONGEST + 1]
