"""Histories in parts, on several processors: each part has a process and a seed of its own."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context

from tests.histories.machine import play

PART = 50
"""How many histories are played with one seed."""


@dataclass(frozen=True)
class Part:
    """Histories that were played, what was done in them, and how they failed if they did."""

    first: int
    number: int
    seconds: float
    tally: Counter[str] = field(default_factory=Counter)
    failure: str = ""


def _play(seed: int, first: int, number: int) -> Part:
    begun = time.monotonic()
    try:
        tally = play(number, chance=f"{seed}-{first}")
    except Exception:  # noqa: BLE001 -- whatever it is, it is a fault that was found
        return Part(first, number, time.monotonic() - begun, failure=traceback.format_exc())
    return Part(first, number, time.monotonic() - begun, tally)


def played(seed: int, first: int, number: int, *, jobs: int, minutes: float = 0) -> Iterator[Part]:
    """Play every part, and yield each when it has ended; after ``minutes``, if not 0, no part is begun."""
    begun, end = time.monotonic(), first + number
    todo = ((start, min(PART, end - start)) for start in range(first, end, PART))
    # Each part has a new process, because every history leaves some memory behind.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        running: set[Future[Part]] = set()
        while True:
            late = minutes and time.monotonic() - begun > minutes * 60
            for start, several in islice(todo, 0 if late else jobs - len(running)):
                running.add(pool.submit(_play, seed, start, several))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
