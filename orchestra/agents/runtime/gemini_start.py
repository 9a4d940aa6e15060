"""Run Gemini CLI in the box, where alone its home and the person's key are known, and again where it asks for that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import gemini_home as homes
from .gemini_watch import Watch
from .tell import post

SERVICE_DEADLINE = 10.0
"""Seconds to wait for a service that is being restarted too."""
END_DEADLINE = 2.0
"""Seconds the service may take to hear of the end."""
AGAIN = 199
"""The exit code with which Gemini CLI asks to be started once more, as after a login (seen in 0.61.0)."""


def words(plan: Mapping[str, Any], conversation: str, prompt: str) -> Iterator[str]:
    """Return the whole command; ``conversation`` is the one to go on with, empty where there is none."""
    yield from plan["again" if conversation else "first"]
    yield from ("--resume", conversation) if conversation else ("--session-id", plan["conversation"])
    if prompt:
        # With an equals sign, for a prompt may begin with a dash; an at sign would stand for a file.
        yield f"--prompt-interactive={prompt.replace('@', chr(92) + '@')}"


def play(place: Path, plan: Mapping[str, Any], home: Path) -> int:
    """Run the agent until it has ended, and return its exit code."""
    prompts = {"first": "first.md", "again": "nudge.md"}
    while True:
        conversation = homes.last_conversation(home)
        if not conversation:
            homes.forget(home, plan["conversation"])
        name = prompts["again" if conversation else "first"]
        prompt = (place / name).read_text(encoding="utf-8").strip() if name else ""
        settings = plan["settings"]
        if prompt:
            # It would come late, and hide that the first turn has begun.
            settings = {**settings, "hooks": {**settings["hooks"], "SessionStart": []}}
        homes.settle(home, settings, os.environ)
        agent = subprocess.Popen(list(words(plan, conversation, prompt)))
        _pass_on(agent)
        code = agent.wait()
        if code != AGAIN:
            # Its own hook for that may be killed together with the window.
            post("SessionEnd", json.dumps({"reason": "exit"}).encode(), END_DEADLINE)
            return code if code >= 0 else 128 - code
        prompts["again"] = ""


def _pass_on(agent: subprocess.Popen[bytes]) -> None:
    """Let the agent end as its box does; what is typed it gets by itself."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: agent.send_signal(received))
    # Not ignored, which the agent and all its commands would inherit when it is started again.
    signal.signal(signal.SIGINT, lambda _received, _frame: None)


def once(plan: Mapping[str, Any], home: Path, prompt: str) -> None:
    """Become the program for one prompt: without hooks and tools, and one try more is enough."""
    settings = plan["settings"]
    general = {**settings["general"], "maxAttempts": 2}
    homes.settle(home, {**settings, "hooks": {}, "mcpServers": {}, "general": general}, os.environ)
    os.execvp(plan["first"][0], [*plan["first"], prompt])  # noqa: S606 -- the profile's own command, without a shell


def main() -> None:
    """Get the home ready, tell the service, and run the agent with our watcher beside it."""
    place = Path(sys.argv[1])
    plan = json.loads((place / "gemini.json").read_text(encoding="utf-8"))
    home = Path(os.environ["GEMINI_CLI_HOME"], ".gemini")
    homes.keep_login(home, os.environ.pop("GEMINI_OAUTH_JSON", ""))
    try:
        if "once" in sys.argv[2:]:
            once(plan, home, (place / "first.md").read_text(encoding="utf-8"))
        homes.tell_role(home, (place / "instructions.md").read_text(encoding="utf-8"))
        post("Launched", b"{}", SERVICE_DEADLINE)
        with Watch(home):
            code = play(place, plan, home)
    except FileNotFoundError:
        sys.exit(f"{plan['first'][0]} is not installed here")
    sys.exit(code)
