"""The files in which agents store their conversations, and what was said in them, one JSON object on each line.

Agents write these files, so that nothing in them can be relied on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestra.agents.activity import brief

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a conversation; ``number`` identifies it within its file, empty if it has no id."""

    who: str
    text: str
    at: datetime | None = None
    number: str = ""


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Where a kind of agent stores its conversations: ``below`` a directory of its home, as files like ``pattern``.

    ``pattern`` is one of fnmatch for the path in the home; ``read`` turns an object into what was said.
    """

    below: str
    pattern: str
    read: Callable[[Entry], Said | None]

    def said(self, line: bytes) -> Said | None:
        """Return what one line says; None for a line that says nothing."""
        try:
            entry = json.loads(line)
            said = self.read(entry) if isinstance(entry, Mapping) else None
        except (ValueError, RecursionError):
            return None
        return said if said is not None and said.text.strip() else None


def text_of(content: object, kinds: frozenset[str] = frozenset({"text"})) -> str:
    """Return the texts in a message's content: a text, or a list of parts of which some are texts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    known = [part for part in parts if isinstance(part, Mapping) and part.get("type", "text") in kinds]
    return "\n".join(text for part in known if isinstance(text := part.get("text"), str))


def time_of(value: object) -> datetime | None:
    """Return a time that is written as in ISO 8601; None for anything else."""
    try:
        time = datetime.fromisoformat(str(value))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _ours(entry: Entry) -> Said:
    who, text = entry.get("who"), entry.get("text")
    return Said(brief(who), text if isinstance(text, str) else "", time_of(entry.get("at")))


OURS = Transcripts(".orchestra", ".orchestra/conversation*.jsonl", _ours)
"""The files that our own programs write beside an agent, and that any program may write: who, text, at."""
