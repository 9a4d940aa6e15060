"""What the control pane writes to a terminal that does not read."""

from __future__ import annotations

import os
import pty
import select
from collections.abc import Iterator

import pytest

from orchestra.control import driver
from orchestra.control.driver import Output, accepts

LONG = "x" * 1_000_000


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: the one that shows it, and the program's."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def read(ours: int) -> bytes:
    """Return everything that can be read now."""
    found = b""
    while select.select([ours], [], [], 0.2)[0]:
        found += os.read(ours, 65536)
    return found


@pytest.mark.parametrize("chunk", [100, 4096, 5000])
def test_a_terminal_that_does_not_read_blocks_nothing(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    ours, theirs = ends
    monkeypatch.setattr(driver, "_CHUNK", chunk)
    output = Output(theirs, deadline=0.2)
    for _ in range(30):
        output.write(LONG)
    assert read(ours)
    output.write("shown again")
    assert read(ours).endswith(b"shown again")


def test_only_the_first_write_waits_for_a_terminal_that_does_not_read(ends: tuple[int, int]) -> None:
    ours, theirs = ends
    waits: list[float] = []

    def waiting(terminal: int, patience: float) -> bool:
        waits.append(patience)
        return accepts(terminal, patience)

    output = Output(theirs, deadline=0.2, wait=waiting)
    output.write(LONG)
    waits.clear()
    for _ in range(30):
        output.write(LONG)
    assert set(waits) == {0.0}
    read(ours)
    output.write("shown again")
    waits.clear()
    output.write("and waited for")
    assert waits
    assert min(waits) > 0
    assert read(ours) == b"shown againand waited for"


def test_a_terminal_that_is_gone_is_no_error() -> None:
    ours, theirs = pty.openpty()
    output = Output(theirs)
    os.close(ours)
    output.write("lost")
    os.close(theirs)
    output.write("lost")
