"""Choose the sandbox of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.errors import BadConfig, EngineDown
from orchestra.model import SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.project import Project


def choose_sandbox(project: Project, wanted: str = "", *, command: str = "orchestra up") -> SandboxKind:
    """Return the sandbox to use: the requested one, else the one chosen at ``up``, else the setting's.

    ``auto`` means a container; ``command`` is what the hint names. Raises EngineDown if no engine
    answers, because the host is never chosen for the person.
    """
    choice = wanted or project.store.workspace.get().sandbox or project.settings.sandbox
    if choice not in {"auto", *SandboxKind}:
        raise BadConfig(f"there is no sandbox {choice!r}", hint="choose auto, docker or host")
    if choice == SandboxKind.HOST:
        return SandboxKind.HOST
    _offer_host(command)
    return SandboxKind.DOCKER


def require_sandbox(session: Session) -> None:
    """Raise EngineDown within seconds if the engine of a session's container does not answer.

    Call this before a longer wait for locks whose holders may wait for the same engine.
    """
    if session.sandbox is SandboxKind.DOCKER:
        _require_engine()


def _offer_host(command: str) -> None:
    try:
        _require_engine()
    except EngineDown as error:
        without = f"to run agents directly on this machine, without containers: {command} --sandbox host"
        raise type(error)(error.message, hint=f"{error.hint}; {without}") from error


def _require_engine() -> None:
    from orchestra.drivers.sandbox.docker_client import require_engine  # noqa: PLC0415 -- loads docker

    require_engine()
