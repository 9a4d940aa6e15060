"""Start, call and end the project's background process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestra import __version__
from orchestra.errors import ServiceDown
from orchestra.names import digest
from orchestra.paths import ProjectPaths
from orchestra.protocol import Progress, call, ignore, request_id

START_DEADLINE = 60.0
"""Seconds that a service has to answer after its start."""
_TRIES = 4
_POLL = 0.03
_RELEVANT = ("ORCHESTRA_", "DOCKER_", "PATH", "GIT_AUTHOR_", "GIT_COMMITTER_")
_LOGINS = ("_KEY", "_TOKEN")
_PROXIES = ("_PROXY", "_proxy")


def ping(paths: ProjectPaths) -> dict[str, Any] | None:
    """Return the running service's description of itself, or None if none answers."""
    try:
        answer: dict[str, Any] = call(paths.socket, "ping", {}, silence=5.0)
    except ServiceDown:
        return None
    return answer


def ask_surely(
    paths: ProjectPaths, action: str, arguments: Mapping[str, Any], *, progress: Progress = ignore, request: str = ""
) -> Any:  # noqa: ANN401 -- the action's own plain result
    """Have the service run an action; the service is started if necessary, also if it dies meanwhile.

    The request is repeated with the same id, so nothing is done twice. Raises the action's errors,
    and ServiceDown if the service does not stay up.
    """
    request = request or request_id()
    for _ in range(_TRIES - 1):
        ensure_running(paths)
        try:
            return call(paths.socket, action, arguments, progress=progress, request=request)
        except ServiceDown:
            continue
    ensure_running(paths)
    return call(paths.socket, action, arguments, progress=progress, request=request)


def ensure_running(
    paths: ProjectPaths,
    *,
    settings: Mapping[str, str] | None = None,
    deadline: float = START_DEADLINE,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Start the service unless it already answers; starting it twice leaves one.

    ``settings`` are variables that it gets in addition to this process's own. Raises ServiceDown,
    with the end of its log, if it does not answer within ``deadline`` seconds.
    """
    answer = ping(paths)
    if answer is not None:
        return answer
    started = launch(paths, settings)
    end = clock() + deadline
    while (answer := ping(paths)) is None:
        if started.poll() == 0:
            # The lock was taken, by a service that is ending or by one that will answer soon.
            started = launch(paths, settings)
        if started.poll() not in {None, 0}:
            raise ServiceDown(f"the service did not start: {_last_words(paths.log)}", hint=f"its log is {paths.log}")
        if clock() > end:
            message = f"the service was started but has not answered for {deadline:.0f} s; the machine may be busy"
            raise ServiceDown(message, hint=f"try again; its log is {paths.log}")
        pause(_POLL)
    return answer


def launch(paths: ProjectPaths, settings: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the service detached from this terminal."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")}
    environment.update(settings or {})
    paths.state.mkdir(parents=True, exist_ok=True)
    with paths.log.open("ab") as log:
        return subprocess.Popen(
            (sys.executable, "-m", "orchestra.service", str(paths.source)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
        )


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    # Python surrounds an error's lines with its own markers.
    words = [plain for line in lines if (plain := line.strip(" |+-^~"))]
    return words[-1] if words else "it left no message"


def mark(environment: Mapping[str, str]) -> str:
    """Return a hash of the version, the database's schema, and the variables that affect the service and its logins."""
    from orchestra.store.migrations import MIGRATIONS  # noqa: PLC0415 -- loads sqlite3, for the few who compare

    relevant = {
        name: value
        for name, value in environment.items()
        if name.startswith(_RELEVANT) or name.endswith(_LOGINS + _PROXIES)
    }
    return digest(repr((__version__, max(MIGRATIONS), sorted(relevant.items()))), 16)


def take_environment(paths: ProjectPaths) -> None:
    """End a service that was started by another version or with other settings, engine or logins.

    The next service gets the caller's environment; agents notice nothing.
    """
    answer = ping(paths)
    if answer is not None and answer.get("mark") != mark(os.environ):
        quit_service(paths)


def quit_service(
    paths: ProjectPaths,
    *,
    deadline: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Ask the service to end and wait until it has; agents and containers keep running."""
    end = clock() + deadline
    try:
        call(paths.socket, "quit", {}, silence=deadline)
    except ServiceDown:
        return
    while ping(paths) is not None and clock() < end:
        pause(_POLL)
