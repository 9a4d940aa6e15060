"""The Docker engine's API: one client, and the SDK's many ways to fail told as our errors."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import docker
import requests
from docker import errors as sdk
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import ContextAPI
from docker.utils import kwargs_from_env

from orchestra.errors import CommandFailed, DeadlineExceeded, EngineDown, NotFound, OrchestraError

CALL_DEADLINE = 30
"""Seconds one call to the engine may stay silent."""
_ASK_DEADLINE = 5
_CONFLICT = 409
_LOOKS = 40
_BETWEEN_LOOKS = 0.05
_Found = TypeVar("_Found")
_clients: dict[tuple[int, str, int], docker.APIClient] = {}
_lock = threading.Lock()


def connect(timeout: int = CALL_DEADLINE) -> docker.APIClient:
    """Return the client of the engine that the docker command would talk to.

    ``timeout`` is in seconds and holds for each wait on the connection. Raises EngineDown.
    """
    # A client must not be shared with a forked child, nor outlive a change of engine.
    key = (os.getpid(), address(), timeout)
    with _lock:
        if key not in _clients:
            _knock(key[1])
            with translated("reach the Docker engine"):
                settings: dict[str, Any] = {"base_url": key[1] or None, **kwargs_from_env()}
                _clients[key] = docker.APIClient(version="auto", timeout=timeout, **settings)
        return _clients[key]


def _knock(where: str) -> None:
    """Find out first whether anybody listens: the SDK tells the reasons apart badly, and leaves its socket open."""
    path = (where or DEFAULT_UNIX_SOCKET).removeprefix("http+").removeprefix("unix://")
    if not path.startswith("/"):
        return
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_ASK_DEADLINE)
        try:
            link.connect(path)
        except OSError as error:
            raise down(error) from error


def address() -> str:
    """Return the engine's address where one is configured: ``DOCKER_HOST``, else the current context's; else empty."""
    if configured := os.environ.get("DOCKER_HOST"):
        return configured
    try:
        context = ContextAPI.get_current_context()
    except (sdk.DockerException, OSError, ValueError):
        return ""
    return str(context.Host) if context is not None and context.name != "default" else ""


def command() -> tuple[str, ...]:
    """Return the docker command, told which engine to use; a window may be opened by a tmux that knows another."""
    where = address()
    return ("docker", "--host", where) if where else ("docker",)


def engine_version() -> str:
    """Return the engine's version.

    Raises EngineDown, its hint saying what to do, where no engine answers within 5 seconds or the
    docker command is missing.
    """
    with translated("ask the Docker engine for its version"):
        version = str(connect(_ASK_DEADLINE).version()["Version"])
    _require_command()
    return version


def require_engine() -> None:
    """See that an engine answers, which costs less than its version; raises EngineDown as `engine_version` does."""
    with translated("ask the Docker engine whether it is there"):
        connect(_ASK_DEADLINE).ping()
    _require_command()


def _require_command() -> None:
    if shutil.which("docker") is None:
        raise EngineDown("a Docker engine answers, but the docker command is missing", hint="install docker-cli")


def is_conflict(error: OrchestraError) -> bool:
    """Say whether the engine refused because a thing of that name exists."""
    return isinstance(error, CommandFailed) and error.code == _CONFLICT


def appears(look: Callable[[], _Found | None], *, sleep: Callable[[float], None] = time.sleep) -> _Found | None:
    """Look until there is something to see, for about two seconds; None where there is not.

    The engine keeps a name for whoever asked first a while before it shows the thing.
    """
    for _ in range(_LOOKS):
        if (found := look()) is not None:
            return found
        sleep(_BETWEEN_LOOKS)
    return None


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn everything the SDK raises inside into NotFound, CommandFailed, DeadlineExceeded or EngineDown."""
    try:
        yield
    except (sdk.NotFound, sdk.APIError) as error:
        raise _refusal(what, error) from error
    except requests.exceptions.Timeout as error:
        raise _silence(what) from error
    except (requests.exceptions.RequestException, sdk.DockerException, OSError) as error:
        if "Read timed out" in str(error):
            raise _silence(what) from error
        raise down(error) from error


def _silence(what: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"the Docker engine did not answer in time (could not {what})", hint="look at it with: docker info"
    )


def _refusal(what: str, error: sdk.APIError) -> OrchestraError:
    reason = error.explanation or str(error)
    if isinstance(error, sdk.NotFound):
        return NotFound(f"could not {what}: {reason}")
    return CommandFailed(f"could not {what}: {reason}", code=error.status_code or 1, stderr=reason)


def down(error: BaseException) -> EngineDown:
    """Return the error for an engine that cannot be talked to, with the hint that fits the reason."""
    text = str(error)
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return EngineDown(
            "you may not use the Docker engine's socket",
            hint="join its group and log in again: sudo usermod -aG docker $USER",
        )
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)) or "refused" in text or "No such file" in text:
        return EngineDown(
            "no Docker engine is running", hint="start it (sudo systemctl start docker), or run scripts/setup.sh"
        )
    return EngineDown(f"the Docker engine does not answer: {_last_cause(error)}", hint="look at it with: docker info")


def _last_cause(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return " ".join(str(error).split()) or type(error).__name__
