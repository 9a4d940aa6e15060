"""Run Gemini CLI in the box, because only there its home and the person's key are known; restart it if it asks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..post_event import post
from . import home as homes
from .watch import Watch

SERVICE_DEADLINE = 10.0
"""Seconds to wait for a service that is being restarted too."""
END_DEADLINE = 2.0
"""Seconds for reporting the end to the service."""
AGAIN = 199
"""The exit code with which Gemini CLI asks to be started again, for example after a login (seen in 0.61.0)."""


def words(plan: Mapping[str, Any], conversation: str, prompt: str) -> Iterator[str]:
    """Return the whole command; ``conversation`` is the one to resume, if any."""
    yield from plan["again" if conversation else "first"]
    yield from ("--resume", conversation) if conversation else ("--session-id", plan["conversation"])
    if prompt:
        # With an equals sign, because a prompt may begin with a dash; an at sign would name a file.
        yield f"--prompt-interactive={prompt.replace('@', chr(92) + '@')}"


def play(agent_dir: Path, plan: Mapping[str, Any], home: Path) -> int:
    """Run the agent until it has ended, and return its exit code."""
    prompts = {"first": "first.md", "again": "nudge.md"}
    while True:
        conversation = homes.last_conversation(home)
        if not conversation:
            homes.forget(home, plan["conversation"])
        name = prompts["again" if conversation else "first"]
        prompt = (agent_dir / name).read_text(encoding="utf-8").strip() if name else ""
        settings = plan["settings"]
        if prompt:
            # It would arrive late, and hide that the first turn has begun.
            settings = {**settings, "hooks": {**settings["hooks"], "SessionStart": []}}
        homes.write_settings(home, settings, os.environ)
        agent = subprocess.Popen(list(words(plan, conversation, prompt)))
        _pass_on(agent)
        code = agent.wait()
        if code != AGAIN:
            # Its own hook may be killed together with the window.
            post("SessionEnd", json.dumps({"reason": "exit"}).encode(), END_DEADLINE)
            return code if code >= 0 else 128 - code
        prompts["again"] = ""


def _pass_on(agent: subprocess.Popen[bytes]) -> None:
    """Pass the end of the box on to the agent; the terminal passes what is typed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: agent.send_signal(received))
    # Not ignored, because the agent and all its commands would inherit that at the next start.
    signal.signal(signal.SIGINT, lambda _received, _frame: None)


def once(plan: Mapping[str, Any], home: Path, prompt: str) -> None:
    """Replace this process by the program for one prompt, without hooks and our tools and with one retry.

    Without a ``prompt`` the program reads it from its input.
    """
    settings = plan["settings"]
    general = {**settings["general"], "maxAttempts": 2}
    homes.write_settings(home, {**settings, "hooks": {}, "mcpServers": {}, "general": general}, os.environ)
    os.execvp(plan["first"][0], [*plan["first"], *([prompt] if prompt else [])])  # noqa: S606 -- the profile's own command, without a shell


def main() -> None:
    """Get the home ready, tell the service, and run the agent with our watcher beside it."""
    agent_dir = Path(sys.argv[1])
    plan = json.loads((agent_dir / "gemini.json").read_text(encoding="utf-8"))
    home = Path(os.environ["GEMINI_CLI_HOME"], ".gemini")
    homes.keep_login(home, os.environ.pop("GEMINI_OAUTH_JSON", ""))
    try:
        if "once" in sys.argv[2:]:
            once(plan, home, (agent_dir / "first.md").read_text(encoding="utf-8"))
        homes.write_role(home, (agent_dir / "instructions.md").read_text(encoding="utf-8"))
        post("Launched", b"{}", SERVICE_DEADLINE)
        with Watch(home):
            code = play(agent_dir, plan, home)
    except FileNotFoundError:
        sys.exit(f"{plan['first'][0]} is not installed here")
    sys.exit(code)
