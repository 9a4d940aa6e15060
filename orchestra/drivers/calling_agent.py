"""Which session's agent, if any, a process on this machine belongs to: by its environment, or that of a parent.

An agent in a container cannot reach what asks this. One on the machine itself runs as the person, so that this only
keeps it from doing by a plain command what is the person's alone.
"""

from __future__ import annotations

from pathlib import Path

_MARKS = (b"ORCHESTRA_SESSION=", b"ORCHESTRA_TOKEN_FILE=")
_PARENT_FIELD = 1
"""The field of /proc/PID/stat after the command's closing parenthesis, counted from 0 (proc(5))."""
_MOST_PARENTS = 64


def calling_agent(process: int) -> str:
    """Return the name of the session whose agent started a process or one of its parents; empty if none did."""
    for _ in range(_MOST_PARENTS):
        if process <= 1:
            break
        if name := _session_of(process):
            return name
        process = _parent_of(process)
    return ""


def _session_of(process: int) -> str:
    try:
        variables = Path("/proc", str(process), "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    found = [next((line for line in variables if line.startswith(mark)), b"") for mark in _MARKS]
    return found[0].partition(b"=")[2].decode("utf-8", "replace") if all(found) else ""


def _parent_of(process: int) -> int:
    try:
        fields = Path("/proc", str(process), "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        return int(fields.split()[_PARENT_FIELD])
    except (OSError, ValueError, IndexError):
        return 0
