"""Which words of two lines differ, in time that grows with the lines' length alone."""

from __future__ import annotations

import re
from functools import lru_cache

Span = tuple[int, int]
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_LONGEST = 2_000
"""Characters of a line up to which its words are compared."""
_COMPARED = 40
"""Words of the differing middles that are compared one by one; longer middles differ as a whole."""
_ALIKE = 0.3
"""The least part of the longer line that two lines share, if single words are to be shown."""


@lru_cache(maxsize=2048)
def changed_words(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return the changed parts of two lines as ranges of characters; none if they have little in common."""
    if max(len(old), len(new)) > _LONGEST:
        return (), ()
    before, after = _WORD.findall(old), _WORD.findall(new)
    first = _shared(before, after)
    last = _shared(before[first:][::-1], after[first:][::-1])
    middle = before[first : len(before) - last], after[first : len(after) - last]
    kept_old, kept_new = _kept(*middle)
    changed_old = _spans(before, first, middle[0], kept_old)
    changed_new = _spans(after, first, middle[1], kept_new)
    same = max(len(old), len(new)) - max(_size(changed_old), _size(changed_new))
    return (changed_old, changed_new) if same >= _ALIKE * max(len(old), len(new)) else ((), ())


def _shared(one: list[str], other: list[str]) -> int:
    number = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        number += 1
    return number


def _kept(one: list[str], other: list[str]) -> tuple[set[int], set[int]]:
    """Return which words of both are in their longest common subsequence."""
    if len(one) > _COMPARED or len(other) > _COMPARED:
        return set(), set()
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) - 1, -1, -1):
        for j in range(len(other) - 1, -1, -1):
            same = one[i] == other[j]
            lengths[i][j] = lengths[i + 1][j + 1] + 1 if same else max(lengths[i + 1][j], lengths[i][j + 1])
    return _walk(one, other, lengths)


def _walk(one: list[str], other: list[str], lengths: list[list[int]]) -> tuple[set[int], set[int]]:
    kept_one: set[int] = set()
    kept_other: set[int] = set()
    i = j = 0
    while i < len(one) and j < len(other):
        if one[i] == other[j]:
            kept_one.add(i)
            kept_other.add(j)
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return kept_one, kept_other


def _spans(words: list[str], first: int, middle: list[str], kept: set[int]) -> tuple[Span, ...]:
    at = sum(map(len, words[:first]))
    spans: list[Span] = []
    for number, word in enumerate(middle):
        if number not in kept:
            joined = spans and spans[-1][1] == at
            spans[-1:] = [(spans[-1][0], at + len(word))] if joined else [*spans[-1:], (at, at + len(word))]
        at += len(word)
    return tuple(spans)


def _size(spans: tuple[Span, ...]) -> int:
    return sum(end - start for start, end in spans)
