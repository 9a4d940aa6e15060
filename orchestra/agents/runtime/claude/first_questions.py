"""Answer Claude Code's first-run questions before it asks; runs in the box, because only there the key is known."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..post_event import post

KEY_TAIL = 20
"""Claude Code remembers an approved key by its last 20 characters (seen in 2.1.197)."""


def answered(before: dict[str, Any], worktree: str, key: str) -> dict[str, Any]:
    """Return Claude Code's own settings file with onboarding, key and worktree approved, otherwise unchanged."""
    after = {**before, "hasCompletedOnboarding": True}
    projects = dict(after.get("projects", {}))
    projects[worktree] = {**projects.get(worktree, {}), "hasTrustDialogAccepted": True}
    after["projects"] = projects
    if key:
        responses = dict(after.get("customApiKeyResponses", {}))
        approved = [tail for tail in responses.get("approved", ()) if tail != key[-KEY_TAIL:]]
        after["customApiKeyResponses"] = {"rejected": [], **responses, "approved": [*approved, key[-KEY_TAIL:]]}
    return after


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def main() -> None:
    """Prepare the home and report the start, for at most so many seconds, because the service may be restarting."""
    write()
    post("Launched", b"{}", float(sys.argv[1]))


def write() -> None:
    """Write the file atomically."""
    directory = Path(os.environ["CLAUDE_CONFIG_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / ".claude.json"
    after = answered(_read(path), os.environ["ORCHESTRA_WORKTREE"], os.environ.get("ANTHROPIC_API_KEY", ""))
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(after), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)
