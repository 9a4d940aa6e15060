"""Rehearsal agents and a service for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestra.model import Role
from tests.support.rehearsing import Agent
from tests.support.stub_service import StubService


@pytest.fixture
def stub() -> Iterator[StubService]:
    """A service that a test can make fail."""
    with StubService() as service:
        yield service


@pytest.fixture
def actor(tmp_path: Path, stub: StubService) -> Iterator[Callable[..., Agent]]:
    """Make rehearsal agents, and end them after the test."""
    made: list[Agent] = []

    def one(role: Role = Role.EXECUTOR) -> Agent:
        made.append(Agent(tmp_path / f"agent-{len(made)}", stub, role))
        return made[-1]

    yield one
    for agent in made:
        if agent.process is not None:
            agent.kill()
