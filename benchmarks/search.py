"""Measure searching: python -m benchmarks.search [MESSAGES]."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

from orchestra.model import MessageKind, Role, SandboxKind
from orchestra.store import Store, utc_now
from orchestra.store.search_index import query

_WORDS = [f"{first}{middle}{last}" for first in "bdfgklmnprst" for middle in ("a", "e", "io", "u") for last in "lmnrst"]
_BATCH = 2000


def main(messages: int) -> None:
    """Fill a database, and print how long its index takes to make, to bring up to date, and to search."""
    with tempfile.TemporaryDirectory() as place, closing(Store.open(Path(place, "state.db"))) as store:
        _fill(store, messages)
        print(f"{messages:,} messages: database {_size(place, 'state.db'):.1f} MB")
        print(f"first index    {_timed(lambda: _index(store)) * 1000:9.1f} ms, {_size(place, 'search.db'):.1f} MB")
        store.messages.post("main", "user", MessageKind.MESSAGE, "one more needle")
        print(f"one more       {_timed(lambda: _index(store)) * 1000:9.1f} ms")
        for name, text in (("a rare word", "needle"), ("two words", "bal mel"), ("a common word", "the")):
            wanted = query(text)
            took = [_timed(partial(store.search.find, wanted, "messages", sessions=None, limit=20)) for _ in range(9)]
            print(f"{name:14} {statistics.median(took) * 1000:9.1f} ms")


def _fill(store: Store, messages: int) -> None:
    chance = random.Random(7)  # noqa: S311 -- the same texts each time
    about = {"agent": "plain", "branch": "b", "base": "a", "base_branch": "trunk", "worktree": Path("/w")}
    more = {"role": Role.EXECUTOR, "sandbox": SandboxKind.HOST, "parent": "main"}
    store.sessions.add(name="main", title="main", **about, **more)
    start = utc_now() - timedelta(days=1)
    with store.together():
        for number in range(messages):
            store.now = store.messages.now = lambda number=number: start + timedelta(milliseconds=number)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            text = " ".join(["the", *chance.choices(_WORDS, k=30)])
            store.messages.post("main", "user", MessageKind.MESSAGE, text)


def _index(store: Store) -> None:
    while True:
        with store.search.change():
            rows = store.searchable.messages(int(store.search.mark("messages") or 0), _BATCH)
            store.search.add(rows)
            if not rows:
                return
            store.search.set_mark("messages", rows[-1].key)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _size(place: str, name: str) -> float:
    return sum(file.stat().st_size for file in Path(place).glob(f"{name}*")) / 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
