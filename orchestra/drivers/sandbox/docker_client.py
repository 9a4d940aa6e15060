"""A client for the Docker engine's API, which turns the SDK's errors into ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import docker
import requests
from docker import errors as sdk
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.utils import config, kwargs_from_env

from orchestra.errors import CommandFailed, EngineDown, EngineSilent, NotFound, OrchestraError

CALL_DEADLINE = 30
"""Seconds after which a silent call to the engine fails."""
LOOK_DEADLINE = 10
"""Seconds for a call that only reads state, which takes the engine a few milliseconds."""
_ASK_DEADLINE = 5
SPARED = 5.0
"""Seconds for which an engine that did not answer a ping is not called, so that not every session waits for it."""
_CONFLICT = 409
_ELSEWHERE = frozenset({"ssh", "npipe"})
"""Kinds of addresses that lead to another machine."""
_LOOKS = 40
_BETWEEN_LOOKS = 0.05
_Found = TypeVar("_Found")
_clients: dict[tuple[int, str, int], docker.APIClient] = {}
_silent: dict[str, float] = {}
"""The engines that did not answer, by address, and the time until which each is not called."""


def connect(timeout: int = CALL_DEADLINE) -> docker.APIClient:
    """Return the client of the engine that the docker command would talk to.

    ``timeout`` is in seconds, for each wait on the connection. An engine that did not answer the
    last time must answer a ping first. Raises EngineDown; EngineSilent if it does not.
    """
    where = address()
    if where in _silent:
        _require_voice(where)
    return _connected(where, timeout)


def _connected(where: str, timeout: int) -> docker.APIClient:
    # A client must not be shared with a forked child, nor outlive a change of engine.
    key = (os.getpid(), where, timeout)
    if (known := _clients.get(key)) is not None:
        return known
    _knock(where)
    with translated("reach the Docker engine"):
        settings: dict[str, Any] = {"base_url": where or None, **kwargs_from_env()}
        # Two threads may each create one, because a lock would make them wait for a silent engine in turn.
        return _clients.setdefault(key, _client(timeout, settings))


def _require_voice(where: str, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Raise EngineSilent if the engine does not answer a ping, or recently did not."""
    what = "ping the Docker engine"
    if clock() < _silent.get(where, 0.0):
        raise _silence(what)
    try:
        with translated(what):
            _connected(where, _ASK_DEADLINE).ping()
    except EngineSilent:
        _silent[where] = clock() + SPARED
        raise
    _silent.pop(where, None)


def _client(timeout: int, settings: Mapping[str, Any]) -> docker.APIClient:
    try:
        return docker.APIClient(version="auto", timeout=timeout, **settings)
    except ValueError as error:
        # The SDK raises this for an invalid port.
        raise down(error) from error


def _knock(where: str) -> None:
    """Check first whether anybody listens, because the SDK hides the reason and leaks its socket."""
    if where.partition("://")[0] in _ELSEWHERE:
        raise _elsewhere(choice())
    path = (where or DEFAULT_UNIX_SOCKET).removeprefix("http+").removeprefix("unix://")
    if not path.startswith("/"):
        return
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_ASK_DEADLINE)
        with translated("reach the Docker engine"):
            link.connect(path)


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen engine: its address, empty for the default one, and what chose it."""

    address: str = ""
    chosen_by: str = ""
    undo: str = ""


def choice() -> Choice:
    """Return the engine that the docker command would use.

    It is the one of ``DOCKER_HOST``, else of ``DOCKER_CONTEXT``, else of the current context.

    Raises EngineDown for a missing context.
    """
    if configured := os.environ.get("DOCKER_HOST"):
        return Choice(configured, "DOCKER_HOST", "unset DOCKER_HOST")
    if name := os.environ.get("DOCKER_CONTEXT"):
        return _of_context(name, f"the context {name!r} of DOCKER_CONTEXT", "unset DOCKER_CONTEXT")
    current = config.load_general_config()
    name = str(current.get("currentContext") or "") if isinstance(current, dict) else ""
    return _of_context(name, f"the docker context {name!r}", "docker context use default")


def _of_context(name: str, chosen_by: str, undo: str) -> Choice:
    # Not through the SDK, which searches the current directory if there is no config.json.
    if name in {"", "default"}:
        return Choice()
    base = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    meta = base / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    try:
        host = str(json.loads(meta.read_bytes())["Endpoints"]["docker"]["Host"])
    except FileNotFoundError:
        raise EngineDown(
            f"{chosen_by} does not exist", hint=f"to list the contexts: docker context ls; or {undo}"
        ) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise EngineDown(f"{chosen_by} cannot be read: {meta}", hint=f"create it again, or {undo}") from error
    return Choice(host, chosen_by, undo)


def address() -> str:
    """Return the engine's configured address, else an empty text; raises EngineDown like `choice`."""
    return choice().address


def command() -> tuple[str, ...]:
    """Return the docker command with the engine to use, because tmux may have another environment."""
    where = address()
    return ("docker", "--host", where) if where else ("docker",)


def engine_version() -> str:
    """Return the engine's version.

    Raises EngineDown with a hint if no engine answers within 5 seconds or the docker command is
    missing.
    """
    with translated("ask the Docker engine for its version"):
        version = str(connect(_ASK_DEADLINE).version()["Version"])
    _require_command()
    return version


def require_engine() -> None:
    """Check that an engine answers, more cheaply than by its version; raises EngineDown like `engine_version`."""
    _require_voice(address())
    _require_command()


def _require_command() -> None:
    if shutil.which("docker") is None:
        raise EngineDown("a Docker engine answers, but the docker command is missing", hint="install docker-cli")


def is_conflict(error: OrchestraError) -> bool:
    """Return whether the engine refused because the name exists."""
    return isinstance(error, CommandFailed) and error.code == _CONFLICT


def appears(
    look: Callable[[], _Found | None], *, looks: int = _LOOKS, sleep: Callable[[float], None] = time.sleep
) -> _Found | None:
    """Poll until something is visible, ``looks`` times every 50 ms; returns None if it is not.

    The engine reserves a name for the first caller some time before it shows the object.
    """
    for _ in range(looks):
        if (found := look()) is not None:
            return found
        sleep(_BETWEEN_LOOKS)
    return None


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn everything the SDK raises inside into NotFound, CommandFailed, EngineSilent or EngineDown."""
    try:
        yield
    except (sdk.NotFound, sdk.APIError) as error:
        raise _refusal(what, error) from error
    except requests.exceptions.Timeout as error:
        raise _fell_silent(what) from error
    except (requests.exceptions.RequestException, sdk.DockerException, OSError) as error:
        if is_silence(error):
            raise _fell_silent(what) from error
        raise down(error) from error


def is_silence(error: BaseException) -> bool:
    """Return whether an error means that the engine accepts calls but does not answer, or has too many waiting."""
    if isinstance(error, (TimeoutError, BlockingIOError)) or "Read timed out" in str(error):
        return True
    cause = error.__cause__ or error.__context__
    return cause is not None and is_silence(cause)


def _fell_silent(what: str) -> EngineSilent:
    _silent.setdefault(address(), 0.0)
    return _silence(what)


def _silence(what: str) -> EngineSilent:
    chosen = choice()
    where = f" at {chosen.address} (see {chosen.chosen_by})" if chosen.address else ""
    restart = "" if where else "; if that hangs too: sudo systemctl restart docker, then: orchestra up"
    return EngineSilent(
        f"the Docker engine{where} did not answer in time (could not {what})",
        hint=f"check it with: docker info{restart}",
    )


def _refusal(what: str, error: sdk.APIError) -> OrchestraError:
    reason = error.explanation or str(error)
    if isinstance(error, sdk.NotFound):
        return NotFound(f"could not {what}: {reason}")
    return CommandFailed(f"could not {what}: {reason}", code=error.status_code or 1, stderr=reason)


def _elsewhere(chosen: Choice) -> EngineDown:
    return EngineDown(
        f"the Docker engine at {chosen.address} (see {chosen.chosen_by}) is on another machine; "
        "Orchestra needs one on this machine, so that it can mount directories",
        hint=chosen.undo,
    )


def down(error: BaseException) -> EngineDown:
    """Return the error for an unreachable engine, with a hint that fits the reason."""
    text, chosen = str(error), choice()
    where = f" at {chosen.address} (see {chosen.chosen_by})" if chosen.address else ""
    otherwise = f"; or use the default engine: {chosen.undo}" if chosen.undo else ""
    if isinstance(error, PermissionError) or "Permission denied" in text:
        hint = f"join its group and log in again: sudo usermod -aG docker $USER{otherwise}"
        return EngineDown(f"you have no permission to use the Docker engine's socket{where}", hint=hint)
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)) or "refused" in text or "No such file" in text:
        start = "start it (sudo systemctl start docker), or run scripts/setup.sh"
        hint = f"start that engine{otherwise}" if where else start
        return EngineDown(f"no Docker engine is running{where}", hint=hint)
    hint = f"check it with: docker info{otherwise}"
    return EngineDown(f"the Docker engine{where} does not answer: {_last_cause(error)}", hint=hint)


def _last_cause(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return " ".join(str(error).split()) or type(error).__name__
