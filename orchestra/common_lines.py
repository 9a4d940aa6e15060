"""Find lines that two texts have in common, in their order, whatever the texts are, in little time; pure.

It is the patience diff: first the lines that each text has only once, then the same between them, and a whole
comparison where few lines are left. A comparison of everything at once takes over a minute for a file of 20,000 lines
of which every second one has changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

Lines = Sequence[bytes]
Block = tuple[int, int, int]
"""Lines that two texts have in common: where they begin in the older and in the newer one, and how many."""
_FEW = 100
"""The most lines that are all compared with each other."""
_DEPTH = 8
"""How often lines that are there once are looked for between such lines."""


def common_blocks(before: Lines, after: Lines) -> list[Block]:
    """Return what two texts have in common, from their beginning to their end; a block may follow another directly."""
    return list(_blocks(before, after, 0, 0, _DEPTH))


def common_start(one: Lines, other: Lines) -> int:
    """Return with how many equal lines two texts begin."""
    pairs = zip(one, other, strict=False)
    return next((number for number, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def _blocks(before: Lines, after: Lines, old: int, new: int, depth: int) -> Iterator[Block]:
    head = common_start(before, after)
    before, after = before[head:], after[head:]
    tail = common_start(before[::-1], after[::-1])
    rest, other_rest = len(before) - tail, len(after) - tail
    if head:
        yield old, new, head
    if rest and other_rest:
        yield from _middle(before[:rest], after[:other_rest], old + head, new + head, depth)
    if tail:
        yield old + head + rest, new + head + other_rest, tail


def _middle(before: Lines, after: Lines, old: int, new: int, depth: int) -> Iterator[Block]:
    """Yield what is in common of texts that begin and end differently."""
    if set(before).isdisjoint(after):
        return
    if len(before) + len(after) <= _FEW:
        matcher = SequenceMatcher(None, before, after, autojunk=False)
        yield from ((old + block.a, new + block.b, block.size) for block in matcher.get_matching_blocks() if block.size)
        return
    at = to = 0
    anchors = _anchors(before, after) if depth else []
    for mine, theirs in anchors:
        yield from _blocks(before[at:mine], after[to:theirs], old + at, new + to, depth - 1)
        yield old + mine, new + theirs, 1
        at, to = mine + 1, theirs + 1
    if anchors:
        yield from _blocks(before[at:], after[to:], old + at, new + to, depth - 1)


def _anchors(before: Lines, after: Lines) -> list[tuple[int, int]]:
    """Return where the lines are that each text has once, as many as are in the same order in both."""
    ours, others = Counter(before), Counter(after)
    places = {line: at for at, line in enumerate(before) if ours[line] == 1}
    pairs = [(places[line], at) for at, line in enumerate(after) if others[line] == 1 and line in places]
    return [pairs[number] for number in _increasing([old for old, _ in pairs])]


def _increasing(numbers: Sequence[int]) -> list[int]:
    """Return the indexes of a longest increasing subsequence."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        at = bisect_left(ends, number)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [number]
        last[at : at + 1] = [index]
    chain = []
    index = last[-1] if last else -1
    while index >= 0:
        chain.append(index)
        index = before[index]
    return chain[::-1]
