"""Land many executors on one branch, beside the time that their checks alone take at the same parallelism."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import docker

from benchmarks.effort import Effort
from benchmarks.ground import Ground, ground
from benchmarks.table import Goal, Row
from orchestra.names import slug

_MOST = Goal(1.5, of_ratio=True)
_SETTLED = 900.0
_POLL = 0.25


def landing(effort: Effort) -> Iterator[Row]:
    """Land twenty executors whose check takes five seconds."""
    number, seconds = effort.of(20, 2), effort.of(5, 1)
    width = os.cpu_count() or 1
    with ground() as place:
        (place.root / "home" / "config.yaml").write_text(f"check: sleep {seconds}\n")
        names = [slug(f"worker {each}") for each in range(number)]
        for name in names:
            place.orchestra("new", name, "--task", "Wait.")
            _commit(place, name)
        ours = _land(place, names)
        raw = _checks(place, number, seconds, width)
    note = f"{width} checks at a time; raw: as many containers that sleep"
    yield Row(f"land {number} executors with a check of {seconds} s", ours, raw, "s", _MOST, note=note)


def _commit(place: Ground, name: str) -> None:
    """Commit one file in a session's container, as its agent would."""
    session = json.loads(place.orchestra("show", name, "--json").stdout)
    box = docker.from_env().containers.get(session["container"])
    script = f"echo {name} > {name}.txt && git add -A && git commit -qm {name}"
    done = box.exec_run(["sh", "-c", script], workdir=session["worktree"], user=f"{os.getuid()}:{os.getgid()}")
    if done.exit_code:
        raise SystemExit(f"{name} could not commit: {done.output!r}")


def _land(place: Ground, names: list[str]) -> float:
    """Return the seconds from the first merge that is asked for to the last landing."""
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: place.orchestra("merge", name, "--no-wait"), names))
    while time.monotonic() < began + _SETTLED:
        found = json.loads(place.orchestra("queue", "--landed", "1000", "--json").stdout)
        if not found["open"] and len(found["landed"]) == len(names):
            return time.monotonic() - began
        time.sleep(_POLL)
    raise SystemExit(f"not everything has landed: {found['open']}")


def _checks(place: Ground, number: int, seconds: int, width: int) -> float:
    client = docker.from_env(max_pool_size=width * 2)

    def one(_: int) -> None:
        client.containers.run(place.image, ["sleep", str(seconds)], network=place.network, remove=True, entrypoint="")

    began = time.monotonic()
    with ThreadPoolExecutor(width) as pool:
        list(pool.map(one, range(number)))
    return time.monotonic() - began
