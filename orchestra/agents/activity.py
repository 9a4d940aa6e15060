"""Short descriptions of what an agent does, the same for every family."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
_HEADING = re.compile(r"(Your task|The person's task for you) (\(it is also in |is long: read all of it in )[^\n]*")


_MOST = 1e12
"""The largest number that is believed of an agent's usage."""
_FULL = 100.0
_LONGEST_LIMIT = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Limit:
    """Whether a limit of the model's service is reached, and when it ends, as a time or from the report on."""

    reached: bool
    ends: datetime | None = None
    lasts: timedelta | None = None

    def until(self, now: datetime) -> datetime | None:
        """Return when the limit ends; None if none is reached, or it is not known."""
        end = self.ends or (now + self.lasts if self.lasts else None)
        return end if self.reached and end and now < end < now + _LONGEST_LIMIT else None


@dataclass(frozen=True, slots=True)
class Usage:
    """What one report says of an agent's usage; None is what it does not tell.

    ``cost`` (US dollars), ``tokens_in`` (cached ones included) and ``tokens_out`` are the totals of
    ``counter``, which may start again at zero. ``context`` is in percent of the model's window.
    """

    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    context: float | None = None
    model: str = ""
    counter: str = ""
    limit: Limit | None = None


def number(value: object) -> float | None:
    """Return a reported number, None for anything that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= _MOST else None


def share(part: object, whole: object) -> float | None:
    """Return a part of a whole in percent, None if either is unknown or nothing."""
    used, size = number(part), number(whole)
    return _FULL * used / size if used and size else None


def whole(value: object) -> int | None:
    """Return a reported number of tokens, None for anything that cannot be one."""
    found = number(value)
    return None if found is None else int(found)


def added(*values: object) -> int | None:
    """Return the sum of reported numbers of tokens, without the unknown ones; None if all are unknown."""
    known = [found for value in values if (found := whole(value)) is not None]
    return sum(known) if known else None


def mapping(value: object) -> Mapping[str, object]:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def limit_of(windows: object, used: str, ends: str) -> Limit | None:
    """Return the state of a service's limits: each has its use in percent and its end, in seconds since the epoch."""
    known = [(number(each.get(used)), each.get(ends)) for each in _mappings(windows)]
    known = [(percent, end) for percent, end in known if percent is not None]
    full = [moment(end) for percent, end in known if percent is not None and percent >= _FULL]
    return Limit(bool(full), ends=max(filter(None, full), default=None)) if known else None


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [each for each in mapping(value).values() if isinstance(each, Mapping)]


def moment(seconds: object) -> datetime | None:
    """Return the time at which so many seconds have passed since the epoch, None for anything else."""
    found = number(seconds)
    try:
        return None if found is None else datetime.fromtimestamp(found, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def brief(text: object, longest: int = _LONGEST) -> str:
    """Return the first line of a text, without control characters, at most 120 characters long by default."""
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    plain = "".join(character for character in lines[0] if character.isprintable()) if lines else ""
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def turn(prompt: object) -> str:
    """Describe what a turn begins with; the heading that `launch_files.first_prompt` writes says nothing about it."""
    text = str(prompt or "")
    own = _HEADING.match(text)
    return brief(f"begins its task: {text[own.end() :].lstrip()}").removesuffix(":") if own else brief(text)


def named(tool: str, arguments: object) -> str:
    """Describe a tool call in a few words, such as ``edits app.py`` or ``runs pytest -q``."""
    given = arguments if isinstance(arguments, Mapping) else {}
    key = next((key for key in _DESCRIPTIVE if given.get(key)), "")
    about = str(given.get(key, ""))
    if key in {"file_path", "notebook_path"}:
        about = PurePosixPath(about).name
    verb = tool.removeprefix(_OURS).replace("_", " ") if tool.startswith(_OURS) else _VERBS.get(tool, f"uses {tool}")
    return brief(f"{verb} {about}")
