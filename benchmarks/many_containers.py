"""Stop and start a project with many containers, beside the engine's own time for the same containers, side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import docker
from docker.models.containers import Container

from benchmarks.effort import Effort
from benchmarks.ground import Ground, ground
from benchmarks.table import Goal, Row, of_pairs
from orchestra.actions.service_process import quit_service

_MOST = Goal(1.5, of_ratio=True)
_GRACE = 10
"""The seconds that an agent has to end, as in Orchestra."""


def many_containers(effort: Effort) -> Iterator[Row]:
    """Stop and start ten agents: down --stop and up."""
    number, times = effort.of(10, 3), effort.times(5)
    with ground() as place:
        for each in range(number - 1):
            place.orchestra("new", f"worker {each}", "--task", "Wait.")
        rounds = [_round(place) for _ in range(times)]
    stops, starts = zip(*rounds, strict=True)
    yield of_pairs(f"stop {number} agents in containers (down --stop)", stops, _MOST)
    yield of_pairs(f"start {number} agents in containers (up)", starts, _MOST)


def _round(place: Ground) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the seconds of a stop and of a start, Orchestra's and the engine's."""
    stopped = _seconds(lambda: place.orchestra("down", "--stop"))
    started = _seconds(lambda: place.orchestra("up", "--detach"))
    # Without windows and service nothing else asks the engine; network and credentials stay, as the containers run.
    place.orchestra("down")
    quit_service(place.paths)
    boxes = _boxes(place)
    raw_stopped = _side_by_side(boxes, lambda box: box.stop(timeout=_GRACE))
    raw_started = _side_by_side(boxes, lambda box: box.start())
    place.orchestra("up", "--detach")
    return (stopped, raw_stopped), (started, raw_started)


def _boxes(place: Ground) -> Sequence[Container]:
    label = f"orchestra.project={place.paths.key}"
    names = {row["name"] for row in json.loads(place.orchestra("list", "--json").stdout)}
    found = docker.from_env(max_pool_size=32).containers.list(filters={"label": label})
    return [box for box in found if box.labels.get("orchestra.session") in names]


def _side_by_side(boxes: Sequence[Container], act: Callable[[Container], object]) -> float:
    with ThreadPoolExecutor(len(boxes)) as pool:
        return _seconds(lambda: list(pool.map(act, boxes)))


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
