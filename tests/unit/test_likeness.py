"""How alike the changes of sessions are."""

from __future__ import annotations

import pytest

from orchestra.likeness import LINES, ChangedLines, alike, shared

DIFF = b"""diff --git a/one.py b/one.py
index 1..2 100644
--- a/one.py
+++ b/one.py
@@ -1,2 +1,3 @@
 context
-old
+    new
+
+\tother
"""


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_lines_of_a_diff_are_counted_however_it_comes(size: int) -> None:
    counted = ChangedLines()
    for at in range(0, len(DIFF), size):
        assert counted.take(DIFF[at : at + size])
    assert counted.lines == {b"-old": 1, b"+new": 1, b"+other": 1}


def test_a_diff_without_end_is_not_read_to_its_end() -> None:
    counted = ChangedLines()
    assert not counted.take(b"".join(b"+line %d\n" % number for number in range(LINES + 1)))


def test_the_share_of_common_lines_says_how_alike_two_are() -> None:
    diffs = {"a": b"+x\n+y\n", "b": b"+x\n-y\n", "c": b"", "d": b""}
    counts = {}
    for name, diff in diffs.items():
        counted = ChangedLines()
        counted.take(diff)
        counts[name] = counted.lines
    found = {one.names: one.share for one in alike(counts)}
    assert found["a", "b"] == 0.5
    assert found["a", "c"] == 0
    assert found["c", "d"] == 1
    assert len(found) == 6


def test_files_are_named_with_those_who_changed_them() -> None:
    found = shared({"a": ["x", "y"], "b": ["y"], "c": ["y", "z"]})
    assert found == [("y", ("a", "b", "c")), ("x", ("a",)), ("z", ("c",))]
