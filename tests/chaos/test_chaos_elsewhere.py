"""The kills of actions on containers, and of the service, that a run of the tests makes."""

from __future__ import annotations

import random

import pytest

from tests.chaos.blows import strike_all
from tests.chaos.cases import IN_CONTAINERS
from tests.chaos.killing import kill_all
from tests.chaos.scene import Case
from tests.chaos.served import in_the_service

SEED = 20261125
STRUCK = {"spawn", "unpair"}
"""The actions in which the engine goes away here; ``make chaos`` takes them all."""
SERVED = 6
"""One in each command."""


@pytest.mark.docker
@pytest.mark.parametrize("case", IN_CONTAINERS, ids=lambda case: case.name.replace(" ", "-"))
def test_an_action_on_a_container_that_is_killed_loses_nothing_and_leaves_nothing(case: Case, git_image: str) -> None:
    tally = kill_all(case, 1, random.Random(SEED), image=git_image)  # noqa: S311 -- where to kill, the same in every run
    assert len(tally.kills) == 1
    assert [str(kill) for kill in tally.bad] == []


@pytest.mark.docker
@pytest.mark.parametrize("case", [case for case in IN_CONTAINERS if case.name in STRUCK], ids=lambda case: case.name)
def test_an_action_in_which_the_engine_goes_away_loses_nothing_and_leaves_nothing(case: Case, git_image: str) -> None:
    tally = strike_all(case, 1, random.Random(SEED), image=git_image)  # noqa: S311 -- where to strike, the same in every run
    assert len(tally.kills) == 1
    assert [str(kill) for kill in tally.bad] == []


def test_a_service_that_is_killed_loses_nothing_and_leaves_nothing() -> None:
    tally = in_the_service(SERVED, random.Random(SEED))  # noqa: S311 -- where to kill, the same in every run
    assert len(tally.kills) - tally.missed > 0, "at least one kill hit"
    assert [str(kill) for kill in tally.bad] == []
