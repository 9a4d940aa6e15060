"""The client side of the service's local socket: one JSON line out, JSON lines back."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from orchestra import errors
from orchestra.model import Evidence

CONNECT_DEADLINE = 2.0
"""Seconds to wait for the service to accept a connection."""
SILENCE_DEADLINE = 900.0
"""Seconds that a long action, such as an image build, may be silent."""


Progress: TypeAlias = Callable[[str], None]
"""A function that gets lines about the progress of a long action."""


def ignore(_line: str) -> None:
    """Ignore a line of progress."""


def plain(value: object) -> Any:  # noqa: ANN401 -- JSON has no narrower type
    """Turn model values into JSON data: dates as UTC ISO 8601, paths and evidence as text."""
    if isinstance(value, Evidence):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


def encode_error(error: errors.OrchestraError) -> dict[str, Any]:
    """Turn an error into plain data for `decode_error`."""
    extra = {key: plain(item) for key, item in vars(error).items() if key not in {"message", "hint"}}
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint, "extra": extra}


def decode_error(data: Mapping[str, Any]) -> errors.OrchestraError:
    """Turn `encode_error`'s data back into the error it was made from."""
    error = errors.by_name(data["type"])(data["message"], hint=data.get("hint", ""))
    for key, item in data.get("extra", {}).items():
        setattr(error, key, tuple(item) if isinstance(item, list) else item)
    return error


def request_id() -> str:
    """Return a new id for a request; a request repeated with its id is not done twice."""
    return os.urandom(16).hex()


def call(
    address: Path,
    action: str,
    arguments: Mapping[str, Any],
    *,
    progress: Callable[[str], None] = ignore,
    silence: float = SILENCE_DEADLINE,
    request: str = "",
) -> Any:  # noqa: ANN401 -- the action's own plain result
    """Have the service run an action, and return its plain result; ``request`` is the id of the request.

    Raises ServiceDown if nobody listens or the connection breaks (``asked`` says which),
    DeadlineExceeded after ``silence`` seconds without a line, and any error of the action.
    """
    asked = {"action": action, "arguments": plain(arguments)} | ({"id": request} if request else {})
    # For reading only, because closing a file with unsent data would try to send it again.
    with _connect(address) as link, link.makefile("rb") as answers:
        link.settimeout(silence)
        try:
            link.sendall(f"{json.dumps(asked)}\n".encode())
            for line in answers:
                if not line.endswith(b"\n"):
                    break
                reply = json.loads(line)
                if "progress" in reply:
                    progress(reply["progress"])
                elif "error" in reply:
                    raise decode_error(reply["error"])
                else:
                    return reply["result"]
        except TimeoutError as error:
            message = f"the service has sent nothing about {action!r} for {silence:.0f} s"
            raise errors.DeadlineExceeded(message, hint="to see what happened: orchestra log main") from error
        except OSError as error:
            raise _broken(f"the connection to the service broke: {error}") from error
    raise _broken("the service closed the connection before it answered")


def _broken(message: str) -> errors.ServiceDown:
    down = errors.ServiceDown(message, hint="to see what it did: orchestra list; to start it again: orchestra up")
    down.asked = True
    return down


def _connect(address: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(CONNECT_DEADLINE)
    try:
        link.connect(str(address))
    except OSError as error:
        link.close()
        raise errors.ServiceDown("the project's service is not running", hint="type: orchestra up") from error
    return link
