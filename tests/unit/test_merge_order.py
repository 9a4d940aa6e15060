"""The order of merges in which the fewest go back to their authors."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from orchestra.merge_order import EXACT, best_order, sent_back

Against = dict[str, set[str]]


def against(names: Sequence[str], *pairs: str) -> Against:
    """Return who conflicts with whom, from pairs of letters."""
    return {name: {other for pair in pairs if name in pair for other in pair if other != name} for name in names}


def test_whoever_conflicts_with_what_has_landed_goes_back_and_is_in_nobodys_way() -> None:
    assert sent_back("abc", against("abc", "ab", "bc")) == ["b"]
    assert sent_back("bac", against("abc", "ab", "bc")) == ["a", "c"]


@pytest.mark.parametrize(
    ("order", "pairs", "best"),
    [
        ("abcd", ["ab", "ac", "ad"], "bcda"),
        ("abcd", ["ad", "bd", "cd"], "abcd"),
        ("ab", ["ab"], "ab"),
        ("abcde", ["ab", "ac"], "bcade"),
        ("abcd", [], "abcd"),
        ("abcdef", ["ab", "ac", "de", "df"], "bcaefd"),
    ],
)
def test_one_that_conflicts_with_many_waits_behind_them(order: str, pairs: list[str], best: str) -> None:
    assert "".join(best_order(order, against(order, *pairs))) == best


def test_who_is_being_checked_keeps_its_place() -> None:
    conflicts = against("abcd", "ab", "ac", "ad")
    assert "".join(best_order("abcd", conflicts, fixed=1)) == "abcd"
    assert "".join(best_order("dabc", conflicts, fixed=1)) == "dabc"


def test_no_order_is_better_for_up_to_eight() -> None:
    chance = random.Random(7)  # noqa: S311 -- the same cases in every run
    for size in range(2, 7):
        names = "abcdefg"[:size]
        for _ in range(40):
            pairs = ["".join(pair) for pair in itertools.combinations(names, 2) if chance.random() < 0.4]
            conflicts = against(names, *pairs)
            for fixed in range(size):
                found = best_order(names, conflicts, fixed=fixed)
                assert sorted(found) == list(names)
                assert "".join(found[:fixed]) == names[:fixed]
                others = itertools.permutations(names[fixed:])
                least = min(len(sent_back([*names[:fixed], *other], conflicts)) for other in others)
                assert len(sent_back(found, conflicts)) == least


def test_many_are_ordered_well_in_little_time() -> None:
    """A hundred, of which each tenth conflicts with the nine behind it: the best order sends ten back."""
    names = [str(number) for number in range(100)]
    assert EXACT < 10
    conflicts = {name: set[str]() for name in names}
    for first in range(0, 100, 10):
        for other in range(first + 1, first + 10):
            conflicts[str(first)].add(str(other))
            conflicts[str(other)].add(str(first))
    assert len(sent_back(names, conflicts)) == 90
    assert len(sent_back(best_order(names, conflicts), conflicts)) == 10
