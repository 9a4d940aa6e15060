"""Short descriptions of what an agent does, the same for every family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

_LONGEST = 120
_VERBS = {
    "Edit": "edits",
    "MultiEdit": "edits",
    "NotebookEdit": "edits",
    "Write": "writes",
    "Read": "reads",
    "Grep": "searches for",
    "Glob": "looks for",
    "Bash": "runs",
    "WebFetch": "fetches",
    "WebSearch": "searches the web for",
    "Task": "delegates",
    "Agent": "delegates",
}
_DESCRIPTIVE = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "url",
    "query",
    "description",
    "title",
    "session_id",
)
_OURS = "mcp__orchestra__"


@dataclass(frozen=True, slots=True)
class Usage:
    """What an agent has used: ``cost`` in US dollars, ``context`` in percent of the model's window."""

    cost: float
    context: float
    model: str


def brief(text: object, longest: int = _LONGEST) -> str:
    """Return the first line of a text, without control characters, at most 120 characters long by default."""
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    plain = "".join(character for character in lines[0] if character.isprintable()) if lines else ""
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def named(tool: str, arguments: object) -> str:
    """Describe a tool call in a few words, such as ``edits app.py`` or ``runs pytest -q``."""
    given = arguments if isinstance(arguments, Mapping) else {}
    key = next((key for key in _DESCRIPTIVE if given.get(key)), "")
    about = str(given.get(key, ""))
    if key in {"file_path", "notebook_path"}:
        about = PurePosixPath(about).name
    verb = tool.removeprefix(_OURS).replace("_", " ") if tool.startswith(_OURS) else _VERBS.get(tool, f"uses {tool}")
    return brief(f"{verb} {about}")
