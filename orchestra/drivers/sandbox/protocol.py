"""What a box is, and what every kind of sandbox can do with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestra.drivers.process import Completed
from orchestra.model import BoxSight, SandboxKind

AGENT_HOME = "/home/agent"
"""The agent's home directory inside a container."""
AGENT_FILES = "/orchestra/agent"
"""The read-only directory of launcher, task and settings inside a container."""
SECRETS = "/orchestra/secrets"
"""The directory of the session's credentials inside a container."""

STOP_GRACE = 10.0
"""Seconds an agent has to end by itself before it is killed."""
SHELL = "command -v bash >/dev/null 2>&1 && exec bash; exec sh"
"""Starts the better of the two shells a box may have."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One file or directory of the host, shown in a box at ``target``."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one box may use; ``memory`` as the engine writes it (``4g``), ``cpus`` 0 for no limit."""

    memory: str = "4g"
    cpus: float = 0.0
    pids: int = 512


@dataclass(frozen=True, slots=True)
class Box:
    """The definition of one agent's surroundings, equal for every kind of sandbox.

    ``home`` is a path on the host. ``modes`` says that the agent's program
    switches on bracketed paste and focus events, so that a window attached later has to as well.
    """

    name: str
    image: str
    command: tuple[str, ...]
    workdir: Path
    mounts: tuple[Mount, ...]
    env: Mapping[str, str]
    labels: Mapping[str, str]
    uid: int
    gid: int
    hostname: str
    home: Path
    limits: Limits = field(default_factory=Limits)
    modes: bool = True


def name_of(box: Box | str) -> str:
    """Return the name of a box given by its definition or its name."""
    return box if isinstance(box, str) else box.name


class Sandbox(Protocol):
    """Where agents run. Every method is bounded in time and safe to repeat."""

    kind: SandboxKind

    def create(self, box: Box) -> None:
        """Make the box, replacing one that does not run and was made from another definition."""

    def start(self, name: str) -> None:
        """Start a box that was created or has exited."""

    def look(self, box: Box | str) -> BoxSight:
        """Look at one box."""

    def look_all(self) -> dict[str, BoxSight]:
        """Look at every box of this home at once, by name; exit codes are known, start times are not."""

    def made_for(self, project: str) -> dict[str, bool]:
        """Return the boxes of one of this home's projects by name: true for what an older version made."""

    def stop(self, name: str, *, grace: float = STOP_GRACE) -> None:
        """Ask a box to end, and end it after ``grace`` seconds; an absent one is stopped already."""

    def remove(self, name: str) -> None:
        """Remove a box, running or not; an absent one is removed already."""

    def window_command(self, box: Box) -> tuple[str, ...]:
        """Return what the session's tmux window runs."""

    def await_launch(self, name: str) -> None:
        """Wait until what the window has just started can be looked at and stopped."""

    def terminal_command(self, box: Box, *, on_host: bool = False) -> tuple[str, ...]:
        """Return what opens a shell in the worktree, inside the box or on the host."""

    def execute(
        self, box: Box, args: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0, check: bool = True
    ) -> Completed:
        """Run a program in a running box; with ``check``, raises CommandFailed for any exit code but 0."""

    def upload_pack(self, box: Box, git_dir: str) -> tuple[str, ...]:
        """Return the command whose input and output are ``git upload-pack`` of a git directory in the box."""

    def run_once(self, box: Box, args: Sequence[str], *, deadline: float) -> Completed:
        """Run a program in a fresh box that is removed afterwards, whatever its exit code."""

    def gateway(self) -> str:
        """Return the address at which a box reaches the host."""

    def interface(self) -> str:
        """Return the host's network interface that boxes come in by; empty where they use the machine's own."""

    def has_network(self) -> bool:
        """Say whether what boxes share on the network is there already."""

    def remove_network(self) -> None:
        """Remove what boxes share on the network, once none uses it; it is made anew when needed."""
