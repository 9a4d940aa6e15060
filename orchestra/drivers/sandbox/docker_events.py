"""The engine's stream of events (GET /events of its API), so that nobody has to ask it again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import requests

from orchestra.drivers.sandbox.docker_client import connect, is_silence, translated

_QUIET = 30
"""Seconds without an event after which the stream is opened again, because a dead engine sends none either."""
_EVENTS = ("create", "destroy", "die", "pause", "rename", "start", "unpause")


def stream(ended: threading.Event, *, label: str) -> Iterator[dict[str, Any]]:
    """Yield the events of containers with a label, and an empty one each time the stream was opened.

    Raises EngineDown or EngineSilent when the engine goes; ends by itself once ``ended`` is set and
    the stream was quiet or opened again.
    """
    filters = {"type": "container", "label": label, "event": list(_EVENTS)}
    while not ended.is_set():
        with translated("follow the engine's events"):
            events = connect(_QUIET).events(decode=True, filters=filters)
            try:
                yield {}
                yield from events
            except requests.exceptions.RequestException as error:
                if not is_silence(error):
                    raise
            finally:
                events.close()
