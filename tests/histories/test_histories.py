"""A few random histories in every run; `make histories` plays 10,000."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.histories.machine import KINDS, LIVES, Landings, play, playground

HISTORIES = 500


@pytest.mark.timeout(1800)
def test_no_history_turns_main_red_or_loses_anything() -> None:
    tally = play(HISTORIES)
    assert tally["histories"] >= HISTORIES
    assert {"kills", "landings"} <= tally.keys(), "histories in which nothing happens say nothing"


@pytest.fixture
def history() -> Iterator[Landings]:
    """A history without a step, which is judged after the test."""
    with playground() as histories:
        state = histories()
        state.begin(batch=1)
        yield state
        state.teardown()


def test_what_was_merged_is_in_main(history: Landings) -> None:
    history.merge("alpha", LIVES, "app.txt", "fine")
    history.work(LIVES)
    history.both(LIVES, "new.txt", "fine")
    history.undo(LIVES, "alpha", "app.txt")
    history.complete("beta")
    history.judge()
    assert {kind: history.tally[kind] for kind in KINDS.values()} == {
        "landings": 2, "undos": 1, "conflicts": 1, "red checks": 0,
    }  # fmt: skip
