"""Which words of two lines differ."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from orchestra.views.changed_words import changed_words


def marked(old: str, new: str) -> tuple[list[str], list[str]]:
    one, other = changed_words(old, new)
    return [old[start:end] for start, end in one], [new[start:end] for start, end in other]


def test_single_words_are_found() -> None:
    assert marked("total = price * count", "total = cost * number") == (["price", "count"], ["cost", "number"])
    assert marked("def run(self, a):", "def run(self, a, b):") == ([], [", b"])


def test_lines_with_little_in_common_have_no_marks() -> None:
    assert marked("import os", "return 12 * x") == ([], [])


def test_equal_lines_differ_in_nothing() -> None:
    assert marked("same", "same") == ([], [])


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_not_marked_is_the_same_on_both_sides(old: str, new: str) -> None:
    one, other = changed_words(old, new)
    if one or other:
        assert without(old, one) == without(new, other)


def without(text: str, spans: tuple[tuple[int, int], ...]) -> str:
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text


def test_hostile_lines_take_no_time() -> None:
    begun = time.thread_time()
    for number in range(100):
        changed_words(f"{number} " + "a b " * 400, "b a " * 400 + str(number))
    assert time.thread_time() - begun < 1
