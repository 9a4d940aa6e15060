"""Report one of Gemini CLI's hooks to the service: `hook.py EVENT SECONDS` posts its standard input.

`hook.py BeforeTool SECONDS PERMISSIONS` also asks for the permission to use the tool, and waits for the answer.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..ask_permission import Question, wait
from ..post_event import post
from .home import has_login
from .watch import cut_off, parsed

READY, END = "Ready", "AfterAgent"
SERVICE_SILENCE = 20.0
"""Seconds for which the service may be gone before Gemini CLI's own dialog asks."""
_GATE = 3
"""The argument that says what needs no permission."""
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
    if len(sys.argv) > _GATE:
        said = post(event, body, deadline)
        sys.stdout.write(said if is_denial(said) else json.dumps(answer(body, sys.argv[_GATE])))
        return
    silent = (event == END and was_cut_off(body)) or (event == READY and not _is_ready())
    sys.stdout.write(("" if silent else post(event, body, deadline)) or "{}")


def is_denial(said: str) -> bool:
    """Return whether the service has already denied what a hook reports, as a rule wants it."""
    try:
        return bool(json.loads(said).get("decision") == "deny")
    except (ValueError, AttributeError):
        return False


def answer(body: bytes, mode: str) -> dict[str, Any]:
    """Return the answer to a request to use a tool; without one, Gemini CLI's own dialog asks the person."""
    payload = json.loads(body)
    return wait(Question("BeforeTool", payload, mode), longest_silence=SERVICE_SILENCE) or {"decision": "ask"}


def _is_ready() -> bool:
    return has_login(Path(os.environ["GEMINI_CLI_HOME"], ".gemini"))
