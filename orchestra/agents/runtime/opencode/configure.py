"""Complete opencode's configuration in the box, because only there the person's keys are known; prints shell lines."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OWN = "compatible"
"""The name of the person's own server among opencode's providers."""
HOUSE = "opencode"
"""The provider at opencode's makers that it would use without a key."""
_LIMIT = {"context": 128_000, "output": 16_384}
"""Tokens assumed for a model that is not in opencode's list."""


def completed(before: Mapping[str, Any], env: Mapping[str, str], logins: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole configuration: with the person's own server, and without providers that need a missing login."""
    after = dict(before)
    if env.get("OPENAI_COMPATIBLE_BASE_URL"):
        name = env.get("OPENAI_COMPATIBLE_MODEL") or "default"
        options = {"baseURL": "{env:OPENAI_COMPATIBLE_BASE_URL}", "apiKey": "{env:OPENAI_COMPATIBLE_API_KEY}"}
        model = {"name": name, "tool_call": True, "limit": _LIMIT}
        own = {"npm": "@ai-sdk/openai-compatible", "name": OWN, "options": options, "models": {name: model}}
        after["provider"] = {OWN: own, **after.get("provider", {})}
        after = {"model": f"{OWN}/{name}", "small_model": f"{OWN}/{name}", **after}
    if not env.get("OPENCODE_API_KEY") and HOUSE not in logins:
        after["disabled_providers"] = [HOUSE]
    return after


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def keep_login(path: Path, given: str) -> None:
    """Write the login that the person provided, unless there is one already, because opencode renews its own."""
    if not given or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(given, encoding="utf-8")
    fresh.replace(path)


def spare_download(directory: Path) -> None:
    """Mark opencode's plugin package as installed, because otherwise every first start downloads it."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / "node_modules").exists():
        lock = {"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}
        (directory / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
        (directory / "node_modules").mkdir()


def conversation(number: str, directory: str, title: str) -> dict[str, Any]:
    """Return an empty conversation in the format of ``opencode import``."""
    now = int(time.time() * 1000)
    about = {
        "id": f"ses_{number.replace('-', '')[:26]}",
        "slug": title,
        "projectID": "global",
        "directory": directory,
        "title": title,
        "version": "1",
        "time": {"created": now, "updated": now},
    }
    return {"info": about, "messages": []}


def free_port() -> int:
    """Return a free port on loopback."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def main() -> None:
    """Print the variables of this start."""
    agent_dir = Path(__file__).parent.parent.parent
    begun = conversation(sys.argv[1], os.environ["ORCHESTRA_WORKTREE"], os.environ["ORCHESTRA_SESSION"])
    path = Path(os.environ["ORCHESTRA_AGENT_HOME"], ".orchestra", "opencode.json")
    path.write_text(json.dumps(begun), encoding="utf-8")
    spare_download(Path(os.environ["XDG_CONFIG_HOME"], "opencode"))
    login = Path(os.environ["XDG_DATA_HOME"], "opencode", "auth.json")
    keep_login(login, os.environ.get("OPENCODE_AUTH_JSON", ""))
    logins = read(login)
    variables = {
        "OPENCODE_CONFIG_CONTENT": json.dumps(completed(read(agent_dir / "opencode.json"), os.environ, logins)),
        # Other users of the machine must not be able to control the agent.
        "OPENCODE_SERVER_PASSWORD": secrets.token_urlsafe(24),
        "ORCHESTRA_OPENCODE_SESSION": begun["info"]["id"],
        "ORCHESTRA_OPENCODE_PORT": str(free_port()),
        "ORCHESTRA_OPENCODE_START": secrets.token_hex(8),
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201 -- the launcher reads it
    print("unset OPENCODE_AUTH_JSON")  # noqa: T201 -- as above


if __name__ == "__main__":
    main()
