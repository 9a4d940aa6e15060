"""Count the tokens in the files in which Claude Code stores its conversations.

Each file is read once: a file of ours keeps how far it was read, and the totals.
"""

from __future__ import annotations

import glob
import json
import os
from typing import Any

_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_MARK = b'"usage"'
_PLACES = ("projects/*/*.jsonl", "projects/*/*/subagents/*.jsonl")


def count(config: str, note: str) -> dict[str, int]:
    """Return the tokens of all conversations below ``config``, from the file ``note`` on, which is written anew."""
    known = _known(note)
    for place in _PLACES:
        for path in glob.glob(os.path.join(config, place)):  # noqa: PTH118, PTH207 -- pathlib loads much
            file = known["files"].setdefault(path, {"at": 0, "in": 0, "out": 0, "last": ["", 0, 0]})
            if os.path.getsize(path) != file["at"]:  # noqa: PTH202 -- as above
                _read(path, file)
    fresh = f"{note}.{os.getpid()}"
    with open(fresh, "w", encoding="utf-8") as target:  # noqa: PTH123 -- as above
        json.dump(known, target)
    os.replace(fresh, note)  # noqa: PTH105 -- as above
    return {way: sum(file[way] for file in known["files"].values()) for way in ("in", "out")}


def _known(note: str) -> dict[str, Any]:
    try:
        with open(note, encoding="utf-8") as source:  # noqa: PTH123 -- as above
            known = json.load(source)
        return known if isinstance(known["files"], dict) else {"files": {}}
    except (OSError, ValueError, LookupError, TypeError):
        return {"files": {}}


def _read(path: str, file: dict[str, Any]) -> None:
    with open(path, "rb") as source:  # noqa: PTH123 -- as above
        source.seek(file["at"])
        for line in source:
            if not line.endswith(b"\n"):
                return
            file["at"] += len(line)
            if _MARK in line:
                _add(line, file)


def _add(line: bytes, file: dict[str, Any]) -> None:
    """Add one answer; each of its parts has a line of its own, with the usage so far."""
    try:
        message = json.loads(line)["message"]
        used = message["usage"]
        number, read = str(message["id"]), sum(int(used.get(kind) or 0) for kind in _INPUT)
        written = int(used.get("output_tokens") or 0)
    except (ValueError, LookupError, TypeError, AttributeError):
        return
    last, counted_in, counted_out = file["last"]
    file["in"] += read - (counted_in if number == last else 0)
    file["out"] += written - (counted_out if number == last else 0)
    file["last"] = [number, read, written]
