"""Do the same for many sessions side by side, each under its own lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 16
"""The most sessions in progress: mostly they wait for the engine, or for agents that are asked to end."""
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def each(items: Sequence[_Item], act: Callable[[_Item], _Result]) -> list[_Result]:
    """Return what ``act`` returns for each item, in their order; it must handle its own errors."""
    if len(items) < 2:  # noqa: PLR2004 -- one alone needs no thread
        return [act(item) for item in items]
    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(act, items))
