"""A project before an action that is killed, and what the tables of such actions consist of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestra.model import Session
from orchestra.project import Project
from tests.chaos.invariants import Kept
from tests.support.checkouts import Contents
from tests.support.projects import HostProject


@dataclass
class Scene:
    """A project before an action, and what must be found in it again."""

    host: HostProject
    kept: Kept = field(default_factory=Kept)
    checkout: Contents = field(default_factory=dict)

    def executor(self, name: str) -> Session:
        """Create an executor with a commit and a file that is in none."""
        session = self.host.spawn(name)
        self.kept.commits.append(self.host.commit(session, f"{name}.txt", "committed\n"))
        self.host.write(session, f"{name}.draft", "not committed\n")
        self.kept.files[f"{name}.draft"] = (session, "not committed\n")
        return session


Prepare = Callable[[Scene], None]


Act = Callable[[Project], object]


Told = Callable[[Scene, bool], list[str]]


def nothing(_scene: Scene, _done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """Ask for no more than what every project promises."""
    return []


@dataclass(frozen=True)
class Case:
    """One of the table's actions.

    ``prepare`` comes before it, ``told`` says what is wrong after it was cut off, or done. ``again`` says whether to
    ask for the same once more after it was cut off, as a person would.
    """

    name: str
    action: str
    act: Act
    prepare: Prepare
    told: Told = nothing
    again: bool = True
