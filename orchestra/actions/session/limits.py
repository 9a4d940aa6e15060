"""Limits for texts that a session is given."""

from __future__ import annotations

from orchestra.errors import UsageError

LONGEST_SPEC = 1024 * 1024
"""The most bytes of a spec, or of a task, which is the first spec."""


def require_size(text: str) -> None:
    """Raise UsageError if a text is too long for a spec."""
    if len(text.encode("utf-8", "replace")) > LONGEST_SPEC:
        raise UsageError("a spec holds at most 1 MiB", hint="keep it short enough to read")
