"""What every journey starts from: a person with a repository of theirs and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.person import Person, arriving

Arrive: TypeAlias = "Callable[..., Person]"


@pytest.fixture
def arrive(tmp_path: Path) -> Iterator[Arrive]:
    """Let a person come; keywords are variables of their environment."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(arriving(tmp_path / "person", **settings))


@pytest.fixture
def person(arrive: Arrive) -> Person:
    """A person who sits down before the sample repository."""
    return arrive()
