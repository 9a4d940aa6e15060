"""How quickly messages are indexed and found, beside the bare full-text index of SQLite."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.table import Row, of_pairs
from orchestra.model import MessageKind, Role, SandboxKind
from orchestra.store import Store, utc_now
from orchestra.store.search_index import query

_WORDS = [f"{first}{middle}{last}" for first in "bdfgklmnprst" for middle in ("a", "e", "io", "u") for last in "lmnrst"]
_BATCH = 2000
_RAW_QUERY = (
    "SELECT rowid, snippet(texts, 0, '', '', '…', 20) FROM texts WHERE texts MATCH ? ORDER BY rowid DESC LIMIT 20"
)
_OWN = "raw: SQLite's own index of the texts"


def search(effort: Effort) -> Iterator[Row]:
    """100,000 messages indexed, and words found in them."""
    number = effort.of(100_000, 2000)
    texts = [*_texts(number), "one more needle"]
    with (
        tempfile.TemporaryDirectory() as place,
        closing(Store.open(Path(place, "state.db"))) as store,
        closing(sqlite3.connect(Path(place, "raw.db"))) as raw,
    ):
        _fill(store, texts)
        pair = _timed(lambda: _index(store)), _timed(lambda: _index_raw(raw, texts))
        size = sum(file.stat().st_size for file in Path(place).glob("search.db*")) / 1e6
        yield of_pairs(f"index {number:,} messages", [pair], note=f"{size:.1f} MB; {_OWN}")
        for name, text in (("a rare word", "needle"), ("two words", "bal mel"), ("a common word", "the")):
            ours = partial(store.search.find, query(text), "messages", sessions=None, limit=20)
            theirs = partial(_found, raw, text)
            pairs = [(_timed(ours), _timed(theirs)) for _ in range(effort.times(9))]
            yield of_pairs(f"find {name} in {number:,} messages", pairs, note=_OWN)


def _texts(number: int) -> list[str]:
    chance = random.Random(7)  # noqa: S311 -- the same texts each time
    return [" ".join(["the", *chance.choices(_WORDS, k=30)]) for _ in range(number)]


def _fill(store: Store, texts: list[str]) -> None:
    about = {"agent": "plain", "branch": "b", "base": "a", "base_branch": "trunk", "worktree": Path("/w")}
    more = {"role": Role.EXECUTOR, "sandbox": SandboxKind.HOST, "parent": "main"}
    store.sessions.add(name="main", title="main", **about, **more)
    start = utc_now() - timedelta(days=1)
    with store.together():
        for number, text in enumerate(texts):
            store.now = store.messages.now = lambda number=number: start + timedelta(milliseconds=number)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            store.messages.post("main", "user", MessageKind.MESSAGE, text)


def _index(store: Store) -> None:
    while True:
        with store.search.change():
            rows = store.searchable.messages(int(store.search.mark("messages") or 0), _BATCH)
            store.search.add(rows)
            if not rows:
                return
            store.search.set_mark("messages", rows[-1].key)


def _index_raw(raw: sqlite3.Connection, texts: list[str]) -> None:
    raw.execute("CREATE VIRTUAL TABLE texts USING fts5(text)")
    with raw:
        raw.executemany("INSERT INTO texts VALUES (?)", ((text,) for text in texts))


def _found(raw: sqlite3.Connection, text: str) -> list[object]:
    return raw.execute(_RAW_QUERY, (text,)).fetchall()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
