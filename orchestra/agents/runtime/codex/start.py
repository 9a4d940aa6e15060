"""Start or resume Codex; runs in the box, because only there the home and the person's key are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..post_event import post

SERVICE_DEADLINE = 10.0
"""Seconds to wait for a service that is being restarted too."""
MODELS_DEADLINE = 10.0
"""Seconds Codex may take to print the models it knows."""
ADDRESS = "https://api.openai.com/v1"
"""The address of the models, unless the person names another."""


def upgrades(program: str) -> dict[str, str]:
    """Return the models for which Codex would suggest a newer one, each with that newer model."""
    try:
        words = (program, "debug", "models", "--bundled")
        done = subprocess.run(words, capture_output=True, timeout=MODELS_DEADLINE, check=True)
        models = json.loads(done.stdout)["models"]
        return {model["slug"]: model["upgrade"]["model"] for model in models if model.get("upgrade")}
    except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError):
        return {}


def keep_login(home: Path, login: str) -> None:
    """Write the login that the person provided, unless there is one already, because Codex renews its own."""
    path = home / "auth.json"
    if not login or path.exists():
        return
    fresh = path.with_suffix(".new")
    fresh.write_text(login, encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)


def provider(key: str, address: str) -> dict[str, str]:
    """Return the settings for a person with a key; without a key Codex uses its own login or asks for one."""
    if not key:
        return {"openai_base_url": json.dumps(address)} if address else {}
    table = {
        # Codex treats a provider of this name as its own.
        "name": "OpenAI" if not address else "OpenAI API",
        "base_url": address or ADDRESS,
        "env_key": "OPENAI_API_KEY",
        "wire_api": "responses",
    }
    inline = ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.items())
    return {"model_provider": '"orchestra"', "model_providers.orchestra": f"{{{inline}}}"}


def rollouts(home: Path) -> list[Path]:
    """Return the files of all conversations, the most recently written first."""
    written: dict[Path, float] = {}
    for path in home.glob("sessions/*/*/*/rollout-*.jsonl"):
        try:
            written[path] = path.stat().st_mtime
        except FileNotFoundError:  # Codex was tidying up
            continue
    return sorted(written, key=lambda path: written[path], reverse=True)


def about(path: Path) -> dict[str, Any]:
    """Return the metadata in the first line of a conversation's file; empty without any."""
    try:
        with path.open(encoding="utf-8") as file:
            payload = json.loads(file.readline())["payload"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return payload if isinstance(payload, dict) else {}


def is_the_persons(path: Path) -> bool:
    """Return whether a conversation is with the person, not with one of the agent's own subagents."""
    return about(path).get("source") == "cli"


def last_conversation(home: Path) -> str:
    """Return the conversation to resume; empty if there is none."""
    return next((str(about(path).get("id", "")) for path in rollouts(home) if is_the_persons(path)), "")


def words(plan: Mapping[str, Any], settings: Mapping[str, str], conversation: str, prompt: str) -> Iterator[str]:
    """Return the whole command."""
    yield from plan["again" if conversation else "first"]
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")
    if conversation:
        yield from ("resume", conversation)
    if prompt:
        yield prompt


def main() -> None:
    """Start our watcher, then replace this process by Codex."""
    agent_dir = Path(sys.argv[1])
    plan = json.loads((agent_dir / "codex.json").read_text(encoding="utf-8"))
    home = Path(os.environ["CODEX_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    keep_login(home, os.environ.pop("CODEX_AUTH_JSON", ""))
    settings = plan["settings"] | provider(
        os.environ.get("OPENAI_API_KEY", ""), os.environ.pop("OPENAI_BASE_URL", "").strip()
    )
    if "once" in sys.argv[2:]:
        _become(list(words(plan, settings, "", "")))
    settings["notice.model_migrations"] = _table(upgrades(plan["first"][0]))
    if post("Launched", b"{}", SERVICE_DEADLINE):
        # Otherwise the first request goes out before the tools are available. Codex exits if a required server is gone.
        settings["mcp_servers.orchestra.required"] = "true"
    conversation = last_conversation(home)
    prompt = (agent_dir / ("nudge.md" if conversation else "first.md")).read_text(encoding="utf-8").strip()
    command = list(words(plan, settings, conversation, prompt))
    _watch(agent_dir, command[0], waits=not prompt)
    _become(command)


def _become(command: list[str]) -> NoReturn:
    try:
        os.execvp(command[0], command)  # noqa: S606 -- the profile's own command, without a shell
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not installed here")


def _table(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items()) + "}"


def _watch(agent_dir: Path, program: str, *, waits: bool) -> None:
    subprocess.Popen(
        (sys.executable, str(agent_dir / "watch.py"), "waits" if waits else "works", program),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
