"""The engine's stream of events (GET /events of its API), so that nobody has to ask it again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestra.drivers.sandbox.docker_client import LOOK_DEADLINE, connect, translated
from orchestra.model import BoxEnd

if TYPE_CHECKING:
    from docker.types.daemon import CancellableStream

_QUIET = 60
"""Seconds after which the stream is opened again, because a dead engine sends no events either."""
_EVENTS = ("create", "destroy", "die", "pause", "rename", "start", "unpause")


def end(event: Mapping[str, Any]) -> BoxEnd | None:
    """Return what an event tells of a container's end; None if it tells of something else."""
    facts = event["Actor"]["Attributes"] if event.get("Action") == "die" else {}
    if not {"name", "exitCode"} <= facts.keys():
        return None
    return BoxEnd(facts["name"], int(facts["exitCode"]), datetime.fromtimestamp(event["timeNano"] / 1e9, UTC))


@contextmanager
def _ending(events: CancellableStream[Any], seconds: float) -> Iterator[threading.Event]:
    """Cut a stream off if it does not end by itself; the result then is set."""
    silent = threading.Event()

    def cut() -> None:
        silent.set()
        events.close()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield silent
    finally:
        timer.cancel()
        events.close()


def stream(ended: threading.Event, *, label: str) -> Iterator[dict[str, Any]]:
    """Yield the events of containers with a label, and an empty one each time the stream was opened.

    Raises EngineDown or EngineSilent when the engine goes; ends by itself once ``ended`` is set and
    the stream was quiet or opened again.
    """
    filters = {"type": "container", "label": label, "event": list(_EVENTS)}
    while not ended.is_set():
        with translated("follow the engine's events"):
            now = int(time.time())
            # The engine ends the stream then, and the SDK waits for that without a deadline of its own.
            events = connect(_QUIET).events(decode=True, filters=filters, since=now, until=now + _QUIET)
            with _ending(events, _QUIET + LOOK_DEADLINE) as silent:
                yield {}
                yield from events
            if silent.is_set():
                raise TimeoutError
