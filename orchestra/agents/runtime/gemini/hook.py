"""Report one of Gemini CLI's hooks to the service: `hook.py EVENT SECONDS` posts its standard input."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..post_event import post
from .home import has_login
from .watch import cut_off, parsed

READY, END = "Ready", "AfterAgent"
_TAIL = 65536
"""Bytes at the end of a conversation that are read to find its last line."""


def was_cut_off(body: bytes) -> bool:
    """Return whether the turn was cancelled or failed, so that a message in the reply would be lost.

    The watcher reports such an end, even if there is no hook.
    """
    try:
        with Path(json.loads(body)["transcript_path"]).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.read().splitlines()
    except (OSError, ValueError, LookupError, TypeError):
        return False
    for entry in map(parsed, reversed(lines)):
        if cut_off(entry):
            return True
        if entry.get("type") in {"user", "gemini"}:
            return False
    return False


def main() -> None:
    """Post the hook, and print the reply for Gemini CLI."""
    event, deadline = sys.argv[1], float(sys.argv[2])
    body = sys.stdin.buffer.read()
    silent = (event == END and was_cut_off(body)) or (event == READY and not _is_ready())
    sys.stdout.write(("" if silent else post(event, body, deadline)) or "{}")


def _is_ready() -> bool:
    return has_login(Path(os.environ["GEMINI_CLI_HOME"], ".gemini"))
