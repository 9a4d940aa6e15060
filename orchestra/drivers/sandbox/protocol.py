"""The definition of a box, and the interface of every kind of sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestra.drivers.process import Completed
from orchestra.model import BoxEnd, BoxSight, SandboxKind

AGENT_HOME = "/home/agent"
"""The agent's home directory inside a container."""
AGENT_FILES = "/orchestra/agent"
"""The read-only directory of launcher, task and settings inside a container."""
SECRETS = "/orchestra/secrets"
"""The directory of the session's credentials inside a container."""

STOP_GRACE = 10.0
"""Seconds that an agent has to end before it is killed."""
SHELL = "command -v bash >/dev/null 2>&1 && exec bash; exec sh"
"""Starts bash if a box has it, else sh."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One file or directory of the host, shown in a box at ``target``."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one box; ``memory`` in the format of the engine (``4g``), ``cpus`` 0 for no limit."""

    memory: str = "4g"
    cpus: float = 0.0
    pids: int = 512


@dataclass(frozen=True, slots=True)
class Box:
    """The definition of one agent's environment, the same for every kind of sandbox.

    ``home`` is a path on the host. ``modes`` says that the agent's program switches on bracketed
    paste and focus events, which a window that attaches later must do too. ``bare`` is for a program that runs once: it
    may write only to its home and ``/tmp``, which are in memory and limited; ``network`` says whether it has any.
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
    bare: bool = False
    network: bool = True


def name_of(box: Box | str) -> str:
    """Return the name of a box given by its definition or its name."""
    return box if isinstance(box, str) else box.name


class Sandbox(Protocol):
    """Where agents run. Every method is bounded in time and safe to repeat."""

    kind: SandboxKind

    def create(self, box: Box) -> None:
        """Create the box, replacing a stopped one with another definition."""

    def start(self, name: str) -> None:
        """Start a box that was created or has exited."""

    def look(self, box: Box | str) -> BoxSight:
        """Return the state of one box."""

    def look_all(self) -> dict[str, BoxSight]:
        """Return the state of every box of this home by name, with exit codes but without start times."""

    def watch(self, changed: Callable[[BoxEnd | None], object], ended: threading.Event) -> None:
        """Call ``changed`` now and after a box of this home may have started or ended, until ``ended`` is set.

        It is given what is told of an end before the box itself shows it, or None.
        Raises EngineDown, CommandFailed or DeadlineExceeded when there is nothing to watch any more.
        """

    def made_for(self, project: str) -> dict[str, bool]:
        """Return the boxes of one project by name, with True for those that an older version created."""

    def stop(self, name: str, *, grace: float = STOP_GRACE) -> bool:
        """Ask a box to end, and kill it after ``grace`` seconds; returns whether it was running."""

    def remove(self, name: str) -> None:
        """Remove a box, running or not; an absent one counts as removed."""

    def window_command(self, box: Box) -> tuple[str, ...]:
        """Return the command of the session's tmux window."""

    def await_launch(self, name: str) -> None:
        """Wait until the program that the window has just started can be observed and stopped."""

    def terminal_command(self, box: Box, *, on_host: bool = False) -> tuple[str, ...]:
        """Return the command that opens a shell in the worktree, inside the box or on the host."""

    def execute(
        self, box: Box, args: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0, check: bool = True
    ) -> Completed:
        """Run a program in a running box; with ``check``, raises CommandFailed for any exit code except 0."""

    def upload_pack(self, box: Box, git_dir: str) -> tuple[str, ...]:
        """Return the command that connects to ``git upload-pack`` of a git directory in the box."""

    def run_once(self, box: Box, args: Sequence[str], *, deadline: float) -> Completed:
        """Run a program in a fresh box that is removed afterwards, whatever its exit code."""

    def end_once(self, name: str) -> None:
        """End and remove every fresh box that `run_once` made for the box of a name."""

    def gateway(self) -> str:
        """Return the address at which a box reaches the host."""

    def interface(self) -> str:
        """Return the host's network interface for boxes; empty if they use the machine's own."""

    def has_network(self) -> bool:
        """Return whether the network of the boxes exists."""

    def remove_network(self) -> None:
        """Remove the network of the boxes if none uses it; it is created again when needed."""
