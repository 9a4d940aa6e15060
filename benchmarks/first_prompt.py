"""How long the real Claude Code takes until its first prompt is submitted: in a session, and in a bare `docker run`."""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.ground import Ground
from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.paths import Home
from tests.support.models.server import ModelServer, Rule, Say

AGENT = "claude"
_KEY = "sk-ant-api03-benchmark-0123456789"
_ANSWERED = {
    "hasCompletedOnboarding": True,
    "customApiKeyResponses": {"approved": [_KEY[-20:]], "rejected": []},
}
"""What Claude Code asks when it starts for the first time, answered beforehand."""
_BARE = {"IS_SANDBOX": "1", "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
_DEADLINE = 120.0


@dataclass(frozen=True)
class FirstPrompt:
    """Both ways to a first prompt, with a model that answers both alike."""

    place: Ground
    model: ModelServer
    image: str

    def ours(self, number: int) -> float:
        """Return the seconds from `orchestra new` to the request with the task in it."""
        task, name = f"Say hello {secrets.token_hex(4)}", f"prompt-{number}"
        begun = time.perf_counter()
        self.place.orchestra("new", name, "--agent", AGENT, "--task", task)
        taken = self._until_asked(task, begun)
        self.place.orchestra("delete", name, "--force", "--worktree")
        return taken

    def raw(self, number: int) -> float:
        """Return the seconds from `docker run`, in a tmux window, to the request with the task in it."""
        task, name = f"Say hello {secrets.token_hex(4)}", f"orchestra-raw-prompt-{number}"
        command = self._bare(name, task)
        begun = time.perf_counter()
        self.place.tmux("new-window", "-d", "-t", self.place.tmux_session, "-n", name, shlex.join(command))
        taken = self._until_asked(task, begun)
        subprocess.run(("docker", "rm", "-f", name), check=True, capture_output=True, timeout=60)
        return taken

    def _bare(self, name: str, task: str) -> tuple[str, ...]:
        home = self.place.root / "homes" / name
        home.mkdir(parents=True)
        where = str(self.place.repository)
        (home / ".claude.json").write_text(
            json.dumps(_ANSWERED | {"projects": {where: {"hasTrustDialogAccepted": True}}})
        )
        settings = home / ".claude" / "settings.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps({"skipDangerousModePermissionPrompt": True}))
        env = {**_BARE, "HOME": "/home/agent", "ANTHROPIC_API_KEY": _KEY, "ANTHROPIC_BASE_URL": self._url()}
        return (
            *("docker", "run", "-it", "--init", "--name", name, "--network", self.place.network, "-w", where),
            *("-v", f"{where}:{where}", "-v", f"{home}:/home/agent"),
            *(word for pair in env.items() for word in ("-e", "=".join(pair))),
            *(self.image, "claude", "--dangerously-skip-permissions", task),
        )

    def _url(self) -> str:
        return self.model.url(self.model.address)

    def _until_asked(self, task: str, begun: float) -> float:
        self.model.wait_for(lambda asked: task in asked.user, deadline=_DEADLINE)
        return time.perf_counter() - begun


@contextmanager
def first_prompt(place: Ground) -> Iterator[FirstPrompt]:
    """Serve a model where containers reach it, with a login for it in the home's secrets."""
    home = Home.find()
    gateway = DockerSandbox(place.network, home_tag=home.tag, owner=home.owner).gateway()
    image = place.orchestra("image", "build", AGENT).stdout.split()[-1]
    with ModelServer([Rule([Say("Hello.")])], address=gateway) as model:
        home.secrets.mkdir(mode=0o700, exist_ok=True)
        for name, value in (("ANTHROPIC_API_KEY", _KEY), ("ANTHROPIC_BASE_URL", model.url(gateway))):
            (home.secrets / name).write_text(value)
        yield FirstPrompt(place, model, image)
