"""A project as a whole: how it is shown and run, and what it has used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestra.model.changes import Landing
from orchestra.model.sessions import SandboxKind


@dataclass(frozen=True, slots=True)
class Workspace:
    """What is recorded about a project as a whole.

    ``tmux_socket`` is empty while no tmux shows the project. ``saved_keys`` is what its keys did before, as returned by
    the tmux driver. ``layout`` is the one that was asked for since the project was opened; empty for that of the
    settings. ``status_line`` is true if the one shown has one. While the project is ``resting``, no agent is started.
    ``moved`` is true if containers still mount the directory where the project was before. ``sandbox`` is the choice
    made at ``up``; None leaves it to the settings. ``service_port`` is None before the first start. ``landing`` is
    recorded until the checkouts of its branch are updated.
    """

    tmux_socket: str = ""
    tmux_session: str = ""
    saved_keys: str = ""
    layout: str = ""
    status_line: bool = False
    resting: bool = False
    moved: bool = False
    sandbox: SandboxKind | None = None
    designer_task: str = ""
    service_port: int | None = None
    landing: Landing | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What sessions have used: US dollars and tokens; None where no agent tells."""

    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


class ConsentKind(StrEnum):
    """What of a project's own files needs the person's consent."""

    SETTINGS = "settings"
    IMAGE = "image"
    AGENTS = "agents"
    INSTRUCTIONS = "instructions"
    CHECK = "check"
