"""The sections of the benchmark, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks import commands, forecast, keys, landing, large_diff, many_containers, rest, search, seen
from benchmarks.effort import Effort
from benchmarks.table import Row

Section = Callable[[Effort], Iterator[Row]]
SECTIONS: Mapping[str, Section] = {
    "commands": commands.commands,
    "prompt": commands.prompt,
    "many": many_containers.many_containers,
    "landing": landing.landing,
    "forecast": forecast.forecast,
    "keys": keys.keys,
    "diff": large_diff.large_diff,
    "seen": seen.seen,
    "rest": rest.at_rest,
    "files": rest.many_files,
    "search": search.search,
}
